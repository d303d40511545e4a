"""The sparsity that minimises the loss of a model of N non-zeros, or of as many as a memory holds, for a budget C.

S_opt minimises L(S, N, D) on the path D = C / (6 N c_mul(S)). It is found as a root of the slope along the path, to
rounding, after a scan that brackets the lowest point; for the paper's law with dense cost the closed form is used:

    S_opt = max{0, 1 - exp[(ln(b_D/(a_S b_S)) + b_N ln N)/(b_D+b_S)] * (6 a_D N/C)^(b_D/(b_D+b_S))}.

In a memory N depends on S: the path is L(S, N(S), C / (6 N(S) c_mul(S))).

Parameters are natural ones, [..., p]; N and C broadcast against their leading axes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from sparselaw.errors import UserError
from sparselaw.laws import PAPER, Array, Direction, PowerLaw
from sparselaw.plan.cost import FLOPS_PER_PARAM, Cost
from sparselaw.plan.storage import Memory

MAX_SPARSITY = 0.999
SCAN = 64
FINE_SCAN = 512
BISECTIONS = 60

Slope = Callable[[Array], Array]
Size = ArrayLike | Memory
"""N, or a memory that holds as many non-zeros as it can."""


def levels_of(law: PowerLaw, N: Size = 0.0) -> tuple[float, ...]:
    """The only sparsities to choose from: those that the law knows and the memory's format can hold; empty if all."""
    known = tuple(t.gate for t in law.terms if isinstance(t.gate, float))
    held = N.levels if isinstance(N, Memory) else ()
    return tuple(S for S in known if S in held) if known and held else known or held


def nonzeros_at(N: Size, S: ArrayLike) -> Array:
    """The non-zeros at sparsity S."""
    return N.nonzeros(S) if isinstance(N, Memory) else np.asarray(N, dtype=float)


def over_sparsities(N: Size) -> Size:
    """N against a further axis of sparsities."""
    return N if isinstance(N, Memory) else np.asarray(N, dtype=float)[..., None]


def loss_on_budget(law: PowerLaw, parameters: Array, S: ArrayLike, N: Size, flops: ArrayLike, cost: Cost) -> Array:
    """Loss at sparsity S of N non-zeros trained with `flops`."""
    N = nonzeros_at(N, S)
    return law.predict(parameters, S, N, cost.data(S, N, flops))


def slope_on_budget(law: PowerLaw, parameters: Array, S: ArrayLike, N: Size, flops: ArrayLike, cost: Cost) -> Array:
    """dL/du on the budget, u = -ln(1-S): negative while more sparsity helps."""
    along, N = sparser_on_budget(S, cost, N), nonzeros_at(N, S)
    capacity, data = law.slope(parameters, S, N, cost.data(S, N, flops), along)
    return capacity + data


def sparser_on_budget(S: ArrayLike, cost: Cost, N: Size = 0.0) -> Direction:
    """The direction of more sparsity at constant C, and at constant N or in a memory."""
    growth = N.growth(S) if isinstance(N, Memory) else 0.0
    return Direction(u=1.0, log_N=growth, log_D=-cost.multiplier_slope(S) - growth)


def optimal_sparsity(law: PowerLaw, parameters: ArrayLike, N: Size, flops: ArrayLike, cost: Cost) -> Array:
    """S_opt in [0, MAX_SPARSITY]; among its levels for a law with levels.

    Args:
        law: the form.
        parameters: natural, shape [..., p].
        N: non-zeros, or a memory; flops: training budget; both broadcast against parameters.shape[:-1].
        cost: how FLOPs are counted.
    """
    values, flops = np.asarray(parameters, dtype=float), np.asarray(flops, dtype=float)
    if levels_of(law, N):
        return _best_level(law, values, N, flops, cost)
    if law is PAPER and not cost.sparse and not isinstance(N, Memory):
        return closed_form(values, np.asarray(N, dtype=float), flops * (1 / cost.units_per_datum))
    return numerical_optimum(law, values, N, flops, cost)


def closed_form(parameters: Array, N: Array, flops: Array) -> Array:
    """S_opt of the paper's law when zeros are computed."""
    a_S, b_S, _, b_N, a_D, b_D, _ = np.moveaxis(parameters, -1, 0)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        log_data = np.log(FLOPS_PER_PARAM) + np.log(a_D) + np.log(N) - np.log(flops)
        log_density = (np.log(b_D) - np.log(a_S * b_S) + b_N * np.log(N) + b_D * log_data) / (b_D + b_S)
        return np.clip(-np.expm1(log_density), 0.0, MAX_SPARSITY)


