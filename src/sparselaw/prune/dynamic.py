"""Dynamic sparse training: constant sparsity from the first step, with non-zeros that move.

The first masks are random. Every `update_every` steps, until the fraction `stop` of training, the live weights of
smallest magnitude are dropped and as many others are grown, starting from zero:
    RigL  where the gradient's magnitude is largest (Evci et al. 2020, arXiv 1911.11134)
    SET   at random (Mocanu et al. 2018, arXiv 1707.04780)
At step t the fraction drop/2 (1 + cos(pi t / (stop T))) of the live weights moves, as in RigL. A weight that was just
dropped may grow again, from zero. The optimiser sees masked gradients; growth sees unmasked ones.
"""

import math
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from sparselaw.errors import UserError
from sparselaw.prune import sharded
from sparselaw.prune.distributions import Distribution, Embeddings, Group
from sparselaw.prune.prunable import Filter
from sparselaw.prune.pruner import MagnitudePruner, Score, magnitude
from sparselaw.prune.ranking import Ranked
from sparselaw.prune.schedules import Schedule
from sparselaw.prune.thresholds import prune_together


class DynamicPruner(MagnitudePruner):
    """RigL or SET, hooked into any optimiser.

        pruner = DynamicPruner(model, optimizer, sparsity=0.75, num_steps=10_000)
        ...
        optimizer.step()
        pruner.step()

    Build it after the optimiser, on every rank. Under data parallelism masks agree because gradients do.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        sparsity: float,
        num_steps: int,
        *,
        growth: Literal["gradient", "random"] = "gradient",
        update_every: int = 100,
        stop: float = 0.75,
        drop: float = 0.3,
        distribution: Distribution = "uniform",
        embeddings: Embeddings = "sqrt",
        prunable: Filter | None = None,
        seed: int = 0,
    ) -> None:
        """Draws the first masks and applies them; other arguments as in `MagnitudePruner`.

        Args:
            model: any module whose parameters are whole on each rank.
            optimizer: of the model.
            sparsity: fraction of zeros, constant over training.
            num_steps: optimiser steps of the whole training.
            growth: where weights grow: `gradient` for RigL, `random` for SET.
            update_every: steps between moves.
            stop: fraction of training after which masks stay.
            drop: fraction of the live weights that move at the first update.
            distribution: of zeros among tensors.
            embeddings: their sparsity.
            prunable: which parameters to prune.
            seed: of the first masks and of random growth.

        Raises:
            UserError: if an argument does not make sense, alone or for this model.
        """
        if not (0 <= stop <= 1 and 0 <= drop < 1):
            raise UserError(f"stop is {stop} and drop {drop}; give stop in [0, 1] and drop in [0, 1).")
        self._growth, self._stop, self._drop, self._seed = growth, stop, drop, seed
        super().__init__(
            model,
            sparsity,
            num_steps,
            schedule=Schedule.constant(),
            update_every=update_every,
            distribution=distribution,
            embeddings=embeddings,
            score=_at_random(seed),
            prunable=prunable,
        )
        sharded.check_whole(self._slots)
        self._score = magnitude
        self._settings |= {"growth": growth, "stop": stop, "drop": drop, "seed": seed}
        optimizer.register_step_pre_hook(self._before_update)

    @property
    def finished(self) -> bool:
        """Whether masks no longer change."""
        return self._step >= self._stop * self._num_steps

    @torch.no_grad()
    def _before_update(self, *_: Any) -> None:
        """Moves weights if an update is due, then masks the gradients."""
        if self._step and self._step % self._update_every == 0 and not self.finished:
            wish = _gradient if self._growth == "gradient" else _at_random(self._seed, self._step)
            for group in self._groups:
                self._move(group, wish)
        for slot, mask in zip(self._slots, self._masks, strict=True):
            if slot.parameter.grad is not None:
                slot.parameter.grad.mul_(mask)

    def _move(self, group: Group, wish: Score) -> None:
        masks = [self._masks[i] for i in group.indices]
        before = [mask.clone() for mask in masks]
        share = self._drop / 2 * (1 + math.cos(math.pi * self._step / (self._stop * self._num_steps)))
        num_moved = round(share * (sum(mask.numel() for mask in masks) - group.num_zeros))
        if not (num_moved and group.num_zeros):
            return
        prune_together([self._ranked(i) for i in group.indices], group.num_zeros + num_moved)
        self._apply()  # a dropped weight loses its value, even if it grows again
        parameters = [self._slots[i].parameter for i in group.indices]
        growing = [
            Ranked(wish(p).reshape(-1), torch.ones_like(mask).view(-1), mask.clone().view(-1))
            for p, mask in zip(parameters, masks, strict=True)
        ]
        prune_together(growing, group.num_zeros)
        for i, mask, old, grown in zip(group.indices, masks, before, growing, strict=True):
            mask.copy_(grown.mask.view_as(mask))
            self._flips[i] = (mask ^ old).count_nonzero()


def _gradient(parameter: nn.Parameter) -> torch.Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _at_random(seed: int, step: int = 0) -> Score:
    """Random scores that depend on the seed, the step and the order of the calls."""
    mixed = np.random.SeedSequence([seed, step]).generate_state(1)  # PyTorch's generator takes 32 bits
    generator = torch.Generator().manual_seed(int(mixed[0]))
    return lambda parameter: torch.rand(parameter.shape, generator=generator).to(parameter.device)
