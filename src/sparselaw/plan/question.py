"""A question: some quantities are given, the others are free. What has no answer is refused in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sparselaw.cost.architecture import Architecture
from sparselaw.cost.devices import Device, TokenTime
from sparselaw.cost.limits import Limits
from sparselaw.cost.serving import SERVED_DENSE, Gpu
from sparselaw.cost.storage import Memory, Storage, Total
from sparselaw.cost.training import Cost
from sparselaw.errors import UserError, arg
from sparselaw.fit.result import Fit
from sparselaw.laws.optimum import Size, levels_of
from sparselaw.laws.power import PowerLaw
from sparselaw.laws.precision import FACTORS, LOSSLESS, Factor
from sparselaw.plan.options import STANDARD, Option
from sparselaw.words import say

FEWEST = 1000  # weights in a memory: a layer has more, so a unit must be wrong
LARGEST = 1e40  # of any quantity asked about: powers of it stay within the range of a double
TOLERANCE = 1e-3  # of the loss
COST_TOLERANCE = 1e-2  # of the cost
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Question:
    """What is asked; None is free.

    `flops` alone, or two of a size (`nonzeros` or `memory`), `flops`, `data` and `loss`; or a size and `times_chinchilla`; or
    `loss` and `inference`, with a size if that is limited. `memory` and `latency` may hold together.

    Attributes:
        nonzeros: N, the non-zero prunable weights.
        memory: in place of N, bytes for the weights counted in it: N is as large as fits, at every sparsity.
        total: in place of N, the weights before pruning, zeros included.
        latency: in place of N, the time of a token: N is as large as that allows, at every sparsity.
        flops: training budget.
        times_chinchilla: the budget in multiples of the dense compute-optimal one of N.
        data: with a size, a budget: what a DENSE model of it would spend on so much data. Without, the data there is.
        loss: to reach.
        inference: tokens or images served over the model's life.
        cost: of training.
        inference_cost: of inference.
        gpu: turns FLOPs into hours and money, and weighs inference against training.
        tolerance: share that makes no difference: of the loss, or with `inference` of the cost; None for the usual one.
        confidence: of the intervals.
        options: that are compared under the limit and the budget.
        factors: capacity factors of precisions.
        device: whose time of a token is told for each option.
        batch: sequences that the device generates at once.
        architecture: whose prunable weights `total` is; what it keeps is stored in 16 bits.
    """

    nonzeros: float | None = None
    memory: Memory | None = None
    total: float | None = None
    latency: TokenTime | None = None
    flops: float | None = None
    times_chinchilla: float | None = None
    data: float | None = None
    loss: float | None = None
    inference: float | None = None
    cost: Cost = Cost()
    inference_cost: Cost = SERVED_DENSE
    gpu: Gpu | None = None
    tolerance: float | None = None
    confidence: float = CONFIDENCE
    options: tuple[Option, ...] = STANDARD
    factors: Mapping[str, Factor] = field(default_factory=lambda: FACTORS)
    device: Device | None = None
    batch: int = 1
    architecture: Architecture | None = None

    @property
    def size(self) -> Size | None:
        """The size that is given, if one is."""
        if self.total is not None:
            return Total(self.total)
        if self.memory is not None and self.latency is not None:
            return Limits((self.memory, self.latency))
        return self.memory or self.latency or self.nonzeros

    @property
    def limit(self) -> str:
        """What limits the size: "bytes", "time", "both", "weights", or "count" if N or nothing does."""
        if self.memory is not None and self.latency is not None:
            return "both"
        kinds = {"bytes": self.memory, "time": self.latency, "weights": self.total}
        return next((kind for kind, given in kinds.items() if given is not None), "count")

    @property
    def is_lifetime(self) -> bool:
        """Whether training and inference are planned together."""
        return self.inference is not None

    @property
    def factor(self) -> Factor:
        """The capacity factor of the weights that a limit in bytes or time holds, taken for exact."""
        held = self.memory.storage if self.memory else self.latency
        return replace(self.factors[held.precision], spread=0.0) if held else LOSSLESS

    def in_precision(self, precision: str) -> Question:
        """The same of weights of another precision."""
        memory, latency = self.memory, self.latency
        return replace(
            self,
            memory=memory and Memory(memory.bytes, Storage(memory.storage.format, precision)),
            latency=latency and replace(latency, precision=precision),
        )

    @property
    def weight(self) -> float:
        """What a FLOP of inference costs in FLOPs of training."""
        return self.gpu.weight if self.gpu else 1.0

    @property
    def is_for_size(self) -> bool:
        """Whether the smallest model is asked for that reaches a loss on a budget."""
        return self.loss is not None and self.flops is not None

    @property
    def share_of_no_difference(self) -> float:
        """The tolerance, or the usual one."""
        usual = COST_TOLERANCE if self.is_lifetime else TOLERANCE
        return usual if self.tolerance is None else self.tolerance

    def check(self, law: PowerLaw) -> None:
        """Refuses what has no answer.

        Raises:
            UserError: too little or too much is given, a quantity that no training run has, a memory that no model fits in.
        """
        given = {name: getattr(self, name) for name in ("nonzeros", "flops", "data", "times_chinchilla", "loss")}
        memory, latency = self.memory, self.latency
        limits = {"memory": memory.bytes if memory else None, "latency": latency.seconds if latency else None}
        check_sizes(given | limits | {"inference": self.inference, "total": self.total})
        for name in ("tolerance", "confidence"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise UserError(f"{arg(name)} is {value:g}; give a number between 0 and 1.")
        bounds = self.memory or self.latency
        if sum(size is not None for size in (self.nonzeros, self.total, bounds)) > 1:
            raise UserError(
                f"Give one of {_sizes()}, since each decides how many non-zeros there are; {arg('memory')} and {arg('latency')} "
                "alone may hold together."
            )
        if self.memory is not None:
            _check_memory(self.memory, law)
        if self.is_lifetime:
            self._check_lifetime()
            return
        known = {name for name, value in given.items() if value is not None} | ({"nonzeros"} if self.size else set())
        if known != {"flops"} and (len(known) != 2 or ("times_chinchilla" in known and "nonzeros" not in known)):
            raise UserError(
                f"Give two of a size ({_sizes()}), a budget ({arg('flops')}, or {arg('gpu')} and {arg('gpu_hours')}), "
                f"{arg('data')} and {arg('loss')}; or a size and {arg('times_chinchilla')}; or a budget alone for any size."
            )

    def _check_lifetime(self) -> None:
        if self.loss is None or (self.flops, self.data, self.times_chinchilla) != (None,) * 3:
            raise UserError(
                f"With {arg('inference')} give {arg('loss')}, the loss to reach at the lowest cost, and a size ({_sizes()}) if "
                "that is limited."
            )


def check_sizes(named: Mapping[str, float | None]) -> None:
    """Refuses quantities, by the name of their argument, that no training run has.

    Raises:
        UserError: one is not positive and finite, or absurd.
    """
    for name, value in named.items():
        if value is not None and not (np.isfinite(value) and value > 0):
            raise UserError(f"{arg(name)} is {value:g}; give a positive number.")
        if value is not None and not 1 / LARGEST < value < LARGEST:
            raise UserError(f"{arg(name)} is {value:g}, which no training run comes near; check its unit.")


def check_units(fitted: Fit, tokens_per_image: float) -> None:
    """Refuses a number of tokens in an image that is none, or that is given for a law in tokens.

    Raises:
        UserError: one of these.
    """
    if not (np.isfinite(tokens_per_image) and tokens_per_image > 0):
        raise UserError(f"{arg('tokens_per_image')} is {tokens_per_image:g}; give a positive number.")
    if tokens_per_image != 1 and fitted.data_unit != "images":
        raise UserError(
            f"{fitted.name} counts data in {fitted.data_unit}; give {arg('tokens_per_image')} only for laws in images."
        )


def on_schedule_of(cost: Cost, fitted: Fit) -> Fit:
    """A fit, of which a law in the mean number of weights over training takes that of the schedule of a cost."""
    law, slope = fitted.law, 1 - cost.schedule.mean_density(1.0)
    if not isinstance(law, PowerLaw) or law.mean_density_slope == slope:
        return fitted
    return replace(fitted, law=replace(law, mean_density_slope=slope))


def _sizes() -> str:
    return f"{arg('nonzeros')}, {arg('memory')}, {arg('total')} or {arg('latency')}"


def _check_memory(memory: Memory, law: PowerLaw) -> None:
    held = {"memory": memory.bytes, "dense_params": memory.dense_params, "precision": memory.storage.precision}
    refuse_if("memory", held | {"fewest": FEWEST, "largest": LARGEST})
    holds_dense_only = bool(memory.levels) and len(levels_of(law, memory)) < 2
    refuse_if("pattern", {"law": law.name, "format": memory.storage.format, "holds_dense_only": holds_dense_only})


def refuse_if(group: str, facts: Mapping[str, Any]) -> None:
    """Refuses a question if a rule of `words/refusals.toml` speaks of these facts.

    Raises:
        UserError: one does.
    """
    names = {f"{name}_arg": arg(name) for name in ("memory", "inference", "nonzeros", "loss", "precision")}
    sentence = say("refusals", group, {**facts, **names})
    if sentence:
        raise UserError(sentence)
