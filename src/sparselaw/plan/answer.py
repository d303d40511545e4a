"""The answer for a person with a budget: how sparse, how sure, what it gains, and whether the question leaves the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from sparselaw.counts import format_bytes, format_count
from sparselaw.errors import UserError
from sparselaw.fit.result import Fit, finite, interval
from sparselaw.laws import Array, Direction, PowerLaw
from sparselaw.plan.contours import planning_law
from sparselaw.plan.cost import Cost
from sparselaw.plan.equivalents import size_multiplier
from sparselaw.plan.inverse import least_flops, smallest_nonzeros
from sparselaw.plan.optimum import (
    MAX_SPARSITY,
    Size,
    chinchilla_flops,
    levels_of,
    loss_on_budget,
    near_optimal_range,
    nonzeros_at,
    optimal_sparsity,
)
from sparselaw.plan.storage import Memory

FEWEST = 1000  # weights in a memory: below, a unit must be wrong
LARGEST = 1e40  # of any quantity asked about: powers of it stay within the range of a double
Quantity = Callable[[Array], Array]


@dataclass(frozen=True)
class Estimate:
    """A number with its bootstrap interval; low and high are None where the fit has no draws."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def bounds(self) -> list[float] | None:
        return None if self.low is None or self.high is None else [self.low, self.high]


