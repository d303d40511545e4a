"""The answer for a person with a budget: how sparse, how sure, what it gains, and whether the question leaves the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from sparselaw.counts import format_count
from sparselaw.errors import UserError
from sparselaw.fit.result import Fit, finite
from sparselaw.laws import Array
from sparselaw.plan.advice import Sensitivity, advise, sensitivities
from sparselaw.plan.contours import planning_law
from sparselaw.plan.cost import Cost
from sparselaw.plan.equivalents import size_multiplier
from sparselaw.plan.estimate import Estimate, Estimates
from sparselaw.plan.free_size import best_per_flop, best_size, least_flops_of_any_size, loss_of_best_size
from sparselaw.plan.inverse import least_flops, smallest_nonzeros
from sparselaw.plan.optimum import (
    chinchilla_flops,
    flops_where_sparsity_pays,
    levels_of,
    loss_on_budget,
    near_optimal_range,
    optimal_sparsity,
)
from sparselaw.plan.search import MAX_SPARSITY, range_within

LARGEST = 1e40  # of any quantity asked about: powers of it stay within the range of a double


@dataclass(frozen=True)
class Plan:
    """Training N non-zeros with a budget: the best sparsity and what follows from it.

    loss, dense_loss, gain (dense_loss - loss) are at equal non-zeros and equal FLOPs; loss is at `optimal_sparsity`, whatever
    each draw would prefer. near_optimal is the range of S whose loss is within `tolerance` of the lowest. multiplier is the
    size of the equivalent dense model over N. best_dense_params and best_dense_loss are of the dense model that does best with
    the same FLOPs, whatever its size. pays_from is the budget, in multiples of Chinchilla-optimal compute of N, from which
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

    def to_json(self) -> dict[str, Any]:
        """Flat record: every estimate as its value, with NAME_interval beside it; `interval` is that of optimal_sparsity."""
        record: dict[str, Any] = {
            "optimal_sparsity": self.optimal_sparsity.value,
            "interval": self.optimal_sparsity.bounds,
        }
        for name in asdict(self):
            value = getattr(self, name)
            if isinstance(value, Estimate):
                record[name] = value.value
                record[f"{name}_interval"] = value.bounds
            else:
                record[name] = value
        del record["optimal_sparsity_interval"]
        record["sensitivity"] = [asdict(one) for one in self.sensitivity]
        return finite(record | {"advice": list(self.advice)})


