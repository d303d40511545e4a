"""Gradual magnitude pruning beside any optimiser (Zhu and Gupta 2017, arXiv 1710.01878; recipe of Frantar et al.,
arXiv 2309.08520).

After each optimiser step the weights are multiplied by their masks, in place. The model remains an ordinary dense model
(names, state_dict, copies, compilation), and neither momentum nor weight decay revives a pruned weight. Gradients and
optimiser state stay dense. During the ramp, masks are recomputed from the magnitudes every `update_every` steps; sparsity
only rises, so a pruned weight stays pruned.
"""

from collections.abc import Callable, Mapping
from dataclasses import astuple
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from sparselaw.errors import UserError
from sparselaw.prune import sharded, states
from sparselaw.prune.distributions import Distribution, Embeddings, Group, allocate, check_sparsity
from sparselaw.prune.patterns import input_dim, keep_groups, parse_pattern
from sparselaw.prune.prunable import Filter, check_divisible, divides, find_slots, takes_pattern
from sparselaw.prune.ranking import Ranked, adopt_protected, bits_of
from sparselaw.prune.report import PruningReport, TensorReport
from sparselaw.prune.schedules import Schedule
from sparselaw.prune.thresholds import prune_together

Score = Callable[[nn.Parameter], Tensor]


def magnitude(parameter: nn.Parameter) -> Tensor:
    """The default score: the weight itself; only its magnitude counts."""
    return parameter


