"""What each option comes to under one question: the same limit and training FLOPs, or loss to reach, in different ways.

A limit is an upper bound: where fewer weights than it allows do better, the option takes fewer. N of `nonzeros`
and `total` is what was asked for. Weights of fewer bits are trained in them, at the FLOPs of 16-bit training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sparselaw.cost.devices import Device, TokenTime, runtimes
from sparselaw.cost.storage import Memory, Total
from sparselaw.cost.training import Cost
from sparselaw.fit.result import Fit
from sparselaw.laws.free_size import best_size, size_for_loss
from sparselaw.laws.inverse import required_data
from sparselaw.laws.optimum import Size, kinks_of, levels_of, nonzeros_at
from sparselaw.laws.power import Array, PowerLaw
from sparselaw.laws.precision import FACTORS, Factor, with_factor
from sparselaw.laws.search import lowest_of_scan
from sparselaw.plan.estimate import Estimate, Estimates
from sparselaw.plan.options import Option

SEED = 0  # of the draws of capacity factors
KEPT_BYTES = 2  # of a weight that is not pruned
ROUNDING = 12  # digits of a loss after the point: what differs less is equal


@dataclass(frozen=True)
class Budget:
    """What every option is given.

    Attributes:
        flops: of training; None where a loss is to be reached with the fewest.
        cost: how they are counted.
        loss: to reach; None where the FLOPs are given.
        available: the most data there is.
        size: N, or the limit in its place; None if any size will do.
        device: whose time of a token is told; batch: the sequences it generates at once.
        kept: weights that are not pruned, stored in 16 bits.
    """

    flops: float | None
    cost: Cost
    loss: float | None = None
    available: float = np.inf
    size: Size | None = None
    device: Device | None = None
    batch: int = 1
    kept: int = 0


@dataclass(frozen=True)
class Outcome:
    """An option, solved.

    Attributes:
        option: the way to spend the limit.
        sparsity: as asked, or the best one for the fitted parameters.
        nonzero_params, total_params: weights after and before pruning.
        bytes: of the stored weights: those that N counts, and the kept ones of a model that is given.
        flops, data: of training; FLOPs with the interval of the law where a loss is to be reached.
        loss: with the interval of a new run, loss_band with that of the law; or the loss to reach, without one.
        difference: loss above that of the best option, with the paired interval of the law; None where a loss is to be reached.
        times_best: training FLOPs over those of the best option, likewise, where a loss is to be reached.
        seconds_per_token: None without a device, or where nothing runs such weights on it.
        runtimes: what runs such weights today, on the device if there is one.
        fills: whether the limit is reached.
    """

    option: Option
    sparsity: float
    nonzero_params: float
    total_params: float
    bytes: float
    flops: Estimate
    data: float
    loss: Estimate
    loss_band: Estimate
    difference: Estimate | None
    times_best: Estimate | None
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
            "bytes": self.bytes,
            "flops": self.flops.value,
            "flops_interval": self.flops.bounds,
            "data": self.data,
            "loss": self.loss.known,
            "loss_interval": self.loss.bounds,
            "difference": self.difference and self.difference.known,
            "difference_interval": self.difference and self.difference.bounds,
            "times_best": self.times_best and self.times_best.known,
            "times_best_interval": self.times_best and self.times_best.bounds,
            "seconds_per_token": self.seconds_per_token,
            "runtimes": list(self.runtimes),
            "fills_limit": self.fills,
        }


@dataclass(frozen=True)
class _Solved:
    """An option without its rivals: the model, and in every draw its loss, or its FLOPs where a loss is to be reached."""

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
    """Every option that the law and the limit allow, the lowest loss, or the fewest FLOPs for a loss, first.

    Args:
        fitted: the fit that was asked; its draws are shared by all options, so that differences are paired.
        options: to compare.
        budget: what each is given.
        estimate: the fit's values and draws.
        factors: capacity factors by precision.
    """
    law = fitted.planning_law()
    solved = [
        _solve(_in_precision(fitted, law, option.precision, factors), law, option, budget, estimate)
        for option in options
        if _is_possible(law, option, budget)
    ]
    solved = sorted((one for one in solved if np.isfinite(one.goal)), key=_rank)
    if budget.loss is not None:
        return tuple(replace(one.outcome, times_best=_ratio(one, solved[0], estimate)) for one in solved)
    return tuple(replace(one.outcome, difference=_difference(one, solved[0], estimate)) for one in solved)


def _rank(one: _Solved) -> tuple[float, bool]:
    """By the goal; of equal ones the dense option, which a sparse one that is best without zeros repeats, first."""
    return round(one.goal, ROUNDING), one.outcome.is_dense_after_all


def _is_possible(law: PowerLaw, option: Option, budget: Budget) -> bool:
    """Whether the law knows the sparsity of an option, and something runs it where a time is the limit."""
    if not law.knows_sparsity and option.pattern != "dense":
        return False
    if law.choices and option.sparsity is not None and not np.isclose(option.sparsity, law.choices).any():
        return False
    size = _limit_for(option, budget.size)
    return not isinstance(size, TokenTime) or bool(size.runtimes)


def _limit_for(option: Option, size: Size | None) -> Size | None:
    """The limit as an option meets it: bytes in its storage, a time with its weights."""
    if option.total is not None:
        return Total(option.total)
    if isinstance(size, Memory):
        return Memory(size.bytes, option.storage)
    if isinstance(size, TokenTime):
        return replace(size, pattern=option.pattern, precision=option.precision)
    return size


def _in_precision(fitted: Fit, law: PowerLaw, precision: str, factors: Mapping[str, Factor]) -> Fit:
    """The fit of models with weights of a precision: its parameters and draws with the capacity factor in them."""
    factor = factors[precision]
    if factor.value == 1 and not factor.spread:
        return fitted
    values = dict(zip(law.names, with_factor(law, fitted.values, factor.value).tolist(), strict=True))
    boot = fitted.bootstrap
    if boot is not None and len(boot.draws):
        rng = np.random.default_rng([SEED, list(factors).index(precision)])
        drawn = np.clip(factor.value + factor.spread * rng.standard_normal(len(boot.draws)), 0.01, 1.0)
        boot = replace(boot, draws=with_factor(law, boot.draws, drawn))
    return replace(fitted, parameters=values, bootstrap=boot)


def _solve(fitted: Fit, law: PowerLaw, option: Option, budget: Budget, estimate: Estimates) -> _Solved:
    size, cost, is_for_loss = _limit_for(option, budget.size), budget.cost, budget.loss is not None
    model = _Models(law, fitted.values, size, budget)
    limits, S = 0.0 if size is None else size, option.sparsity
    if S is None:
        S = lowest_of_scan(model.goal, levels=levels_of(law, limits), kinks=kinks_of(limits, cost))
    N, D = float(model.weights(S)), float(model.data(S))
    total, flops, goal = N / (1 - S), float(cost.flops(S, N, D)), float(model.goal(S))
    drawn = None
    if len(fitted.draws):
        drawn = _flops_in(fitted.draws, law, S, N, budget) if is_for_loss else law.predict(fitted.draws, S, N, D)
    found = Outcome(
        option=option,
        sparsity=float(S),
        nonzero_params=N,
        total_params=total,
        bytes=_bytes(option, S, N) + KEPT_BYTES * budget.kept,
        flops=estimate.of(flops, drawn) if is_for_loss else Estimate(flops),
        data=D,
        loss=Estimate(budget.loss) if budget.loss is not None else estimate.of_run(goal, drawn, total * D),
        loss_band=Estimate(budget.loss) if budget.loss is not None else estimate.of(goal, drawn),
        difference=None,
        times_best=None,
        seconds_per_token=_seconds(option, budget, S, N),
        runtimes=runtimes(
            option.pattern if S > 0 else "dense", option.precision, budget.device.family if budget.device else None
        ),
        fills=size is not None and bool(np.isclose(N, nonzeros_at(size, S))),
    )
    return _Solved(found, goal, drawn)


@dataclass(frozen=True)
class _Models:
    """The models of one option at every sparsity, and what is to be lowest: the loss, or the FLOPs that reach a loss."""

    law: PowerLaw
    values: Array
    size: Size | None
    budget: Budget

    def weights(self, S: ArrayLike) -> Array:
        """N: what the limit allows, or fewer where they do better."""
        most = np.asarray(np.inf if self.size is None else nonzeros_at(self.size, S))
        is_exact = isinstance(self.size, Total) or not isinstance(self.size, Memory | TokenTime)
        if self.size is not None and is_exact:
            return most
        budget = self.budget
        if budget.flops is not None:
            best = best_size(self.law, self.values, S, budget.flops, budget.cost, data=budget.available)
        else:
            assert budget.loss is not None
            best = size_for_loss(self.law, self.values, S, budget.loss, data=budget.available)
        return np.minimum(most, best)

    def data(self, S: ArrayLike) -> Array:
        """D that the FLOPs pay for, or that the loss takes; inf where there is not so much."""
        N, budget = self.weights(S), self.budget
        if budget.flops is not None:
            return np.minimum(budget.cost.data(S, N, budget.flops), budget.available)
        assert budget.loss is not None
        D = required_data(self.law, self.values, S, N, budget.loss)
        return np.where(budget.available * (1 + 1e-9) >= D, D, np.inf)

    def goal(self, S: ArrayLike) -> Array:
        """What is to be lowest."""
        N, D = self.weights(S), self.data(S)
        if self.budget.flops is not None:
            return self.law.predict(self.values, S, N, D)
        return np.log(self.budget.cost.flops(S, N, D))


def _flops_in(draws: Array, law: PowerLaw, S: float, N: float, budget: Budget) -> Array:
    """The FLOPs [num_draws] with which one model reaches the loss under each draw; inf where it does not."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.asarray(budget.cost.flops(S, N, required_data(law, draws, S, N, budget.loss or 0.0)))


def _bytes(option: Option, S: float, N: float) -> float:
    """Of N non-zeros at sparsity S: dense where that takes less."""
    dense = replace(option.storage, format="dense")
    return float(min(option.storage.bytes(S, N), dense.bytes(S, N)))


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
    """FLOPs over those of the best; a draw that reaches the loss with neither says nothing."""
    value = round(float(np.exp(one.goal - best.goal)), ROUNDING)
    if one is best or one.drawn is None or best.drawn is None:
        return Estimate(value)
    with np.errstate(invalid="ignore"):
        return estimate.of(value, np.round(one.drawn / best.drawn, ROUNDING))
