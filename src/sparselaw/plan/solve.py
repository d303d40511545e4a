"""One solver: a question is settled into a path of models, and solved along it for each option, with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from sparselaw.counts import format_count
from sparselaw.errors import UserError
from sparselaw.fit.result import Fit
from sparselaw.laws.free_size import best_per_flop, best_size, least_flops_of_any_size
from sparselaw.laws.inverse import least_flops, smallest_nonzeros
from sparselaw.laws.lifetime import Demand
from sparselaw.laws.optimum import Size, WeightLimit, chinchilla_flops, is_bound, nonzeros_at
from sparselaw.laws.power import Array
from sparselaw.laws.precision import with_factor
from sparselaw.laws.search import MAX_SPARSITY, Pieces, pieces_within, scan_points
from sparselaw.plan.estimate import Estimate, Estimates
from sparselaw.plan.options import Option
from sparselaw.plan.paths import AnySize, Lifetime, Model, OnBudget, Path
from sparselaw.plan.question import Question, refuse_if

CURVE_POINTS = 200
NARROWER = ("int8", "int4")
"""Precisions that may reach a loss within a limit of bytes or time that others do not reach."""


@dataclass(frozen=True)
class Settled:
    """A question with nothing left open but the sparsity.

    Attributes:
        choice: the path along which sparsity is chosen.
        held: the path of the models that are reported: as `choice`, with the size held where that was free.
        nonzero_params: N where the question asked for it.
        flops: the budget where the question asked for it.
    """

    choice: Path
    held: OnBudget | Lifetime
    nonzero_params: Estimate | None = None
    flops: Estimate | None = None


@dataclass(frozen=True)
class Solution:
    """The answer for one option: its sparsity and the model there, whatever each draw would prefer.

    The interval of `loss` is that in which a new run falls; `loss_band` has that of the law.
    """

    option: Option
    sparsity: Estimate
    nonzero_params: Estimate
    data: Estimate
    loss: Estimate
    flops: Estimate
    inference_flops: Estimate
    total: Estimate
    loss_band: Estimate | None = None

    @property
    def start_params(self) -> float:
        """Weights before pruning, zeros included."""
        return self.nonzero_params.value / (1 - self.sparsity.value)


def solve(path: Path, option: Option, estimate: Estimates) -> Solution:
    """The model of an option along a path.

    Args:
        path: the models that meet the question.
        option: its sparsity, or the best one.
        estimate: the fit whose parameters and draws are asked.
    """
    sparsity = Estimate(option.sparsity) if option.sparsity is not None else best_sparsity(path, estimate)[0]
    return solve_at(path, option, sparsity, estimate)


def best_sparsity(path: Path, estimate: Estimates) -> tuple[Estimate, Array | None]:
    """The best sparsity along a path with its interval, and that of every draw [num_draws], if there are draws."""
    draws = estimate.drawn(path.best)
    return estimate.of(float(np.nan_to_num(path.best(estimate.fitted.values))), draws), draws


def solve_at(path: Path, option: Option, sparsity: Estimate, estimate: Estimates) -> Solution:
    """The model of an option at a sparsity that is known."""
    fitted, S = estimate.fitted, sparsity.value
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        model, drawn = path.at(fitted.values, S), path.at(fitted.draws, S)
    quantities = {f.name: (float(getattr(model, f.name)), getattr(drawn, f.name)) for f in fields(Model)}
    # What does not depend on the parameters is certain.
    found = {
        name: estimate.of(value, draws if (draws != value).any() else None)
        for name, (value, draws) in quantities.items()
    }
    if path.goal == "loss":
        compute = quantities["nonzero_params"][0] / (1 - S) * quantities["data"][0]
        value, draws = quantities["loss"]
        band, found["loss"] = found["loss"], estimate.of_run(value, draws if len(draws) else None, compute)
        return Solution(option, sparsity, **found, loss_band=band)
    return Solution(option, sparsity, **found)


def near_optimal(path: Path, parameters: Array, S: float, allowed: float) -> Pieces:
    """The ranges of sparsities at which the path's goal is at most `allowed`, one of them around S; the optimum is flat."""

    def goal(s: Array) -> Array:
        return getattr(path.at(parameters, s), path.goal)

    return pieces_within(goal, S, allowed, levels=path.levels, kinks=path.kinks)


def curve_of(path: Path, parameters: Array) -> tuple[Array, Array]:
    """Sparsities [n] along a path, kinks among them, and its goal there [n]; the only sparsities there are, if few."""
    even = np.linspace(0, MAX_SPARSITY, CURVE_POINTS)
    S = np.array(path.levels) if path.levels else np.union1d(even, scan_points(path.kinks))
    return S, np.asarray(getattr(path.at(parameters, S), path.goal))


