"""What each option comes to under one question: the same limit and training FLOPs, or loss to reach, in different ways.

A limit is an upper bound: where fewer weights than it allows do better, the option takes fewer. N of `nonzeros`
and `total` is what was asked for. Weights of fewer bits are trained and served in them, at the FLOPs of 16-bit ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sparselaw.cost.devices import TokenTime, runtimes
from sparselaw.fit.result import Fit
from sparselaw.laws.optimum import nonzeros_at
from sparselaw.laws.power import Array
from sparselaw.laws.precision import FACTORS, Factor, with_factor
from sparselaw.plan.estimate import Estimate, Estimates
from sparselaw.plan.models import Budget, Models, is_possible
from sparselaw.plan.options import Option

SEED = 0  # of the draws of capacity factors
KEPT_BYTES = 2  # of a weight that is not pruned
ROUNDING = 12  # digits of a loss after the point: what differs less is equal


@dataclass(frozen=True)
class Outcome:
    """An option, solved.

    Attributes:
        option: the way to spend the limit.
        sparsity: as asked, or the best one for the fitted parameters.
        nonzero_params, total_params: weights after and before pruning.
        bytes: of the stored weights: those that N counts, and the kept ones of a model that is given; with the interval of the
            law where a loss is to be reached in the fewest.
        flops, data: of training; FLOPs with the interval of the law where a loss is to be reached with the fewest.
        inference_flops: of everything that is served.
        total_flops: of both, inference at its weight; likewise.
        loss: with the interval of a new run, loss_band with that of the law; or the loss to reach, without one.
        difference: loss above that of the best option, with the paired interval of the law; None where a loss is to be reached.
        times_best: total FLOPs, or bytes, over those of the best option, likewise, where a loss is to be reached.
        gpu_hours, money: of the total; None without a GPU's peak, and without its price.
        seconds_per_token: None without a device, or where nothing runs such weights on it.
        runtimes: what runs such weights today, on the device if there is one.
        fills: whether the limit is reached.
    """

    option: Option
    sparsity: float
    nonzero_params: float
    total_params: float
    bytes: Estimate
    flops: Estimate
    data: float
    inference_flops: float
    total_flops: Estimate
    loss: Estimate
    loss_band: Estimate
    difference: Estimate | None
    times_best: Estimate | None
    gpu_hours: float | None
    money: float | None
    seconds_per_token: float | None
    runtimes: tuple[str, ...]
    fills: bool

    @property
    def is_dense_after_all(self) -> bool:
        """Whether the best sparsity of a sparse option is none."""
        return self.option.pattern != "dense" and self.sparsity == 0

    @property
    def label(self) -> str:
        """Its name, with the sparsity where that was chosen for it."""
        if self.option.sparsity is not None:
            return self.option.name
        return f"{self.option.name} {self.sparsity:.1%}" if self.sparsity > 0 else f"{self.option.name} (dense)"

    def to_json(self) -> dict[str, Any]:
        """A flat record."""
        option = self.option
        return {
            "name": option.name,
            "precision": option.precision,
            "pattern": option.pattern,
            "sparsity": self.sparsity,
            "nonzero_params": self.nonzero_params,
            "total_params": self.total_params,
            "bytes": self.bytes.value,
            "bytes_interval": self.bytes.bounds,
            "flops": self.flops.value,
            "flops_interval": self.flops.bounds,
            "data": self.data,
            "inference_flops": self.inference_flops,
            "total_flops": self.total_flops.value,
            "total_flops_interval": self.total_flops.bounds,
            "loss": self.loss.known,
            "loss_interval": self.loss.bounds,
            "difference": self.difference and self.difference.known,
            "difference_interval": self.difference and self.difference.bounds,
            "times_best": self.times_best and self.times_best.known,
            "times_best_interval": self.times_best and self.times_best.bounds,
            "gpu_hours": self.gpu_hours,
            "money": self.money,
            "seconds_per_token": self.seconds_per_token,
            "runtimes": list(self.runtimes),
            "fills_limit": self.fills,
        }


@dataclass(frozen=True)
class _Solved:
    """An option without its rivals: the model, and in every draw its loss, or the FLOPs or bytes that reach a loss."""

    outcome: Outcome
    goal: float
    drawn: Array | None


def outcomes(
    fitted: Fit,
    options: tuple[Option, ...],
    budget: Budget,
    estimate: Estimates,
    *,
    factors: Mapping[str, Factor] = FACTORS,
) -> tuple[Outcome, ...]:
    """Every option that the law and the limit allow, the lowest loss, or the fewest FLOPs or bytes for a loss, first.

    Args:
        fitted: the fit that was asked; its draws are shared by all options, so that differences are paired.
        options: to compare.
        budget: what each is given.
        estimate: the fit's values and draws.
        factors: capacity factors by precision.
    """
    law = fitted.planning_law()
    solved = [
        _solve(in_precision(fitted, factors[option.precision], _seed(option, factors)), option, budget, estimate)
        for option in options
        if is_possible(law, option, budget)
    ]
    solved = sorted((one for one in solved if np.isfinite(one.goal)), key=_rank)
    if budget.loss is not None:
        return tuple(replace(one.outcome, times_best=_ratio(one, solved[0], estimate)) for one in solved)
    return tuple(replace(one.outcome, difference=_difference(one, solved[0], estimate)) for one in solved)


def _rank(one: _Solved) -> tuple[float, bool]:
    """By the goal; of equal ones the dense option, which a sparse one that is best without zeros repeats, first."""
    return round(one.goal, ROUNDING), one.outcome.is_dense_after_all


def _seed(option: Option, factors: Mapping[str, Factor]) -> int:
    """The same for options of one precision, whose differences are then paired."""
    return list(factors).index(option.precision)


def in_precision(fitted: Fit, factor: Factor, seed: int = 0) -> Fit:
    """The fit of models with weights of a precision: its parameters and draws with the capacity factor in them."""
    if factor.value == 1 and not factor.spread:
        return fitted
    law = fitted.planning_law()
    values = dict(zip(law.names, with_factor(law, fitted.values, factor.value).tolist(), strict=True))
    boot = fitted.bootstrap
    if boot is not None and len(boot.draws):
        rng = np.random.default_rng([SEED, seed])
        drawn = np.clip(factor.value + factor.spread * rng.standard_normal(len(boot.draws)), 0.01, 1.0)
        boot = replace(boot, draws=with_factor(law, boot.draws, drawn))
    return replace(fitted, parameters=values, bootstrap=boot)


def _solve(fitted: Fit, option: Option, budget: Budget, estimate: Estimates) -> _Solved:
    models = Models(fitted.planning_law(), fitted.values, option, budget)
    S = models.best()
    N, D, goal = float(models.weights(S)), float(models.data(S)), float(models.goal(S))
    drawn = models.in_draws(fitted.draws, S, N, D) if len(fitted.draws) else None
    total, served, gpu = N / (1 - S), float(budget.served(S, N)), budget.gpu
    training, spent, stored = (
        float(x) for x in (budget.cost.flops(S, N, D), models.spent(S, N, D), models.bytes(S, N))
    )
    hours = gpu.training_hours(spent) if gpu and gpu.peak else None

    def of(kind: str, value: float, draws: Array | None) -> Estimate:
        return estimate.of(value, draws) if budget.goal == kind else Estimate(value)

    found = Outcome(
        option=option,
        sparsity=float(S),
        nonzero_params=N,
        total_params=total,
        bytes=of("bytes", stored, drawn),
        flops=of("flops", training, None if drawn is None else drawn - budget.weight * served),
        data=D,
        inference_flops=served,
        total_flops=of("flops", spent, drawn),
        loss=Estimate(budget.loss) if budget.loss is not None else estimate.of_run(goal, drawn, total * D),
        loss_band=Estimate(budget.loss) if budget.loss is not None else estimate.of(goal, drawn),
        difference=None,
        times_best=None,
        gpu_hours=hours,
        money=hours * gpu.price if gpu and gpu.price and hours is not None else None,
        seconds_per_token=_seconds(option, budget, S, N),
        runtimes=runtimes(
            option.pattern if S > 0 else "dense", option.precision, budget.device.family if budget.device else None
        ),
        fills=models.size is not None and bool(np.isclose(N, nonzeros_at(models.size, S))),
    )
    return _Solved(found, goal, drawn)


def _seconds(option: Option, budget: Budget, S: float, N: float) -> float | None:
    if budget.device is None:
        return None
    used = TokenTime(1.0, budget.device, option.pattern if S > 0 else "dense", option.precision, budget.batch)
    return float(used.seconds_per_token(S, N)) if used.runtimes else None


def _difference(one: _Solved, best: _Solved, estimate: Estimates) -> Estimate:
    value = round(one.goal - best.goal, ROUNDING)
    if one is best or one.drawn is None or best.drawn is None:
        return Estimate(value)
    return estimate.of(value, np.round(one.drawn - best.drawn, ROUNDING))


def _ratio(one: _Solved, best: _Solved, estimate: Estimates) -> Estimate:
    """FLOPs or bytes over those of the best; a draw that reaches the loss with neither says nothing."""
    value = round(float(np.exp(one.goal - best.goal)), ROUNDING)
    if one is best or one.drawn is None or best.drawn is None:
        return Estimate(value)
    with np.errstate(invalid="ignore"):
        return estimate.of(value, np.round(one.drawn / best.drawn, ROUNDING))
