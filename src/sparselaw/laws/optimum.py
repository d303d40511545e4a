"""The sparsity that minimises the loss of a model of N non-zeros, or of as many as a memory holds, for a budget C.

S_opt minimises L(S, N, D) on the path D = C / (6 N c_mul(S)). It is found as a root of the slope along the path (`search`);
for the paper's law with dense cost the closed form is used:

    S_opt = max{0, 1 - exp[(ln(b_D/(a_S b_S)) + b_N ln N)/(b_D+b_S)] * (6 a_D N/C)^(b_D/(b_D+b_S))}.

In a memory N depends on S: the path is L(S, N(S), C / (6 N(S) c_mul(S))).

Parameters are natural ones, [..., p]; N and C broadcast against their leading axes.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from sparselaw.errors import UserError, arg
from sparselaw.laws.forms import PAPER
from sparselaw.laws.power import Array, Direction, PowerLaw
from sparselaw.laws.search import MAX_SPARSITY, Pieces, least_value, lowest_point, piece_with, pieces_within


class TrainingCost(Protocol):
    """What training costs: FLOPs as a function of (S, N, D), and its slope in S; see `cost.training.Cost`."""

    @property
    def name(self) -> str: ...
    @property
    def kinks(self) -> tuple[float, ...]: ...
    @property
    def zeros_are_computed(self) -> bool: ...
    def multiplier(self, S: ArrayLike) -> Array: ...
    def multiplier_slope(self, S: ArrayLike) -> Array: ...
    def flops(self, S: ArrayLike, N: ArrayLike, D: ArrayLike) -> Array: ...
    def data(self, S: ArrayLike, N: ArrayLike, flops: ArrayLike) -> Array: ...


@runtime_checkable
class WeightLimit(Protocol):
    """A limit that holds fewer non-zeros the sparser they are; see `cost.storage.Memory`."""

    @property
    def levels(self) -> tuple[float, ...]: ...
    @property
    def kinks(self) -> tuple[float, ...]: ...
    @property
    def positions_are_free(self) -> bool: ...
    @property
    def is_bound(self) -> bool: ...
    def nonzeros(self, S: ArrayLike) -> Array: ...
    def growth(self, S: ArrayLike) -> Array: ...


Size = ArrayLike | WeightLimit
"""N, or a limit in its place: a memory that holds as many non-zeros as it can."""
LEVELS = (0.25, 0.5, 0.75, 0.875, 0.9375)
"""The sparsities whose contours are drawn unless others are asked for."""
SAME_SPARSITY = 1e-6  # what is closer is rounding


def levels_of(law: PowerLaw, N: Size = 0.0) -> tuple[float, ...]:
    """The only sparsities to choose from: those that the law knows and the memory's format can hold; empty if all."""
    known = law.choices
    held = N.levels if isinstance(N, WeightLimit) else ()
    return tuple(S for S in known if S in held) if known and held else known or held


def kinks_of(N: Size, cost: TrainingCost) -> tuple[float, ...]:
    """The sparsities at which the path is not smooth."""
    return (*cost.kinks, *N.kinks) if isinstance(N, WeightLimit) else cost.kinks


def is_bound(N: Size | None) -> bool:
    """Whether fewer weights may be taken than the limit allows, as with bytes and times, but not with counts."""
    return isinstance(N, WeightLimit) and N.is_bound


def growth_at(N: Size | None, S: ArrayLike) -> Array:
    """d ln N / du, u = -ln(1-S), of the most non-zeros that are allowed."""
    return N.growth(S) if isinstance(N, WeightLimit) else np.asarray(0.0)


def nonzeros_at(N: Size, S: ArrayLike) -> Array:
    """The non-zeros at sparsity S."""
    return N.nonzeros(S) if isinstance(N, WeightLimit) else np.asarray(N, dtype=float)


def over_sparsities(N: Size) -> Size:
    """N against a further axis of sparsities."""
    return N if isinstance(N, WeightLimit) else np.asarray(N, dtype=float)[..., None]


def loss_on_budget(
    law: PowerLaw, parameters: Array, S: ArrayLike, N: Size, flops: ArrayLike, cost: TrainingCost
) -> Array:
    """Loss at sparsity S of N non-zeros trained with `flops`."""
    N = nonzeros_at(N, S)
    return law.predict(parameters, S, N, cost.data(S, N, flops))


