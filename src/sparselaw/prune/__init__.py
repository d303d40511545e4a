"""Pruning for anyone's training loop.

    pruner = MagnitudePruner(model, sparsity=0.75, num_steps=T)
    ...
    optimizer.step()
    pruner.step()

PyTorch is imported only with a pruner; `Schedule` works without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sparselaw.prune.schedules import Schedule

if TYPE_CHECKING:
    from sparselaw.prune.dynamic import DynamicPruner
    from sparselaw.prune.huggingface import HuggingFaceCallback
    from sparselaw.prune.pruner import MagnitudePruner
    from sparselaw.prune.straight_through import StraightThroughPruner

_HOMES = {
    "DynamicPruner": "dynamic",
    "HuggingFaceCallback": "huggingface",
    "MagnitudePruner": "pruner",
    "StraightThroughPruner": "straight_through",
}

__all__ = ["DynamicPruner", "HuggingFaceCallback", "MagnitudePruner", "Schedule", "StraightThroughPruner"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"sparselaw.prune.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
