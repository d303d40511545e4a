"""The answer for a model that will be served: the cheapest size, sparsity and data, training and inference together."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from sparselaw.cost.serving import SECONDS_PER_HOUR, SERVED_DENSE, Gpu
from sparselaw.cost.training import Cost
from sparselaw.counts import format_count
from sparselaw.fit.result import Fit, finite
from sparselaw.laws import Array, PowerLaw
from sparselaw.laws.multipliers import size_multiplier
from sparselaw.laws.optimum import chinchilla_flops, levels_of, loss_on_budget
from sparselaw.laws.search import range_within
from sparselaw.plan.advice import Sensitivity, sensitivities
from sparselaw.plan.caveats import warnings_of_runs
from sparselaw.plan.checks import check_shares, check_sizes, require_reachable
from sparselaw.plan.estimate import Estimate, Estimates, flat_record
from sparselaw.plan.lifetime import Demand, Life, best_sparsity, life_at


@dataclass(frozen=True)
class ServedPlan:
    """The cheapest life of a model that reaches a loss and serves so much data.

    total and dense_total are FLOPs of training plus those of inference, the latter weighted by the utilisation of training over
    that of inference; dense_total is the least with no zeros, at dense_params; saving is 1 - total / dense_total. total is at
    `optimal_sparsity`, whatever each draw would prefer; near_optimal is the range of S whose total is within `tolerance` (a
    share) of the lowest. costs are the best sparsities if zeros are computed in inference, if they are free, and as asked.
    """

    loss: float
    inference: float
    cost: str
    inference_cost: str
    optimal_sparsity: Estimate
    near_optimal: tuple[float, float]
    tolerance: float
    nonzero_params: Estimate
    data: Estimate
    flops: Estimate
    inference_flops: Estimate
    total: Estimate
    dense_params: Estimate
    dense_total: Estimate
    saving: Estimate
    dense_loss: Estimate
    equivalent_dense_params: Estimate
    times_chinchilla: Estimate
    start_params: float
    data_unit: str
    law: str
    fit: str
    confidence: float
    costs: dict[str, float]
    sensitivity: tuple[Sensitivity, ...]
    warnings: tuple[str, ...]
    gpu: Gpu | None = None

    @property
    def gpu_hours(self) -> dict[str, float] | None:
        """GPU-hours of training, of inference, of both, and of the cheapest dense life; None without a peak."""
        if self.gpu is None or self.gpu.peak is None:
            return None
        training, inference, dense = (
            flops / (SECONDS_PER_HOUR * self.gpu.peak * utilisation)
            for flops, utilisation in (
                (self.flops.value, self.gpu.utilisation),
                (self.inference_flops.value, self.gpu.inference_utilisation),
                (self.dense_total.value, self.gpu.utilisation),
            )
        )
        return {"training": training, "inference": inference, "total": training + inference, "dense_total": dense}

    @property
    def money(self) -> dict[str, float] | None:
        """The price of each of `gpu_hours`; None without a price."""
        hours = self.gpu_hours
        if self.gpu is None or hours is None or self.gpu.price is None:
            return None
        return {name: value * self.gpu.price for name, value in hours.items()}

    @property
    def advice(self) -> tuple[str, ...]:
        """What it means, in sentences."""
        return _advice(self)

    def to_json(self) -> dict[str, Any]:
        """Flat record, as that of `Plan`."""
        record = {"interval": self.optimal_sparsity.bounds} | flat_record(self)
        record |= {"sensitivity": [asdict(one) for one in self.sensitivity], "gpu": self.gpu and asdict(self.gpu)}
        record |= {"gpu_hours": self.gpu_hours, "money": self.money, "advice": list(self.advice)}
        return finite(record)


def plan_served(
    fitted: Fit,
    *,
    loss: float,
    inference: float,
    nonzero_params: float | None = None,
    cost: Cost = Cost(),
    inference_cost: Cost = SERVED_DENSE,
    gpu: Gpu | None = None,
    tolerance: float = 1e-2,
    confidence: float = 0.95,
) -> ServedPlan:
    """The cheapest size, sparsity and data for a loss, with `inference` tokens (images) to serve.

    Args:
        fitted: the fit to plan with.
        loss: to reach.
        inference: tokens or images served over the model's life, in the unit of the fit's data.
        nonzero_params: N, if it is fixed.
        cost: of training; inference_cost: of inference, with the constant schedule.
        gpu: for hours and money; its utilisations weigh inference against training.
        tolerance: share of the total that counts as no difference, for the near-optimal range.
        confidence: of the intervals.

    Raises:
        UserError: a loss out of reach, or a number that is none.
    """
    law = fitted.planning_law()
    check_sizes({"loss": loss, "inference": inference, "nonzeros": nonzero_params})
    check_shares(tolerance, confidence)
    estimate = Estimates(fitted, confidence)
    demand = Demand(loss, inference, nonzero_params, cost, inference_cost, gpu.weight if gpu else 1.0)

    def best(parameters: Array, demand: Demand = demand) -> Array:
        found = best_sparsity(law, parameters, demand)
        return np.where(np.isfinite(life_at(law, parameters, found, demand).total), found, np.nan)

    S = float(np.nan_to_num(best(fitted.values)))
    life, dense = (_estimated(law, s, demand, estimate) for s in (S, 0.0))
    where = f"{format_count(nonzero_params)} non-zeros" if nonzero_params else "any size"
    require_reachable(life["total"], fitted, loss, where)
    draws = best(fitted.draws) if len(fitted.draws) else None
    N, C = life["nonzero_params"].value, life["training_flops"].value
    return ServedPlan(
        loss=loss,
        inference=inference,
        cost=cost.name,
        inference_cost=inference_cost.name,
        optimal_sparsity=estimate.of(S, draws),
        near_optimal=_near_optimal(law, fitted.values, S, demand, life["total"].value * (1 + tolerance)),
        tolerance=tolerance,
        nonzero_params=life["nonzero_params"],
        data=life["data"],
        flops=life["training_flops"],
        inference_flops=life["inference_flops"],
        total=life["total"],
        dense_params=dense["nonzero_params"],
        dense_total=dense["total"],
        saving=estimate(lambda p: _saving(life_at(law, p, S, demand).total, life_at(law, p, 0.0, demand).total)),
        dense_loss=estimate(lambda p: loss_on_budget(law, p, 0.0, N, C, cost)),
        equivalent_dense_params=estimate(lambda p: N * size_multiplier(law, p, S)),
        times_chinchilla=estimate(lambda p: C / chinchilla_flops(law, p, N, cost)),
        start_params=N / (1 - S),
        data_unit=fitted.data_unit,
        law=law.name,
        fit=fitted.name,
        confidence=confidence,
        costs={
            **{c.name: float(best(fitted.values, replace(demand, serving=c))) for c in inference_cost.ideals},
            inference_cost.name: S,
        },
        sensitivity=sensitivities(fitted, best, draws),
        warnings=_warnings(fitted, N, S, C, cost, draws),
        gpu=gpu,
    )


def _estimated(law: PowerLaw, S: float, demand: Demand, estimate: Estimates) -> dict[str, Estimate]:
    """The quantities of the cheapest life at sparsity S, by their names in `Life`."""
    fitted, draws = (life_at(law, p, S, demand) for p in (estimate.fitted.values, estimate.fitted.draws))
    return {f.name: estimate.of(float(getattr(fitted, f.name)), getattr(draws, f.name)) for f in fields(Life)}


def _near_optimal(law: PowerLaw, values: Array, S: float, demand: Demand, allowed: float) -> tuple[float, float]:
    """The range of S around the best whose total is at most what is allowed."""

    def total(s: Array) -> Array:
        return life_at(law, values, s, demand).total

    return range_within(total, S, allowed, levels=levels_of(law), kinks=demand.kinks)


def _saving(total: Array, dense_total: Array) -> Array:
    """1 - total / dense_total: all of it where dense does not reach the loss at all, nothing known where neither does."""
    with np.errstate(invalid="ignore"):
        return 1 - total / dense_total


def _warnings(fitted: Fit, N: float, S: float, C: float, cost: Cost, draws: Array | None) -> tuple[str, ...]:
    lost = 0.0 if draws is None else float(np.isnan(draws).mean())
    said = (
        [f"the loss is out of reach in {lost:.0%} of the bootstrap draws, which have no best sparsity"] if lost else []
    )
    return (*said, *warnings_of_runs(fitted, N, S, C, cost, compared=False))


def _advice(plan: ServedPlan) -> tuple[str, ...]:
    said, S = [], plan.optimal_sparsity.value
    share = plan.inference_flops.value / (plan.flops.value + plan.inference_flops.value)
    said.append(f"inference is {share:.0%} of the FLOPs of this model's life")
    if S == 0:
        said.append("do not prune: no sparsity makes this life cheaper than a dense model's at these costs")
    elif plan.saving.value < plan.tolerance:
        said.append(f"hardly worth it: sparsity saves {plan.saving.value:.2%} of the cost of the cheapest dense life")
    else:
        dense = f"a dense model of {format_count(plan.dense_params.value)}"
        said.append(f"sparsity saves {plan.saving.value:.1%} of the cheapest dense life, which is that of {dense}")
    if min(plan.costs.values()) == 0 < max(plan.costs.values()):
        said.append(
            "the answer flips with what zeros cost in inference: dense if they are computed, sparse if they are free"
        )
    return tuple(said)
