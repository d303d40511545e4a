"""What a plan means for a person, in words backed by its numbers: when to prune, when not, and what the answer hangs on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sparselaw.counts import format_count
from sparselaw.fit.result import Fit
from sparselaw.laws import Array
from sparselaw.plan.estimate import Quantity

if TYPE_CHECKING:
    from sparselaw.plan.answer import Plan

STEP = 1e-4  # of ln(parameter), for slopes


@dataclass(frozen=True)
class Sensitivity:
    """How an answer hangs on one parameter of the law.

    slope: change of the answer for a change of ln(parameter) by 1. explained: squared correlation of the answer with the rank of
    the parameter over the draws; parameters are correlated, so these do not add up to 1. None without draws or spread.
    """

    name: str
    slope: float
    explained: float | None


def sensitivities(fitted: Fit, quantity: Quantity, answers: Array | None) -> tuple[Sensitivity, ...]:
    """How `quantity` hangs on each parameter, that which explains most of the spread of `answers` over the draws first."""
    values = fitted.values
    steps = STEP * np.diag(values)
    slopes = (quantity(values + steps) - quantity(values - steps)) / (2 * STEP)
    found = [
        Sensitivity(name, float(slopes[k]), _explained(fitted.draws[:, k], answers))
        for k, name in enumerate(fitted.law.names)
        if name not in fitted.pinned
    ]
    return tuple(sorted(found, key=lambda s: -abs(s.slope) if s.explained is None else -s.explained))


def _explained(draws: Array, answers: Array | None) -> float | None:
    if answers is None or len(answers) < 3 or np.ptp(answers) < 1e-9 or np.ptp(draws) == 0:
        return None
    return float(np.corrcoef(draws.argsort().argsort(), answers)[0, 1] ** 2)


def advise(plan: Plan) -> tuple[str, ...]:
    """The recommendation in sentences."""
    return (*_whether(plan), *_any_dense_size(plan), *_how_sure(plan))


def _whether(plan: Plan) -> Iterator[str]:
    S, since = plan.optimal_sparsity.value, plan.pays_from.value
    times = format_count(plan.times_chinchilla.value)
    this = "this N" if plan.memory is None else "the dense model of these bytes"
    if plan.size_is_free:
        yield (
            f"N was left free: {S:.1%} is the sparsity at which a FLOP buys most, whatever the budget"
            if S > 0
            else "N was left free: a FLOP buys most in a dense model, whatever the budget; prune only if N is limited"
        )
    elif S == 0:
        pays, stored = (
            f"pays from {format_count(since)} times on",
            "" if plan.memory is None else f" stored as {plan.format}",
        )
        yield (
            f"do not prune: the budget is {times} times the Chinchilla-optimal compute of {this}, and sparsity{stored} "
            f"{pays if np.isfinite(since) else 'never pays'}"
            + ("; with more room for weights than compute, a dense model is best" if plan.memory is None else "")
        )
    elif plan.gain.value < plan.tolerance:
        yield (
            f"hardly worth it: sparsity gains {plan.gain.value:.2g} nats, less than the {plan.tolerance:.2g} that make no "
            f"difference; at {times} times Chinchilla-optimal compute it pays a little, at high density only"
        )
    else:
        worth = f"at {S:.1%} a non-zero does the work of {plan.multiplier.value:.2f} dense ones"
        yield f"{_since(since, times, f'the Chinchilla-optimal compute of {this}')}; {worth}"


def _since(since: float, times: str, optimal: str) -> str:
    """From which budget sparsity pays; in a memory perhaps from none, yet at this one, since fewer weights are better."""
    if np.isinf(since):
        return (
            f"sparsity pays only where FLOPs are too few to fill the memory, and this budget is {times} times {optimal}"
        )
    if since > 0:
        return f"sparsity pays from {format_count(since)} times {optimal}, and this budget is {times} times"
    return f"sparsity pays with any budget, and this one is {times} times {optimal}"


def _any_dense_size(plan: Plan) -> Iterator[str]:
    size, loss = format_count(plan.best_dense_params.value), plan.best_dense_loss.value
    worse, limit = loss - plan.loss.value, "N" if plan.memory is None else "memory"
    if abs(worse) <= plan.tolerance:
        yield f"a dense model of {size} does as well with the same FLOPs ({loss:.4g})"
    elif worse > 0:
        yield f"no dense model of any size does as well with these FLOPs: the best, of {size}, is {worse:.2g} nats worse"
    else:
        yield (
            f"if {limit} is not what limits you, a dense model of {size} is {-worse:.2g} nats better with the same FLOPs "
            f"({loss:.4g})"
        )


def _how_sure(plan: Plan) -> Iterator[str]:
    if plan.dense_in_draws is not None and 0.025 < plan.dense_in_draws < 0.975:
        yield f"dense is best in {plan.dense_in_draws:.0%} of the bootstrap draws"
    if min(plan.costs.values()) == 0 < max(plan.costs.values()):
        yield "the answer flips with the cost of zeros: dense if they are computed, sparse if they are free"
    first = next(iter(plan.sensitivity), None)
    if first and first.explained is not None:
        said = f"the interval goes most with {first.name}, which explains {first.explained:.0%} of the spread over the draws"
        moves = f"; 10% more of it alone moves the best sparsity by {10 * first.slope:+.1f} points"
        yield said + (moves if plan.optimal_sparsity.value > 0 else "")
