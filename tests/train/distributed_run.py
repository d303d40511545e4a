"""One tiny run of each kind, in one process or in those that torchrun started: `distributed_run.py FOLDER`."""

import sys
from pathlib import Path

import torch

from sparselaw.train import run
from sparselaw.train.config import config_from

TEXT = {"source": "synthetic", "sequence_length": 32, "heldout": 12}
DATA = {"decoder": TEXT, "t5": TEXT | {"span_corruption": True}, "vit": {"source": "glyphs", "heldout": 12}}


def main(folder: Path) -> None:
    """Trains; the batch is that of all processes together, divided once more by accumulation."""
    torch.set_num_threads(1)
    for kind, data in DATA.items():
        tree = {
            "model": {"kind": kind, "width": 16, "layers": 1},
            "data": data,
            "pruning": {"sparsity": 0.75, "update_every": 3},
            "learning_rate": {"peak": 1e-3},
            "steps": 24,
            "batch_size": 8,
            "accumulation": 2,
            "log_every": 6,
        }
        run(config_from(tree), folder / kind)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
