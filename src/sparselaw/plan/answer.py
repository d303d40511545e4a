"""The answer for a person with a budget: how sparse, how sure, what it gains, and whether the question leaves the data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from sparselaw.cost.storage import Memory
from sparselaw.cost.training import Cost
from sparselaw.counts import format_count
from sparselaw.errors import UserError
from sparselaw.fit.result import Fit, finite
from sparselaw.laws import Array
from sparselaw.laws.multipliers import size_multiplier
from sparselaw.laws.optimum import (
    Size,
    chinchilla_flops,
    flops_where_sparsity_pays,
    levels_of,
    loss_on_budget,
    near_optimal_range,
    nonzeros_at,
    optimal_sparsity,
)
from sparselaw.laws.search import range_within
from sparselaw.plan.advice import Sensitivity, advise, sensitivities
from sparselaw.plan.caveats import warnings_of_runs
from sparselaw.plan.checks import check_memory, check_question, check_shares, check_sizes, require_reachable
from sparselaw.plan.estimate import Estimate, Estimates, flat_record
from sparselaw.plan.free_size import best_per_flop, best_size, least_flops_of_any_size, loss_of_best_size
from sparselaw.plan.inverse import least_flops, smallest_nonzeros


@dataclass(frozen=True)
class Plan:
    """Training N non-zeros with a budget: the best sparsity and what follows from it.

    loss, dense_loss, gain (dense_loss - loss) are at equal FLOPs, and at equal non-zeros or, given a memory, at equal bytes;
    loss is at `optimal_sparsity`, whatever each draw would prefer. dense_params is the size of the dense model compared with,
    and times_chinchilla is in ITS optimal compute. near_optimal is the range of S whose loss is within `tolerance` of the lowest.
    multiplier is the size of the equivalent dense model over N. best_dense_params and best_dense_loss are of the dense model
    that does best with the same FLOPs, whatever its size. pays_from is the budget, in multiples as times_chinchilla, from which
    sparsity pays. data and dense_data are what the budget pays for. costs are the best sparsities if zeros are computed, if they
    are free, and as measured. dense_in_draws is the share of draws in which dense is best.
    """

    nonzero_params: Estimate
    flops: Estimate
    cost: str
    optimal_sparsity: Estimate
    near_optimal: tuple[float, float]
    tolerance: float
    loss: Estimate
    dense_loss: Estimate
    gain: Estimate
    multiplier: Estimate
    equivalent_dense_params: Estimate
    times_chinchilla: Estimate
    best_dense_params: Estimate
    best_dense_loss: Estimate
    pays_from: Estimate
    data: float
    dense_data: float
    data_unit: str
    start_params: float
    dense_params: float
    memory: float | None
    format: str | None
    precision: str | None
    law: str
    fit: str
    confidence: float
    size_is_free: bool
    costs: dict[str, float]
    dense_in_draws: float | None
    sensitivity: tuple[Sensitivity, ...]
    warnings: tuple[str, ...]

    @property
    def advice(self) -> tuple[str, ...]:
        """What it means, in sentences."""
        return advise(self)

    def _repr_html_(self) -> str:
        """The answer as a notebook shows it."""
        from sparselaw.report.notebook import html
        from sparselaw.report.plan_text import plan_text

        return html(plan_text(self))

    def to_json(self) -> dict[str, Any]:
        """Flat record: every estimate as its value, with NAME_interval beside it; `interval` is that of optimal_sparsity."""
        first = {"optimal_sparsity": self.optimal_sparsity.value, "interval": self.optimal_sparsity.bounds}
        record = first | flat_record(self) | {"sensitivity": [asdict(one) for one in self.sensitivity]}
        del record["optimal_sparsity_interval"]
        return finite(record | {"advice": list(self.advice)})


def plan(
    fitted: Fit,
    *,
    nonzero_params: float | None = None,
    memory: Memory | None = None,
    flops: float | None = None,
    data: float | None = None,
    times_chinchilla: float | None = None,
    loss: float | None = None,
    cost: Cost = Cost(),
    tolerance: float = 1e-3,
    confidence: float = 0.95,
) -> Plan:
    """Answer a question with two of: N, a budget, data, a loss.

    N and a budget: the best S. N and a loss: the least budget. A budget and a loss: the smallest N. Data that is there (at most)
    and a budget or a loss, N left free: the best N and S, with the least budget for the loss.

    Args:
        fitted: the fit to plan with.
        nonzero_params: N.
        memory: in place of N, what the weights may take to store; N is then as large as fits, at every S. A dense model of N
            is the one of as many bytes.
        flops: training budget; or as multiples of the dense compute-optimal budget of N (`times_chinchilla`).
        data: with N, a budget: what a DENSE model of N would spend on so much data. Without N, the data there is.
        loss: target.
        cost: how FLOPs are counted.
        tolerance: share of the loss that counts as no difference, for the near-optimal range.
        confidence: of the intervals.

    Raises:
        UserError: not two of them; a loss out of reach; a memory that no model fits in.
    """
    law = fitted.planning_law()
    size = nonzero_params if memory is None else memory
    check_memory(memory, nonzero_params, law)
    asked = {
        "nonzeros": None if size is None else float(nonzeros_at(size, 0.0)),
        "flops": flops,
        "data": data,
        "times-chinchilla": times_chinchilla,
        "loss": loss,
    }
    check_sizes(asked)
    check_question(asked)
    check_shares(tolerance, confidence)
    estimate = Estimates(fitted, confidence)
    if size is not None:
        budget = _budget(fitted, size, flops, data, times_chinchilla, loss, cost, estimate)
        return _plan(fitted, size, budget, cost, tolerance, estimate)
    if data is not None:
        return _plan_any_size(fitted, data, flops, loss, cost, tolerance, estimate)
    assert flops is not None
    assert loss is not None
    return _plan_smallest(fitted, flops, loss, cost, tolerance, estimate)


def _budget(
    fitted: Fit,
    size: Size,
    flops: float | None,
    data: float | None,
    times_chinchilla: float | None,
    loss: float | None,
    cost: Cost,
    estimate: Estimates,
) -> Estimate:
    """The FLOPs that a question about a size speaks of; certain, whatever their unit, unless a loss asks for them."""
    law, dense_N = fitted.planning_law(), float(nonzeros_at(size, 0.0))
    if loss is not None:
        budget = estimate(lambda p: least_flops(law, p, size, loss, cost))
        where = f"{format_count(dense_N)} {'weights' if isinstance(size, Memory) else 'non-zeros'}"
        require_reachable(budget, fitted, loss, where)
        return budget
    if times_chinchilla is not None:
        return Estimate(float(times_chinchilla * chinchilla_flops(law, fitted.values, dense_N, cost)))
    if data is not None:
        return Estimate(float(cost.flops(0.0, dense_N, data)))
    assert flops is not None
    return Estimate(flops)


def _plan_smallest(fitted: Fit, flops: float, loss: float, cost: Cost, tolerance: float, estimate: Estimates) -> Plan:
    law = fitted.planning_law()
    smallest = estimate(lambda p: smallest_nonzeros(law, p, flops, loss, cost))
    require_reachable(smallest, fitted, loss, f"{format_count(flops)} FLOPs")
    if smallest.value < 1:
        raise UserError(f"a loss of {loss:g} needs less than one weight; check that it is in the unit of this fit")
    answer = _plan(fitted, smallest.value, Estimate(flops), cost, tolerance, estimate)
    return replace(answer, nonzero_params=smallest)


def _plan_any_size(
    fitted: Fit,
    data: float,
    flops: float | None,
    loss: float | None,
    cost: Cost,
    tolerance: float,
    estimate: Estimates,
) -> Plan:
    law = fitted.planning_law()
    if flops is None:
        assert loss is not None
        budget = estimate(lambda p: least_flops_of_any_size(law, p, data, loss, cost))
        require_reachable(budget, fitted, loss, f"{format_count(data)} {fitted.data_unit}")
    else:
        budget = Estimate(flops)
    S, C = float(best_per_flop(law, fitted.values, cost)), budget.value
    size = estimate(lambda p: best_size(law, p, S, C, cost, data=data))
    answer = _plan(fitted, size.value, budget, cost, tolerance, estimate, available=data)
    return replace(answer, nonzero_params=size)


def _plan(
    fitted: Fit,
    size: Size,
    budget: Estimate,
    cost: Cost,
    tolerance: float,
    estimate: Estimates,
    available: float | None = None,
) -> Plan:
    """The plan for a size and a budget; `available` is the data there is, where the size was left free."""
    law, C = fitted.planning_law(), budget.value

    def best(parameters: Array, cost: Cost = cost) -> Array:
        if available is not None:
            return best_per_flop(law, parameters, cost)
        return optimal_sparsity(law, parameters, size, C, cost)

    draws = best(fitted.draws) if len(fitted.draws) else None
    S = float(best(fitted.values))
    N, dense_N = (float(nonzeros_at(size, s)) for s in (S, 0.0))
    dense_data = min(float(cost.data(0.0, dense_N, C)), available or np.inf)
    loss = estimate(lambda p: loss_on_budget(law, p, S, N, C, cost))
    memory = size if isinstance(size, Memory) else None
    gap = tolerance * loss.value
    ideal = [replace(cost, sparse=sparse, measured=None) for sparse in (False, True)]
    return Plan(
        nonzero_params=Estimate(N),
        flops=budget,
        cost=cost.name,
        optimal_sparsity=estimate.of(S, draws),
        near_optimal=_near_optimal(fitted, S, size, C, cost, gap, available),
        tolerance=gap,
        loss=loss,
        dense_loss=estimate(lambda p: law.predict(p, 0.0, dense_N, dense_data)),
        gain=estimate(lambda p: law.predict(p, 0.0, dense_N, dense_data) - loss_on_budget(law, p, S, N, C, cost)),
        multiplier=estimate(lambda p: size_multiplier(law, p, S)),
        equivalent_dense_params=estimate(lambda p: N * size_multiplier(law, p, S)),
        times_chinchilla=estimate(lambda p: C / chinchilla_flops(law, p, dense_N, cost)),
        best_dense_params=estimate(lambda p: best_size(law, p, 0.0, C, cost, data=available or np.inf)),
        best_dense_loss=estimate(lambda p: loss_of_best_size(law, p, 0.0, C, cost, data=available or np.inf)),
        pays_from=estimate(
            lambda p: flops_where_sparsity_pays(law, p, size, cost) / chinchilla_flops(law, p, dense_N, cost)
        ),
        data=float(cost.data(S, N, C)),
        dense_data=dense_data,
        data_unit=fitted.data_unit,
        start_params=N / (1 - S),
        dense_params=dense_N,
        memory=memory.bytes if memory else None,
        format=memory.storage.format if memory else None,
        precision=memory.storage.precision if memory else None,
        law=law.name,
        fit=fitted.name,
        confidence=estimate.confidence,
        size_is_free=available is not None,
        costs={other.name: float(best(fitted.values, other)) for other in (*ideal, cost)},
        dense_in_draws=None if draws is None else float(np.mean(draws == 0)),
        sensitivity=sensitivities(fitted, best, draws),
        warnings=warnings_of_runs(fitted, size, S, C, cost),
    )


def _near_optimal(
    fitted: Fit, S: float, size: Size, C: float, cost: Cost, gap: float, available: float | None
) -> tuple[float, float]:
    law = fitted.planning_law()
    if available is None:
        return near_optimal_range(law, fitted.values, size, C, cost, tolerance=gap)

    def loss(S: Array) -> Array:
        return loss_of_best_size(law, fitted.values, S, C, cost, data=available)

    return range_within(loss, S, float(loss(np.array([S]))[0]) + gap, levels=levels_of(law), kinks=cost.kinks)
