"""Tiny runs that train in a second."""

import pytest
import torch

from sparselaw.train.config import RunConfig, config_from

TEXT = {"source": "synthetic", "sequence_length": 32, "heldout": 16}
DATA = {"decoder": TEXT, "t5": TEXT | {"span_corruption": True}, "vit": {"source": "glyphs", "heldout": 16}}


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def tiny():
    """Makes the configuration of a tiny run; sections given replace keys of the default ones."""

    def make(kind: str = "decoder", **changes) -> RunConfig:
        tree = {
            "model": {"kind": kind, "width": 16, "layers": 1},
            "data": DATA[kind],
            "pruning": {"sparsity": 0.75, "update_every": 3},
            "steps": 20,
            "batch_size": 4,
            "log_every": 5,
        }
        for key, change in changes.items():
            tree[key] = {**tree.get(key, {}), **change} if isinstance(change, dict) else change
        return config_from(tree)

    return make