def slope_on_budget(
    law: PowerLaw, parameters: Array, S: ArrayLike, N: Size, flops: ArrayLike, cost: TrainingCost
) -> Array:
    """dL/du on the budget, u = -ln(1-S): negative while more sparsity helps."""
    along, N = sparser_on_budget(S, cost, N), nonzeros_at(N, S)
    capacity, data = law.slope(parameters, S, N, cost.data(S, N, flops), along)
    return capacity + data


def sparser_on_budget(S: ArrayLike, cost: TrainingCost, N: Size = 0.0) -> Direction:
    """The direction of more sparsity at constant C, and at constant N or in a memory."""
    growth = growth_at(N, S)
    return Direction(u=1.0, log_N=growth, log_D=-cost.multiplier_slope(S) - growth)


def optimal_sparsity(law: PowerLaw, parameters: ArrayLike, N: Size, flops: ArrayLike, cost: TrainingCost) -> Array:
    """S_opt in [0, MAX_SPARSITY]; among its levels for a law with levels.

    Args:
        law: the form.
        parameters: natural, shape [..., p].
        N: non-zeros, or a memory; flops: training budget; both broadcast against parameters.shape[:-1].
        cost: how FLOPs are counted.
    """
    values, flops = np.asarray(parameters, dtype=float), np.asarray(flops, dtype=float)
    if law.terms == PAPER.terms and cost.zeros_are_computed and not isinstance(N, WeightLimit):
        return closed_form(values, np.asarray(N, dtype=float), cost.data(0.0, 1.0, flops))
    return numerical_optimum(law, values, N, flops, cost)


def closed_form(parameters: Array, N: Array, data: Array) -> Array:
    """S_opt of the paper's law when zeros are computed; `data` is what the budget pays for with one dense weight, C/6."""
    a_S, b_S, _, b_N, a_D, b_D, _ = np.moveaxis(parameters, -1, 0)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        log_data = np.log(a_D) + np.log(N) - np.log(data)
        log_density = (np.log(b_D) - np.log(a_S * b_S) + b_N * np.log(N) + b_D * log_data) / (b_D + b_S)
        found = np.clip(-np.expm1(log_density), 0.0, MAX_SPARSITY)
        return np.where(np.isnan(found), 0.0, found)  # nothing depends on sparsity


def numerical_optimum(law: PowerLaw, parameters: Array, N: Size, flops: Array, cost: TrainingCost) -> Array:
    """S_opt by a scan and bisection of the slope."""
    levels, kinks = levels_of(law, N), kinks_of(N, cost)
    values, N, flops = parameters[..., None, :], over_sparsities(N), flops[..., None]
    return lowest_point(
        lambda S: loss_on_budget(law, values, S, N, flops, cost),
        lambda S: slope_on_budget(law, values, S, N, flops, cost),
        levels=levels,
        kinks=kinks,
    )


def near_optimal_pieces(
    law: PowerLaw, parameters: ArrayLike, N: Size, flops: float, cost: TrainingCost, *, tolerance: float
) -> Pieces:
    """The ranges of S whose loss is within `tolerance` nats of the lowest; the optimum is flat, and there may be two.

    For a law or a format with levels, ranges of neighbouring levels.
    """
    values = np.asarray(parameters, dtype=float)
    best = float(optimal_sparsity(law, values, N, flops, cost))
    allowed = float(loss_on_budget(law, values, best, N, flops, cost)) + tolerance

    def loss(S: Array) -> Array:
        return loss_on_budget(law, values, S, N, flops, cost)

    return pieces_within(loss, best, allowed, levels=levels_of(law, N), kinks=kinks_of(N, cost))


def near_optimal_range(
    law: PowerLaw, parameters: ArrayLike, N: Size, flops: float, cost: TrainingCost, *, tolerance: float
) -> tuple[float, float]:
    """The one of `near_optimal_pieces` around S_opt."""
    best = float(optimal_sparsity(law, parameters, N, flops, cost))
    return piece_with(best, near_optimal_pieces(law, parameters, N, flops, cost, tolerance=tolerance))