def settle(fitted: Fit, question: Question, estimate: Estimates) -> Settled:
    """The path of a question, after what is asked beside the sparsity has been found.

    Raises:
        UserError: the loss is out of reach.
    """
    if question.is_lifetime:
        return _lifetime(fitted, question, estimate)
    size, cost, law = question.size, question.cost, fitted.planning_law()
    if size is not None:
        budget = _budget(fitted, question, size, estimate)
        path = OnBudget(law, size, budget.value, cost)
        return Settled(path, path, flops=budget)
    if question.data is not None or question.loss is None:
        return _any_size(fitted, question, question.data or np.inf, estimate)
    assert question.flops is not None
    assert question.loss is not None
    flops, loss = question.flops, question.loss
    smallest = estimate(lambda p: smallest_nonzeros(law, p, flops, loss, cost))
    require_reachable(smallest.value, fitted, loss, f"{format_count(flops)} FLOPs")
    if smallest.value < 1:
        raise UserError(f"A loss of {loss:g} needs less than one weight; check that it is in the unit of this fit.")
    path = OnBudget(law, smallest.value, flops, cost)
    return Settled(path, path, nonzero_params=smallest)


def _budget(fitted: Fit, question: Question, size: Size, estimate: Estimates) -> Estimate:
    """The FLOPs that a question about a size speaks of; certain, whatever their unit, unless a loss asks for them."""
    law, cost, dense_N = fitted.planning_law(), question.cost, float(nonzeros_at(size, 0.0))
    if question.loss is not None:
        loss = question.loss
        budget = estimate(lambda p: least_flops(law, p, size, loss, cost))
        require_reachable(budget.value, fitted, loss, *_limit_and_way(fitted, question, budget.value))
        return budget
    if question.times_chinchilla is not None:
        return Estimate(float(question.times_chinchilla * chinchilla_flops(law, fitted.values, dense_N, cost)))
    if question.data is not None:
        return Estimate(float(cost.flops(0.0, dense_N, question.data)))
    assert question.flops is not None
    return Estimate(question.flops)


def _limit_and_way(fitted: Fit, question: Question, needed: float) -> tuple[str, str]:
    """The limit in which a loss may be out of reach, in words, and then a precision that reaches it, or "none"."""
    size, law = question.size, fitted.planning_law()
    if size is None:
        return "any size", "none"
    counted = "weights" if isinstance(size, WeightLimit) else "non-zeros"
    limit = f"{format_count(float(nonzeros_at(size, 0.0)))} {counted}"
    for precision in NARROWER if is_bound(size) and not np.isfinite(needed) else ():
        other = question.in_precision(precision)
        values = with_factor(law, fitted.values, other.factor.value / question.factor.value)
        assert other.size is not None
        if np.isfinite(least_flops(law, values, other.size, question.loss or 0.0, question.cost)):
            return limit, precision
    return limit, "none"


def _any_size(fitted: Fit, question: Question, data: float, estimate: Estimates) -> Settled:
    """The size is free, the data limited."""
    law, cost, loss = fitted.planning_law(), question.cost, question.loss
    if question.flops is not None:
        budget = Estimate(question.flops)
    else:
        assert loss is not None
        budget = estimate(lambda p: least_flops_of_any_size(law, p, data, loss, cost))
        require_reachable(budget.value, fitted, loss, f"{format_count(data)} {fitted.data_unit}")
    S = float(best_per_flop(law, fitted.values, cost))
    size = estimate(lambda p: best_size(law, p, S, budget.value, cost, data=data))
    held = OnBudget(law, size.value, budget.value, cost, data)
    return Settled(AnySize(law, budget.value, cost, data), held, nonzero_params=size, flops=budget)


def _lifetime(fitted: Fit, question: Question, estimate: Estimates) -> Settled:
    """Training and inference together, for a loss."""
    assert question.loss is not None
    assert question.inference is not None
    demand = Demand(
        question.loss, question.inference, question.cost, question.inference_cost, question.size, question.weight
    )
    path = Lifetime(fitted.planning_law(), demand)
    total = path.at(fitted.values, np.nan_to_num(path.best(fitted.values))).total
    require_reachable(float(total), fitted, question.loss, *_limit_and_way(fitted, question, float(total)))
    return Settled(path, path)


def require_reachable(needed: float, fitted: Fit, loss: float, limit: str, way: str = "none") -> None:
    """Refuses a loss that nothing reaches; `way` is a precision that does, if one does.

    Raises:
        UserError: the loss is below the irreducible one, or what it needs is infinite.
    """
    floor = float(fitted.planning_law().floor(fitted.values))
    refuse_if("loss", {"loss": loss, "floor": floor, "needed": needed, "limit": limit, "way": way})
