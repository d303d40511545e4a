"""Is a sparse transformer worth it? Train a decoder, a T5 and a ViT three times each, on the same data:

dense     dense, with as many non-zero weights as the sparse model
sparse    75% sparse, twice as wide
parent    dense, as wide as the sparse model

The sparse model should have a lower loss than the dense model and a higher one than its parent. A run takes a few minutes
on one core. You can stop the script at any time and start it again: finished runs are skipped.

    python examples/train_three_kinds.py [folder] [number of runs at a time] [kinds ...]
"""

import dataclasses
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from sparselaw.counts import format_count
from sparselaw.train import RunConfig, load_config, run

KINDS = {"decoder": "decoder-laptop", "t5": "t5-laptop", "vit": "vit-laptop"}


def three_models(recipe: str) -> dict[str, RunConfig]:
    """The sparse model of a recipe, the dense model with as many non-zero weights, and the dense parent."""
    sparse = load_config(recipe)
    dense = load_config(recipe, ["pruning.sparsity=0"])
    nonzeros = sparse.model.nonzeros / (1 - sparse.pruning.sparsity)
    parent = dataclasses.replace(dense, model=dataclasses.replace(dense.model, nonzeros=nonzeros))
    return {"dense": dense, "sparse": sparse, "parent": parent}


def main(folder: Path, num_workers: int, kinds: list[str]) -> None:
    """Train all unfinished models and print one table."""
    with ProcessPoolExecutor(num_workers, mp_context=get_context("spawn")) as pool:
        runs = [
            (kind, name, pool.submit(run, config, folder / f"{kind}-{name}"))
            for kind in kinds
            for name, config in three_models(KINDS[kind]).items()
        ]
        print(f"{'kind':8} {'model':7} {'N':>7} {'S':>5} {'D':>6} {'total':>7} {'loss':>7} {'seconds':>8}")
        for kind, name, future in runs:
            r = future.result()
            counts = [format_count(r[key]) for key in ("nonzero_params", "data", "total_params")]
            print(
                f"{kind:8} {name:7} {counts[0]:>7} {r['sparsity']:5g} {counts[1]:>6} {counts[2]:>7} "
                f"{r['loss'] or float('nan'):7.4f} {r['seconds']:8.0f}",
                flush=True,
            )


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(
        Path(arguments[0] if arguments else "runs/three-kinds"),
        int(arguments[1]) if len(arguments) > 1 else max(1, (os.cpu_count() or 2) // 2),
        arguments[2:] or list(KINDS),
    )
