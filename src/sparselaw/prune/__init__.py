"""Gradual magnitude pruning for anyone's training loop.

    pruner = MagnitudePruner(model, sparsity=0.75, num_steps=T)
    ...
    optimizer.step()
    pruner.step()

PyTorch is imported only when the pruner is asked for: `Schedule` is of use without it.
"""

from typing import TYPE_CHECKING, Any

from sparselaw.prune.schedules import Schedule

if TYPE_CHECKING:
    from sparselaw.prune.huggingface import HuggingFaceCallback
    from sparselaw.prune.pruner import MagnitudePruner

__all__ = ["HuggingFaceCallback", "MagnitudePruner", "Schedule"]


def __getattr__(name: str) -> Any:
    if name == "MagnitudePruner":
        from sparselaw.prune.pruner import MagnitudePruner

        return MagnitudePruner
    if name == "HuggingFaceCallback":
        from sparselaw.prune.huggingface import HuggingFaceCallback

        return HuggingFaceCallback
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