def plan(
    fitted: Fit,
    *,
    nonzero_params: float | None = None,
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
        flops: training budget; or as multiples of the dense compute-optimal budget of N (`times_chinchilla`).
        data: with N, a budget: what a DENSE model of N would spend on so much data. Without N, the data there is.
        loss: target.
        cost: how FLOPs are counted.
        tolerance: share of the loss that counts as no difference, for the near-optimal range.
        confidence: of the intervals.

    Raises:
        UserError: not two of them; a loss out of reach.
    """
    law = planning_law(fitted)
    asked = {
        "nonzeros": nonzero_params,
        "flops": flops,
        "data": data,
        "times-chinchilla": times_chinchilla,
        "loss": loss,
    }
    check_sizes(asked)
    _check_question(asked)
    check_shares(tolerance, confidence)
    estimate = Estimates(fitted, confidence)
    if nonzero_params is None and data is not None:
        return _plan_any_size(fitted, data, flops, loss, cost, tolerance, estimate)
    if nonzero_params is None:
        assert flops is not None
        assert loss is not None
        size = estimate(lambda p: smallest_nonzeros(law, p, flops, loss, cost))
        require_reachable(size, fitted, loss, f"{format_count(flops)} FLOPs")
        if size.value < 1:
            raise UserError(f"a loss of {loss:g} needs less than one weight; check that it is in the unit of this fit")
        return _plan(fitted, size, Estimate(flops), cost, tolerance, estimate)
    N = nonzero_params
    if loss is not None:
        budget = estimate(lambda p: least_flops(law, p, N, loss, cost))
        require_reachable(budget, fitted, loss, f"{format_count(N)} non-zeros")
    elif times_chinchilla is not None:
        budget = estimate(lambda p: times_chinchilla * chinchilla_flops(law, p, N, cost))
        budget = Estimate(budget.value)  # the question fixes the budget in FLOPs
    elif data is not None:
        budget = Estimate(float(cost.flops(0.0, N, data)))
    else:
        assert flops is not None
        budget = Estimate(flops)
    return _plan(fitted, Estimate(N), budget, cost, tolerance, estimate)


def _plan_any_size(
    fitted: Fit,
    data: float,
    flops: float | None,
    loss: float | None,
    cost: Cost,
    tolerance: float,
    estimate: Estimates,
) -> Plan:
    law = planning_law(fitted)
    if flops is None:
        assert loss is not None
        budget = estimate(lambda p: least_flops_of_any_size(law, p, data, loss, cost))
        require_reachable(budget, fitted, loss, f"{format_count(data)} {fitted.data_unit}")
    else:
        budget = Estimate(flops)
    S, C = float(best_per_flop(law, fitted.values, cost)), budget.value
    size = estimate(lambda p: best_size(law, p, S, C, cost, data=data))
    return _plan(fitted, size, budget, cost, tolerance, estimate, available=data)


def _plan(
    fitted: Fit,
    size: Estimate,
    budget: Estimate,
    cost: Cost,
    tolerance: float,
    estimate: Estimates,
    available: float | None = None,
) -> Plan:
    """The plan for a size and a budget; `available` is the data there is, where the size was left free."""
    law, N, C = planning_law(fitted), size.value, budget.value

    def best(parameters: Array, cost: Cost = cost) -> Array:
        if available is not None:
            return best_per_flop(law, parameters, cost)
        return optimal_sparsity(law, parameters, N, C, cost)

    draws = best(fitted.draws) if len(fitted.draws) else None
    S = float(best(fitted.values))
    dense_data = min(float(cost.data(0.0, N, C)), available or np.inf)
    loss = estimate(lambda p: loss_on_budget(law, p, S, N, C, cost))
    gap = tolerance * loss.value
    ideal = [replace(cost, sparse=sparse, measured=None) for sparse in (False, True)]
    return Plan(
        nonzero_params=size,
        flops=budget,
        cost=cost.name,
        optimal_sparsity=estimate.of(S, draws),
        near_optimal=_near_optimal(fitted, S, N, C, cost, gap, available),
        tolerance=gap,
        loss=loss,
        dense_loss=estimate(lambda p: law.predict(p, 0.0, N, dense_data)),
        gain=estimate(lambda p: law.predict(p, 0.0, N, dense_data) - loss_on_budget(law, p, S, N, C, cost)),
        multiplier=estimate(lambda p: size_multiplier(law, p, S)),
        equivalent_dense_params=estimate(lambda p: N * size_multiplier(law, p, S)),
        times_chinchilla=estimate(lambda p: C / chinchilla_flops(law, p, N, cost)),
        best_dense_params=estimate(lambda p: best_size(law, p, 0.0, C, cost, data=available or np.inf)),
        best_dense_loss=estimate(lambda p: loss_of_best_size(law, p, 0.0, C, cost, data=available or np.inf)),
        pays_from=estimate(lambda p: flops_where_sparsity_pays(law, p, N, cost) / chinchilla_flops(law, p, N, cost)),
        data=float(cost.data(S, N, C)),
        dense_data=dense_data,
        data_unit=fitted.data_unit,
        start_params=N / (1 - S),
        law=law.name,
        fit=fitted.name,
        confidence=estimate.confidence,
        size_is_free=available is not None,
        costs={other.name: float(best(fitted.values, other)) for other in (*ideal, cost)},
        dense_in_draws=None if draws is None else float(np.mean(draws == 0)),
        sensitivity=sensitivities(fitted, best, draws),
        warnings=warnings_of_runs(fitted, N, S, C, cost),
    )


def _near_optimal(
    fitted: Fit, S: float, N: float, C: float, cost: Cost, gap: float, available: float | None
) -> tuple[float, float]:
    law = planning_law(fitted)
    if available is None:
        return near_optimal_range(law, fitted.values, N, C, cost, tolerance=gap)

    def loss(S: Array) -> Array:
        return loss_of_best_size(law, fitted.values, S, C, cost, data=available)

    return range_within(loss, S, float(loss(np.array([S]))[0]) + gap, levels=levels_of(law), kinks=cost.kinks)


def warnings_of_runs(
    fitted: Fit, N: float, S: float, flops: float, cost: Cost, *, compared: bool = True
) -> tuple[str, ...]:
    """What a reader should know before trusting an answer about N non-zeros at S on a budget; `compared` to dense."""
    domain, sentences = fitted.domain, []
    data, dense_data = float(cost.data(S, N, flops)), float(cost.data(0.0, N, flops))
    if fitted.status != "converged":
        sentences.append(f"the fit is {fitted.status}")
    sentences += _beyond("non-zeros N", N, domain.nonzero_params)
    sentences += _beyond(f"data D ({fitted.data_unit})", data, domain.data)
    if compared and dense_data > max(data, domain.data[1]) * 1.001:
        sentences += _beyond(f"data of the dense comparison ({fitted.data_unit})", dense_data, domain.data)
    if max(domain.sparsity) + 1e-9 < S:
        fold = (1 - max(domain.sparsity)) / (1 - S)
        sentences.append(
            f"sparsity {S:.4g} is beyond the fitted runs (at most {max(domain.sparsity):g}): density {fold:.2g} times lower"
        )
    loss = float(loss_on_budget(planning_law(fitted), fitted.values, S, N, flops, cost))
    if loss > domain.loss[1] * 1.001:
        low, high = domain.loss
        sentences.append(f"a loss of {loss:.4g} is worse than that of every fitted run ({low:.4g} to {high:.4g})")
    if S >= MAX_SPARSITY:
        sentences.append(f"the optimum is at the largest sparsity considered, {MAX_SPARSITY}")
    if levels_of(planning_law(fitted)):
        sentences.append("this law knows the fitted sparsities only: the best of them is shown")
    if not len(fitted.draws):
        sentences.append("no intervals: this fit has no bootstrap draws; fit with --bootstrap 1000")
    if fitted.data_unit == "images" and cost.units_per_datum == 1:
        sentences.append("FLOPs are counted as 6 N per image; for true FLOPs give the tokens (patches) of an image")
    return (*sentences, *fitted.warnings)


def _beyond(what: str, value: float, span: tuple[float, float]) -> list[str]:
    low, high = span
    shown = f"{format_count(low)} to {format_count(high)}"
    if value > high * 1.001:
        return [f"{what} = {format_count(value)} is {value / high:.3g} times beyond the fitted runs ({shown})"]
    if value < low / 1.001:
        return [f"{what} = {format_count(value)} is {low / value:.3g} times below the fitted runs ({shown})"]
    return []


def require_reachable(needed: Estimate, fitted: Fit, loss: float, what: str) -> None:
    """Raises: UserError: the loss is below the irreducible one, or what it needs is infinite."""
    floor = float(planning_law(fitted).floor(fitted.values))
    if loss <= floor:
        raise UserError(
            f"a loss of {loss:g} is below the irreducible loss {floor:.4g} of this fit; ask for more than that"
        )
    if not np.isfinite(needed.value):
        raise UserError(f"a loss of {loss:g} is out of reach with {what}, at any sparsity; give more, or ask for less")


def check_sizes(named: Mapping[str, float | None]) -> None:
    """Raises: UserError: a quantity that no training run has."""
    for name, value in named.items():
        if value is not None and not (np.isfinite(value) and value > 0):
            raise UserError(f"--{name} must be a positive number, got {value:g}")
        if value is not None and not 1 / LARGEST < value < LARGEST:
            raise UserError(f"--{name} is {value:g}, which no training run comes near; check its unit")


def check_shares(*shares: float) -> None:
    """Raises: UserError: tolerance or confidence that is no share."""
    for value in shares:
        if not 0 < value < 1:
            raise UserError(f"tolerance and confidence must lie between 0 and 1, got {value:g}")


def _check_question(named: Mapping[str, float | None]) -> None:
    given = {name for name, value in named.items() if value is not None}
    if len(given) != 2 or ("times-chinchilla" in given and "nonzeros" not in given):
        raise UserError("give two of --nonzeros, --flops, --data and --loss; or --nonzeros and --times-chinchilla")