@dataclass(frozen=True)
class Plan:
    """Training N non-zeros with a budget: the best sparsity and what follows from it.

    loss, dense_loss, gain (dense_loss - loss) are at equal FLOPs, and at equal non-zeros or, given a memory, at equal bytes;
    loss is at `optimal_sparsity`, whatever each draw would prefer. near_optimal is the range of S whose loss is within
    `tolerance` of the lowest. multiplier is the size of the equivalent dense model over N. data and dense_data are what the
    budget pays for. dense_params is the size of the dense model compared with, and times_chinchilla is in ITS optimal compute.
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
    warnings: tuple[str, ...]

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
        return finite(record)


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
    """Answer one of: best S for N and a budget; least budget for N and a loss; smallest N for a budget and a loss.

    Args:
        fitted: the fit to plan with.
        nonzero_params: N.
        memory: in place of N, what the weights may take to store; N is then as large as fits, at every S. A dense model of N
            is the one of as many bytes.
        flops: training budget; or as `data`, the data on which a DENSE model of N would spend it; or as multiples of the dense
            compute-optimal budget of N (`times_chinchilla`).
        loss: target, in place of N or of the budget.
        cost: how FLOPs are counted.
        tolerance: share of the loss that counts as no difference, for the near-optimal range.
        confidence: of the intervals.

    Raises:
        UserError: not exactly one budget and N or a memory, or one of them and a loss; a loss out of reach; a memory that no
            model fits in.
    """
    law = planning_law(fitted)
    size = nonzero_params if memory is None else memory
    _check_memory(memory, nonzero_params, law)
    N = None if size is None else float(nonzeros_at(size, 0.0))
    _check(N, flops, data, times_chinchilla, loss, tolerance, confidence)
    estimate = Estimates(fitted, confidence)
    if size is None or N is None:
        assert flops is not None
        assert loss is not None
        smallest = estimate(lambda p: smallest_nonzeros(law, p, flops, loss, cost))
        _require_reachable(smallest, fitted, loss, f"{format_count(flops)} FLOPs")
        answer = _plan(fitted, smallest.value, Estimate(flops), cost, tolerance, estimate)
        return replace(answer, nonzero_params=smallest)
    if loss is not None:
        budget = estimate(lambda p: least_flops(law, p, size, loss, cost))
        _require_reachable(budget, fitted, loss, f"{format_count(N)} {'weights' if memory else 'non-zeros'}")
    elif times_chinchilla is not None:
        budget = estimate(lambda p: times_chinchilla * chinchilla_flops(law, p, N, cost))
        budget = Estimate(budget.value)  # the question fixes the budget in FLOPs
    elif data is not None:
        budget = Estimate(float(cost.flops(0.0, N, data)))
    else:
        assert flops is not None
        budget = Estimate(flops)
    return _plan(fitted, size, budget, cost, tolerance, estimate)


class Estimates:
    """Turns a function of parameters [..., p] into an `Estimate` from the fitted values and the draws."""

    def __init__(self, fitted: Fit, confidence: float) -> None:
        self.fitted, self.confidence = fitted, confidence

    def __call__(self, quantity: Quantity) -> Estimate:
        value = float(quantity(self.fitted.values))
        if not len(self.fitted.draws):
            return Estimate(value)
        draws = quantity(self.fitted.draws)
        # An unreachable draw is infinitely far: quantiles by rank, since inf cannot be interpolated.
        low, high = interval(draws, self.confidence) if np.isfinite(draws).all() else _ranked(draws, self.confidence)
        return Estimate(value, low, high)


def _ranked(draws: Array, confidence: float) -> tuple[float, float]:
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2], method="closest_observation")
    return float(low), float(high)


def _plan(fitted: Fit, size: Size, budget: Estimate, cost: Cost, tolerance: float, estimate: Estimates) -> Plan:
    law, C = planning_law(fitted), budget.value
    best = estimate(lambda p: optimal_sparsity(law, p, size, C, cost))
    S = best.value
    N, dense_N = (float(nonzeros_at(size, s)) for s in (S, 0.0))
    loss, dense_loss = (estimate(lambda p, s=s: loss_on_budget(law, p, s, size, C, cost)) for s in (S, 0.0))
    multiplier = estimate(lambda p: size_multiplier(law, p, S))
    gap = tolerance * loss.value
    memory = size if isinstance(size, Memory) else None
    return Plan(
        nonzero_params=Estimate(N),
        flops=budget,
        cost=cost.name,
        optimal_sparsity=best,
        near_optimal=near_optimal_range(law, fitted.values, size, C, cost, tolerance=gap),
        tolerance=gap,
        loss=loss,
        dense_loss=dense_loss,
        gain=estimate(lambda p: loss_on_budget(law, p, 0.0, size, C, cost) - loss_on_budget(law, p, S, size, C, cost)),
        multiplier=multiplier,
        equivalent_dense_params=estimate(lambda p: N * size_multiplier(law, p, S)),
        times_chinchilla=estimate(lambda p: C / chinchilla_flops(law, p, dense_N, cost)),
        data=float(cost.data(S, N, C)),
        dense_data=float(cost.data(0.0, dense_N, C)),
        data_unit=fitted.data_unit,
        start_params=N / (1 - S),
        dense_params=dense_N,
        memory=memory.bytes if memory else None,
        format=memory.storage.format if memory else None,
        precision=memory.storage.precision if memory else None,
        law=law.name,
        fit=fitted.name,
        confidence=estimate.confidence,
        warnings=(
            *_warnings(fitted, size, S, C, cost),
            *(_memory_warnings(fitted, memory, S, C, cost) if memory else ()),
        ),
    )


def _warnings(fitted: Fit, size: Size, S: float, flops: float, cost: Cost) -> tuple[str, ...]:
    domain, sentences = fitted.domain, []
    N, dense_N = (float(nonzeros_at(size, s)) for s in (S, 0.0))
    data, dense_data = float(cost.data(S, N, flops)), float(cost.data(0.0, dense_N, flops))
    if fitted.status != "converged":
        sentences.append(f"the fit is {fitted.status}")
    sentences += _beyond("non-zeros N", N, domain.nonzero_params)
    sentences += _beyond(f"data D ({fitted.data_unit})", data, domain.data)
    if dense_data > max(data, domain.data[1]) * 1.001:
        sentences += _beyond(f"data of the dense comparison ({fitted.data_unit})", dense_data, domain.data)
    if max(domain.sparsity) + 1e-9 < S:
        fold = (1 - max(domain.sparsity)) / (1 - S)
        sentences.append(
            f"sparsity {S:.4g} is beyond the fitted runs (at most {max(domain.sparsity):g}): density {fold:.2g} times lower"
        )
    if S >= MAX_SPARSITY:
        sentences.append(f"the optimum is at the largest sparsity considered, {MAX_SPARSITY}")
    if levels_of(planning_law(fitted)):
        sentences.append("this law knows the fitted sparsities only: the best of them is shown")
    if not len(fitted.draws):
        sentences.append("no intervals: this fit has no bootstrap draws; fit with --bootstrap 1000")
    if fitted.data_unit == "images" and cost.units_per_datum == 1:
        sentences.append("FLOPs are counted as 6 N per image; for true FLOPs give the tokens (patches) of an image")
    return (*sentences, *fitted.warnings)


def _memory_warnings(fitted: Fit, memory: Memory, S: float, flops: float, cost: Cost) -> list[str]:
    law, N, sentences = planning_law(fitted), float(memory.nonzeros(S)), []
    if memory.storage.levels:
        sentences.append(
            f"{memory.storage.format} is compared with dense only, under a law of unstructured sparsity, which loses less"
        )
    larger = Direction(log_N=1.0, log_D=-1.0)
    if sum(law.slope(fitted.values, S, N, cost.data(S, N, flops), larger)) > 0:
        sentences.append("these FLOPs are too few to fill the memory: a smaller model would reach a lower loss")
    return sentences


def _beyond(what: str, value: float, span: tuple[float, float]) -> list[str]:
    low, high = span
    shown = f"{format_count(low)} to {format_count(high)}"
    if value > high * 1.001:
        return [f"{what} = {format_count(value)} is {value / high:.3g} times beyond the fitted runs ({shown})"]
    if value < low / 1.001:
        return [f"{what} = {format_count(value)} is {low / value:.3g} times below the fitted runs ({shown})"]
    return []


def _require_reachable(needed: Estimate, fitted: Fit, loss: float, what: str) -> None:
    floor = float(planning_law(fitted).floor(fitted.values))
    if loss <= floor:
        raise UserError(
            f"a loss of {loss:g} is below the irreducible loss {floor:.4g} of this fit; ask for more than that"
        )
    if not np.isfinite(needed.value):
        raise UserError(f"a loss of {loss:g} is out of reach with {what}, at any sparsity; give more, or ask for less")


def _check_memory(memory: Memory | None, N: float | None, law: PowerLaw) -> None:
    if memory is None:
        return
    if N is not None:
        raise UserError("give --nonzeros or --memory, not both: a memory says how many non-zeros there are")
    if not FEWEST <= memory.dense_params < LARGEST:
        raise UserError(
            f"{format_bytes(memory.bytes)} hold {format_count(memory.dense_params)} weights of {memory.storage.precision}, "
            "which no model comes near; check the unit of --memory"
        )
    if memory.levels and len(levels_of(law, memory)) < 2:
        raise UserError(
            f"the law {law.name} knows single sparsities only, and not that of {memory.storage.format}; choose another format"
        )


def _check(
    N: float | None, flops: float | None, data: float | None, times: float | None, loss: float | None, *shares: float
) -> None:
    named = {"nonzeros": N, "flops": flops, "data": data, "times-chinchilla": times, "loss": loss}
    for name, value in named.items():
        if value is not None and not (np.isfinite(value) and value > 0):
            raise UserError(f"--{name} must be a positive number, got {value:g}")
        if value is not None and not 1 / LARGEST < value < LARGEST:
            raise UserError(f"--{name} is {value:g}, which no training run comes near; check its unit")
    budgets = sum(value is not None for value in (flops, data, times))
    one_question = (N is not None and budgets + (loss is not None) == 1) or (
        N is None and flops is not None and loss is not None
    )
    if not one_question or (N is None and budgets != 1):
        raise UserError(
            "give --nonzeros with one of --flops, --data, --times-chinchilla or --loss; or --memory with one of them; "
            "or --flops and --loss for the smallest N"
        )
    for value in shares:
        if not 0 < value < 1:
            raise UserError(f"tolerance and confidence must lie between 0 and 1, got {value:g}")