class MagnitudePruner:
    """Prunes a model during training.

        pruner = MagnitudePruner(model, sparsity=0.75, num_steps=10_000)
        ...
        optimizer.step()
        pruner.step()

    Build it on every rank, after the model is wrapped (DDP) or sharded (`fully_shard`) and before training.
    """

    def __init__(
        self,
        model: nn.Module,
        sparsity: float,
        num_steps: int,
        *,
        schedule: Schedule | None = None,
        update_every: int = 100,
        distribution: Distribution = "uniform",
        pattern: str = "unstructured",
        indivisible: Literal["refuse", "dense"] = "refuse",
        embeddings: Embeddings = "sqrt",
        score: Score = magnitude,
        prunable: Filter | None = None,
    ) -> None:
        """Finds what to prune; with `Schedule.constant()` it prunes immediately.

        Args:
            model: any module, also compiled, data-parallel or sharded.
            sparsity: final fraction of zeros, in [0, 1).
            num_steps: optimiser steps of the whole training.
            schedule: when weights become zero; by default a cubic ramp from 25% to 75% of training.
            update_every: steps between mask updates during the ramp.
            distribution: `uniform`, `global`, `erdos-renyi-kernel`, or a map from names of some tensors to their
                sparsities.
            pattern: `unstructured`, or n:m with n non-zeros in each m consecutive inputs, which must agree with
                `sparsity`; embeddings and tensors named in a map stay unstructured.
            indivisible: `refuse` matrices whose inputs do not divide by m, or leave them `dense`.
            embeddings: sparsity of embeddings and output embeddings: `sqrt` for 1 - sqrt(1-S), `dense`, or `target`.
            score: function that ranks weights, of the parameter's shape and type; the sign is ignored.
            prunable: function of name and parameter that selects what to prune; by default all matrices except
                position tables.

        Raises:
            UserError: if an argument does not make sense, alone or for this model.
        """
        check_sparsity(sparsity)
        if num_steps < 1 or update_every < 1:
            raise UserError(f"num_steps is {num_steps} and update_every is {update_every}; give 1 or more for both.")
        self._schedule = schedule or Schedule()
        self._num_steps, self._update_every, self._score = num_steps, update_every, score
        self._pattern = parse_pattern(pattern)
        self._slots = find_slots(model, prunable)
        named = distribution if isinstance(distribution, Mapping) else {}
        if self._pattern and indivisible == "dense":
            self._slots = [s for s in self._slots if divides(s, self._pattern) or not takes_pattern(s, named)]
        self._groups = allocate(
            [s.tensor for s in self._slots], sparsity, distribution=distribution, embeddings=embeddings
        )
        self._ranks = [self._ranks_of(group) for group in self._groups]
        self._patterned = self._find_patterned(sparsity, distribution, named)
        self._settings = {
            "sparsity": sparsity,
            "num_steps": num_steps,
            "schedule": list(astuple(self._schedule)),
            "update_every": update_every,
            "distribution": dict(distribution) if isinstance(distribution, Mapping) else distribution,
            "pattern": pattern,
            "embeddings": embeddings,
        }
        self._masks = [_all_alive(slot.parameter) for slot in self._slots]
        self._flips: list[Tensor | int] = [0] * len(self._slots)
        self._step, self._num_zeros = 0, 0
        if self._schedule.last_step(num_steps) == 0:
            self._update()

    @property
    def masks(self) -> dict[str, Tensor]:
        """Masks by parameter name, True where a weight is kept; under FSDP2 the masks of this rank's rows."""
        return {slot.name: mask for slot, mask in zip(self._slots, self._masks, strict=True)}

    @property
    def num_prunable(self) -> int:
        """Number of weights in the prunable tensors, over all ranks."""
        return sum(slot.parameter.numel() for slot in self._slots)

    @property
    def num_nonzero(self) -> int:
        """Number of weights that the masks keep: N of the scaling law."""
        return self.num_prunable - self._num_zeros

    @property
    def current_sparsity(self) -> float:
        """Fraction of the prunable weights that are pruned now."""
        return self._num_zeros / self.num_prunable

    @property
    def finished(self) -> bool:
        """Whether the ramp has ended, so that masks no longer change."""
        return self._step >= self._schedule.last_step(self._num_steps)

    @torch.no_grad()
    def step(self) -> None:
        """Call after each `optimizer.step()`.

        Raises:
            UserError: if a weight is NaN at a mask update.
        """
        self._step += 1
        self._apply()
        if self._schedule.is_update(self._step, self._num_steps, update_every=self._update_every):
            self._update()

    def report(self) -> PruningReport:
        """Sizes, non-zeros and flips of each tensor. Under FSDP2, call it on all ranks."""
        rows = []
        for slot, mask, flips in zip(self._slots, self._masks, self._flips, strict=True):
            counts = torch.stack([mask.count_nonzero(), torch.as_tensor(flips, device=mask.device)])
            ranks = sharded.ranks_of(slot.name, slot.parameter)
            num_nonzero, changed = (counts if ranks is None else ranks.total(counts)).tolist()
            rows.append(TensorReport(slot.name, slot.parameter.numel(), num_nonzero, changed))
        return PruningReport(self._step, tuple(rows))

    def state_dict(self) -> dict[str, Any]:
        """Step, settings and packed masks of the whole model; `torch.load(weights_only=True)` reads it.

        Under FSDP2, call it on all ranks.
        """
        masks = {s.name: sharded.whole_mask(m, s.parameter) for s, m in zip(self._slots, self._masks, strict=True)}
        return states.pack(masks, step=self._step, settings=self._settings)

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues from the state of a pruner with the same settings and model.

        Raises:
            UserError: if it is not a pruner's state, is damaged, or belongs to another model or other settings.
        """
        masks = states.unpack(
            state, shapes={s.name: tuple(s.parameter.shape) for s in self._slots}, settings=self._settings
        )
        self._num_zeros = sum(mask.numel() - int(mask.count_nonzero()) for mask in masks.values())
        for slot, mask in zip(self._slots, self._masks, strict=True):
            mask.copy_(sharded.own_rows(masks[slot.name], slot.parameter))
        self._step = state["step"]
        self._flips = [0] * len(self._slots)
        self._apply()

    def _apply(self) -> None:
        """Multiplies weights by masks without waiting for the device."""
        weights = [sharded.local_part(slot.parameter) for slot in self._slots]
        # The model may have moved to another device.
        self._masks = [m.to(w.device) for m, w in zip(self._masks, weights, strict=True)]
        if not self._num_zeros:
            return
        # As integers, any pruned weight becomes +0, even infinity; and NumPy is several times faster.
        bits = [bits_of(weight) for weight in weights]
        if all(b.device.type == "cpu" for b in bits):
            for b, mask in zip(bits, self._masks, strict=True):
                np.multiply(b.numpy(), mask.numpy(), out=b.numpy())
        else:
            torch._foreach_mul_(bits, self._masks)

    @torch.no_grad()
    def _update(self) -> None:
        fraction = self._schedule.fraction(self._step, self._num_steps)
        self._check_numbers()
        self._num_zeros = 0
        for group, ranks in zip(self._groups, self._ranks, strict=True):
            num_zeros = round(fraction * group.num_zeros)
            self._num_zeros += num_zeros
            if num_zeros:
                self._prune(group, num_zeros, ranks)
        self._apply()

    def _prune(self, group: Group, num_zeros: int, ranks: sharded.Ranks | None) -> None:
        tensors = [self._ranked(i) for i in group.indices]
        if num_zeros == group.num_zeros and self._patterned.issuperset(group.indices):
            counts = [adopt_protected(tensor) for tensor in tensors]
        elif ranks is not None:
            counts = sharded.prune_sharded(tensors, num_zeros, ranks)
        else:
            counts = prune_together(tensors, num_zeros)
        for i, flips in zip(group.indices, counts, strict=True):
            self._flips[i] = flips

    def _ranked(self, index: int) -> Ranked:
        slot, mask = self._slots[index], self._masks[index]
        scores, keep = self._scores(index), None
        if index in self._patterned and self._pattern is not None:
            keep = keep_groups(scores, self._pattern, mask=mask, dim=input_dim(slot.module)).reshape(-1)
        return Ranked(scores.reshape(-1), mask.view(-1), keep)

    def _scores(self, index: int) -> Tensor:
        scores = sharded.local_part(self._score(self._slots[index].parameter))
        # Weights are masked already; other scores may not be, and pruned weights must rank last.
        return scores if self._score is magnitude else scores * self._masks[index]

    def _check_numbers(self) -> None:
        """Raises a UserError if a score is NaN; waits for the device once for all tensors."""
        bad = torch.stack([_has_nan(self._scores(i)) for i in range(len(self._slots))])
        for ranks in {ranks.group: ranks for ranks in self._ranks if ranks is not None}.values():
            ranks.total(bad)
        names = [slot.name for slot, b in zip(self._slots, bad.tolist(), strict=True) if b]
        if names:
            raise UserError(
                f"{names[0]} has NaN weights or scores at step {self._step}; lower the learning rate and train again."
            )

    def _ranks_of(self, group: Group) -> sharded.Ranks | None:
        slots = [self._slots[i] for i in group.indices]
        kinds = {(s.parameter.dtype, s.parameter.device) for s in slots}
        if len(kinds) > 1:
            raise UserError(
                "The tensors have several types or devices, which one global threshold cannot cover; use the uniform "
                "distribution."
            )
        ranks = {sharded.ranks_of(s.name, s.parameter) for s in slots}
        if len(ranks) > 1:
            raise UserError(
                "The tensors are sharded in several ways, which one global threshold cannot cover; use the uniform distribution."
            )
        return ranks.pop()

    def _find_patterned(self, sparsity: float, distribution: Distribution, named: Mapping[str, float]) -> set[int]:
        if self._pattern is None:
            return set()
        if abs(sparsity - self._pattern.sparsity) > 1e-9:
            raise UserError(
                f"The pattern {self._pattern} has sparsity {self._pattern.sparsity:g}, not {sparsity:g}; give sparsity "
                f"{self._pattern.sparsity:g}."
            )
        if distribution == "erdos-renyi-kernel":
            raise UserError(
                f"The pattern {self._pattern} gives every tensor the same sparsity; use the uniform or global distribution."
            )
        chosen = [i for i, slot in enumerate(self._slots) if takes_pattern(slot, named)]
        check_divisible([self._slots[i] for i in chosen], self._pattern)
        sharded.check_inputs_whole([self._slots[i] for i in chosen])
        return set(chosen)


def _all_alive(parameter: Tensor) -> Tensor:
    held = sharded.local_part(parameter)
    return torch.ones_like(held, dtype=torch.bool, memory_format=torch.contiguous_format)


def _has_nan(scores: Tensor) -> Tensor:
    """1 or 0, on the device; a maximum is NaN if any of the numbers is."""
    return scores.amax().isnan().long() if scores.numel() else scores.new_zeros((), dtype=torch.int64)
