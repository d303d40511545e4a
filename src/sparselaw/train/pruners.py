"""The pruner of a run, and the short name of its pruning method."""

import math
from typing import Any

import torch

from sparselaw.prune import DynamicPruner, MagnitudePruner, Schedule, StraightThroughPruner
from sparselaw.train.config import PruningConfig, RunConfig
from sparselaw.train.models import body_parameters, end_parameters


def make_pruner(
    config: RunConfig, model: torch.nn.Module, optimizer: torch.optim.Optimizer, num_steps: int
) -> MagnitudePruner:
    """The pruner of a run with sparsity S > 0.

    With the uniform distribution the ends of the model get the sparsity 1 - sqrt(1-S); see `models`.

    Raises:
        UserError: if the pruning method does not suit the model.
    """
    pruning = config.pruning
    ends = end_parameters(model)
    names = {*ends, *body_parameters(model)}
    distribution = pruning.distribution
    if distribution == "uniform":
        distribution = dict.fromkeys(ends, 1 - math.sqrt(1 - pruning.sparsity))
    elif config.model.kind == "vit":
        names -= ends.keys()  # the pruner would treat the patch projection as a body matrix
    shared: dict[str, Any] = {"distribution": distribution, "prunable": lambda name, _: name in names}
    if pruning.is_dynamic:
        return DynamicPruner(
            model,
            optimizer,
            pruning.sparsity,
            num_steps,
            growth="gradient" if pruning.method == "rigl" else "random",
            update_every=pruning.update_every,
            stop=pruning.end,
            seed=config.seed,
            **shared,
        )
    shared |= {"schedule": schedule_of(pruning), "pattern": pruning.pattern, "indivisible": pruning.indivisible}
    if pruning.method == "straight-through":
        return StraightThroughPruner(model, optimizer, pruning.sparsity, num_steps, **shared)
    return MagnitudePruner(model, pruning.sparsity, num_steps, update_every=pruning.update_every, **shared)


def schedule_of(pruning: PruningConfig) -> Schedule:
    """How sparsity grows over the run; constant for `rigl` and `set`."""
    return Schedule.constant() if pruning.is_dynamic else Schedule(pruning.start, pruning.end, pruning.exponent)


def recipe_of(pruning: PruningConfig) -> str:
    """The pruning method in short, such as `gradual`, `one-shot at 0.5`, `static, erdos-renyi-kernel` or `rigl`."""
    if not pruning.sparsity:
        return "dense"
    return ", ".join(
        filter(None, [_method(pruning), pruning.distribution if pruning.distribution != "uniform" else ""])
    )


def _method(pruning: PruningConfig) -> str:
    if pruning.is_dynamic:
        return pruning.method
    if pruning.start == pruning.end:
        ramp = f"one-shot at {pruning.start:g}" if pruning.end else "static"
    else:
        usual = (pruning.start, pruning.end, pruning.exponent) == (0.25, 0.75, 3)
        ramp = "gradual" if usual else f"gradual {pruning.start:g} to {pruning.end:g}"
    if pruning.method == "gradual":
        return ramp
    return pruning.method if ramp == "static" else f"{pruning.method}, {ramp}"