def data_where_optimal(law: PowerLaw, parameters: ArrayLike, S: ArrayLike, N: ArrayLike, along: Direction) -> Array:
    """The data at which the loss is stationary along a direction; inf where no data makes it so.

    Along `sparser_on_budget` this is the data for which S is optimal: the contours of S_opt are explicit.
    """
    capacity, _ = law.slope(parameters, S, N, 1.0, along)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        reference = law.data_for(parameters, 1.0)
        exponent = data_exponent(law, parameters)
        # The data term at D is data_loss = (reference/D)^exponent, and its slope is data_loss * exponent * (-along.log_D).
        needed = -capacity / (exponent * -np.asarray(along.log_D))
        return np.where(needed > 0, reference * np.exp(-np.log(np.where(needed > 0, needed, 1.0)) / exponent), np.inf)


def data_exponent(law: PowerLaw, parameters: ArrayLike) -> Array:
    """The exponent of 1/D."""
    name = next(e for t in law.terms for e, f in t.exponents if f == "log_D")
    return np.asarray(parameters, dtype=float)[..., law.names.index(name)]


def flops_where_optimal(law: PowerLaw, parameters: ArrayLike, S: ArrayLike, N: ArrayLike, cost: TrainingCost) -> Array:
    """The budget for which S is optimal for N non-zeros: the contour C_S(N); inf where S is not optimal for any budget."""
    flops = flops_where_stationary(law, parameters, S, N, cost)
    is_finite = np.isfinite(flops)
    best = optimal_sparsity(law, parameters, N, np.where(is_finite, flops, 1.0), cost)
    return np.where(is_finite & (np.abs(best - np.asarray(S, dtype=float)) < SAME_SPARSITY), flops, np.inf)


def flops_where_stationary(
    law: PowerLaw, parameters: ArrayLike, S: ArrayLike, N: ArrayLike, cost: TrainingCost
) -> Array:
    """The budget for which more sparsity than S makes no difference at first, though S may be far from the best."""
    if levels_of(law):
        raise UserError(f"The law {law.name} knows the fitted sparsities only and has no contours; fit another law.")
    if cost.kinks:
        raise UserError(f"{arg('cost')} is {cost.name}, which has kinks and so no contours; give dense or sparse.")
    return cost.flops(S, N, data_where_optimal(law, parameters, S, N, sparser_on_budget(S, cost)))


def flops_where_sparsity_pays(law: PowerLaw, parameters: ArrayLike, N: Size, cost: TrainingCost) -> Array:
    """The budget from which some sparsity is better than none, for N non-zeros or in a memory that holds N_0 dense weights.

    Where the loss at S on a budget is that of dense: A(0) - A(S) = ((c_mul N/N_0)^b_D - 1) (6 N_0 D_1 / C)^b_D with D_1 the data
    at which the data term is 1; the least over S, of which the limit S -> 0 is the contour of 0 where N does not depend on S
    and dense models lack no term.
    """
    values, levels = np.asarray(parameters, dtype=float)[..., None, :], levels_of(law, N)
    b_D, dense, sizes = data_exponent(law, values), nonzeros_at(over_sparsities(N), 0.0), over_sparsities(N)

    def data(S: Array) -> Array:
        size = nonzeros_at(sizes, S)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            gain = law.capacity(values, 0.0, dense) - law.capacity(values, S, size)
            price = np.maximum((cost.multiplier(S) * size / dense) ** b_D - 1, 0.0)
            return np.where(gain > 0, law.data_for(values, 1.0) * (price / gain) ** (1 / b_D), np.inf)

    least = cost.flops(0.0, nonzeros_at(N, 0.0), least_value(data, levels=levels, kinks=kinks_of(N, cost)))
    if levels or law.sets_dense_apart or (isinstance(N, WeightLimit) and not N.positions_are_free):
        return least
    N = nonzeros_at(N, 0.0)
    return np.minimum(
        least, cost.flops(0.0, N, data_where_optimal(law, parameters, 0.0, N, sparser_on_budget(0.0, cost)))
    )


def chinchilla_flops(law: PowerLaw, parameters: ArrayLike, N: ArrayLike, cost: TrainingCost) -> Array:
    """The dense compute-optimal budget of N: the C for which no other dense size does better (Hoffmann et al. 2022)."""
    larger = Direction(log_N=1.0, log_D=-1.0)
    return cost.flops(0.0, N, data_where_optimal(law, parameters, 0.0, N, larger))
