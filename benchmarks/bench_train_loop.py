"""What the training loop costs beside the model's own work, and what masks cost, as ratios measured in one run.

Each round trains the same model by a bare loop (data, forward, backward, AdamW), by Sparselaw's loop, and by
Sparselaw's loop with masks at 75%, in turn; the median of the rounds' ratios is printed.

    python benchmarks/bench_train_loop.py [rounds]
"""

import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

from sparselaw.train.config import config_from
from sparselaw.train.loop import LoopState, Training, train
from sparselaw.train.metrics import MetricsLog
from sparselaw.train.processes import Processes
from sparselaw.train.run_folder import prepare

TEXT = {"source": "synthetic", "sequence_length": 128}
SETTINGS = {
    "decoder": {"model": {"kind": "decoder", "width": 256, "layers": 4}, "data": TEXT},
    "t5": {"model": {"kind": "t5", "width": 192, "layers": 3}, "data": TEXT | {"span_corruption": True}},
    "vit": {"model": {"kind": "vit", "width": 256, "layers": 4}, "data": {"source": "glyphs"}},
}


def make(kind: str, *, steps: int, sparsity: float) -> Training:
    """A run that, if sparse, is at its target from the first step, so that every step is masked."""
    pruning = {"sparsity": sparsity, "start": 0.0, "end": 0.0}
    tree = SETTINGS[kind] | {"steps": steps, "batch_size": 8, "checkpoint_every": 0, "pruning": pruning}
    return prepare(config_from(tree), Processes(torch.device("cpu")))


def bare(training: Training, steps: int) -> None:
    """The least that trains: as in any tutorial, with clipping, and the loss read once a step."""
    model, optimizer, data = training.model, training.optimizer, training.data
    model.train()
    for step in range(steps):
        loss = model(**data.batch(step, 8)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        loss.item()


def ours(training: Training, steps: int) -> None:
    """The whole loop with its metrics, but for the final checkpoint, which every run writes once."""
    part = replace(training, config=replace(training.config, steps=steps + 1))
    with tempfile.TemporaryDirectory() as folder:
        state, log = LoopState(), MetricsLog(Path(folder) / "metrics.jsonl", hooks=[_Stop(steps)])
        try:
            train(part, state, folder=Path(folder), log=log)
        except _Enough:
            log.close()


class _Enough(Exception):
    pass


class _Stop:
    def __init__(self, steps: int) -> None:
        self._steps = steps

    def __call__(self, line: dict) -> None:
        if line["step"] == self._steps:
            raise _Enough


def seconds(work, training: Training, steps: int) -> float:
    """Wall-clock time of one round."""
    start = time.perf_counter()
    work(training, steps)
    return time.perf_counter() - start


def main(rounds: int, steps: int = 10) -> None:
    """Prints the ratios."""
    print(f"{'model':8} {'ours / bare, tokens a second':>30} {'masked / dense, seconds a step':>32}")
    for kind in SETTINGS:
        dense, sparse = (make(kind, steps=steps + 1, sparsity=s) for s in (0.0, 0.75))
        times = [
            (seconds(bare, dense, steps), seconds(ours, dense, steps), seconds(ours, sparse, steps))
            for _ in range(rounds + 1)
        ][1:]  # the first warms up
        speed = statistics.median(b / o for b, o, _ in times)
        masked = statistics.median(m / o for _, o, m in times)
        print(f"{kind:8} {speed:30.3f} {masked:32.3f}", flush=True)
    print("bars: at least 0.970, at most 1.030")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