def numerical_optimum(law: PowerLaw, parameters: Array, N: Size, flops: Array, cost: Cost) -> Array:
    """S_opt by a scan and bisection of the slope."""
    values, N, flops = parameters[..., None, :], over_sparsities(N), flops[..., None]

    def loss(u: Array) -> Array:
        return loss_on_budget(law, values, -np.expm1(-u), N, flops, cost)

    def slope(u: Array) -> Array:
        return slope_on_budget(law, values, -np.expm1(-u[..., None]), N, flops, cost)[..., 0]

    grid = np.linspace(0, -np.log(1 - MAX_SPARSITY), FINE_SCAN if isinstance(N, Memory) else SCAN)
    low, high = _around_lowest(grid, loss(grid))
    if isinstance(N, Memory):  # N(S) bends where another way of storing takes over, and there may be two lowest points
        grid = np.linspace(low, high, SCAN, axis=-1)
        low, high = _around_lowest(grid, loss(grid))
    return -np.expm1(-rising_root(slope, low, high))


def _around_lowest(grid: Array, loss: Array) -> tuple[Array, Array]:
    """The points before and after the lowest, along the last axis."""
    lowest, grid = loss.argmin(-1, keepdims=True), np.broadcast_to(grid, loss.shape)
    before, after = np.maximum(lowest - 1, 0), np.minimum(lowest + 1, grid.shape[-1] - 1)
    return np.take_along_axis(grid, before, -1)[..., 0], np.take_along_axis(grid, after, -1)[..., 0]


def rising_root(function: Slope, low: Array, high: Array) -> Array:
    """Where a function goes from negative to positive on [low, high]; an end if it does not change sign. Bisection."""
    # np.array: a copy that may be written to, whatever the shape.
    low, high = np.array(low, dtype=float), np.array(high, dtype=float)
    always_rising, always_falling = function(low) >= 0, function(high) <= 0
    start, end = low.copy(), high.copy()
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        falling = function(middle) < 0
        low, high = np.where(falling, middle, low), np.where(falling, high, middle)
    return np.where(always_rising, start, np.where(always_falling, end, (low + high) / 2))


def _best_level(law: PowerLaw, parameters: Array, N: Size, flops: Array, cost: Cost) -> Array:
    levels = np.array(levels_of(law, N))
    loss = loss_on_budget(law, parameters[..., None, :], levels, over_sparsities(N), flops[..., None], cost)
    return levels[loss.argmin(-1)]


def near_optimal_range(
    law: PowerLaw, parameters: ArrayLike, N: Size, flops: float, cost: Cost, *, tolerance: float
) -> tuple[float, float]:
    """The range of S around S_opt whose loss is within `tolerance` nats of the lowest; the optimum is flat.

    For a law with levels, the outermost levels within the tolerance.
    """
    values = np.asarray(parameters, dtype=float)
    best = optimal_sparsity(law, values, N, flops, cost)
    allowed = loss_on_budget(law, values, best, N, flops, cost) + tolerance
    if levels_of(law, N):
        levels = np.array(levels_of(law, N))
        near = levels[loss_on_budget(law, values, levels, N, flops, cost) <= allowed]
        return float(near.min()), float(near.max())

    def excess(u: Array) -> Array:
        return loss_on_budget(law, values, -np.expm1(-u), N, flops, cost) - allowed

    u = -np.log1p(-best)
    ends = (_first_excess(excess, u, end) for end in (0.0, -np.log(1 - MAX_SPARSITY)))
    low, high = (float(-np.expm1(-end)) for end in ends)
    return max(0.0, low), high


def _first_excess(excess: Slope, start: Array, end: float) -> Array:
    """The first point on the way from start to end where the excess turns positive; the end if it never does."""
    grid = np.linspace(start, end, FINE_SCAN)
    outside = np.flatnonzero(excess(grid[1:]) > 0)
    return rising_root(excess, grid[outside[0]], grid[outside[0] + 1]) if len(outside) else grid[-1]


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


def flops_where_optimal(law: PowerLaw, parameters: ArrayLike, S: ArrayLike, N: ArrayLike, cost: Cost) -> Array:
    """The budget for which S is optimal for N non-zeros: the contour C_S(N)."""
    if levels_of(law):
        raise UserError(f"the law {law.name} knows single sparsities only and has no contours; use another law")
    return cost.flops(S, N, data_where_optimal(law, parameters, S, N, sparser_on_budget(S, cost)))


def chinchilla_flops(law: PowerLaw, parameters: ArrayLike, N: ArrayLike, cost: Cost) -> Array:
    """The dense compute-optimal budget of N: the C for which no other dense size does better (Hoffmann et al. 2022)."""
    larger = Direction(log_N=1.0, log_D=-1.0)
    return Cost(units_per_datum=cost.units_per_datum).flops(0.0, N, data_where_optimal(law, parameters, 0.0, N, larger))
