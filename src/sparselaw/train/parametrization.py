"""How initial weights and learning rates depend on width and density: standard, or sparse muP.

Sparse muP (Dey et al. 2024, arXiv 2405.15743) keeps the best learning rate the same at every width and density. With
m = width / reference width and rho the density of the tensor (its share of non-zeros), for Adam:

    tensors                               initial standard deviation    learning rate
    matrices of the blocks                (m rho)^-1/2                  (m rho)^-1
    output head                           (m rho)^-1                    (m rho)^-1
    embeddings, norms, biases, patches    1                             1

as multiples of those of the dense model at the reference width. The paper trains with a fixed mask. Here rho follows the
pruning schedule: initial weights use the density of the first step, learning rates that of the current step. Attention
keeps its factor head_size^-1/2 (muP has head_size^-1), so that other programs can run the checkpoints.

The standard parametrisation has one learning rate for all tensors, peak * reference_width / width (see `lr`).
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from sparselaw.train.config import RunConfig
from sparselaw.train.lr import learning_rate
from sparselaw.train.models import body_parameters, output_head, width_of
from sparselaw.train.pruners import schedule_of

Role = Literal["body", "head", "rest"]


@dataclass(frozen=True)
class Parametrization:
    """The learning rate of each role at each step.

    Attributes:
        config: configuration of the run.
        width: width of the model.
        num_steps: optimiser steps of the run.
    """

    config: RunConfig
    width: int
    num_steps: int

    def rate(self, role: Role, step: int) -> float:
        """The learning rate of a role at a step, counted from 0."""
        schedule = self.config.learning_rate
        if self.config.model.parametrization == "standard":
            return learning_rate(step, self.num_steps, config=schedule, width=self.width)
        rate = learning_rate(step, self.num_steps, config=schedule, width=schedule.reference_width)
        return rate if role == "rest" else rate / self.fan_in(role, step)

    def fan_in(self, role: Role, step: int) -> float:
        """Non-zero inputs per output of a role's tensors, as a multiple of those of the reference model: m rho."""
        S = self.config.pruning.sparsity
        target = S if role == "body" else 1 - math.sqrt(1 - S)
        pruned = schedule_of(self.config.pruning).fraction(step, self.num_steps) * target if S else 0.0
        return self.width / self.config.learning_rate.reference_width * (1 - pruned)


def roles(model: nn.Module) -> dict[str, Role]:
    """The role of each parameter, by name."""
    body, head = body_parameters(model), output_head(model)
    return {
        name: "body" if name in body else "head" if head is not None and p is head.weight else "rest"
        for name, p in model.named_parameters()
    }


@torch.no_grad()
def scale_initial_weights(model: nn.Module, parametrization: Parametrization) -> None:
    """Scales new weights, whose standard deviations are all proportional to width^-1/2, to those of sparse muP."""
    factor = parametrization.width / parametrization.config.learning_rate.reference_width
    found = roles(model)
    for name, p in model.named_parameters():
        if p.ndim < 2:
            continue
        role = found[name]
        wanted = 1.0 if role == "rest" else parametrization.fan_in(role, 0) ** (-0.5 if role == "body" else -1)
        p.mul_(wanted * math.sqrt(factor))


def parametrization_of(config: RunConfig, model: Any, num_steps: int) -> Parametrization:
    """The parametrisation of a model in a run."""
    return Parametrization(config, width_of(model.config), num_steps)
