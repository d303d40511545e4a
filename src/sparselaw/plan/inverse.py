"""Questions the other way round: the least compute or data for a loss, the smallest model for a loss and a budget.

Parameters are natural ones [..., p]; what cannot be reached at any price is inf.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sparselaw.laws import Array, Direction, PowerLaw
from sparselaw.plan.cost import Cost
from sparselaw.plan.optimum import (
    FINE_SCAN,
    MAX_SPARSITY,
    SCAN,
    Size,
    levels_of,
    loss_on_budget,
    nonzeros_at,
    optimal_sparsity,
    over_sparsities,
    rising_root,
    slope_on_budget,
)
from sparselaw.plan.storage import Memory

NEWTON_STEPS = 100


def required_data(law: PowerLaw, parameters: ArrayLike, S: ArrayLike, N: ArrayLike, loss: ArrayLike) -> Array:
    """The data at which N non-zeros at sparsity S reach `loss`."""
    return law.data_for(parameters, np.asarray(loss) - law.capacity(parameters, S, N) - law.floor(parameters))


def least_flops(law: PowerLaw, parameters: ArrayLike, N: Size, loss: ArrayLike, cost: Cost) -> Array:
    """The smallest budget with which N non-zeros, or a full memory, reach `loss`, at whichever sparsity is cheapest.

    At constant loss the budget is stationary where S is optimal for that budget, so the slope of `optimum` is reused.
    """
    values, loss = (np.asarray(a, dtype=float) for a in (parameters, loss))
    levels, points = levels_of(law, N), FINE_SCAN if isinstance(N, Memory) else SCAN
    values, N, loss = values[..., None, :], over_sparsities(N), loss[..., None]
    grid = -np.log1p(-np.array(levels)) if levels else np.linspace(0, -np.log(1 - MAX_SPARSITY), points)

    def flops(u: Array) -> Array:
        S = -np.expm1(-u)
        num = nonzeros_at(N, S)
        return cost.flops(S, num, required_data(law, values, S, num, loss))

    tried = flops(grid)
    if levels:
        return tried.min(-1)
    lowest = tried.argmin(-1)
    low, high = grid[np.maximum(lowest - 1, 0)], grid[np.minimum(lowest + 1, points - 1)]

    def slope(u: Array) -> Array:
        with np.errstate(invalid="ignore", over="ignore"):
            budget = flops(u[..., None])
            value = slope_on_budget(law, values, -np.expm1(-u[..., None]), N, budget, cost)
        # Out of reach at this sparsity: more sparsity is what helps.
        return np.where(np.isfinite(budget), value, -1.0)[..., 0]

    return np.minimum(tried.min(-1), flops(rising_root(slope, low, high)[..., None])[..., 0])


def smallest_nonzeros(law: PowerLaw, parameters: ArrayLike, flops: ArrayLike, loss: ArrayLike, cost: Cost) -> Array:
    """The fewest non-zeros that reach `loss` within `flops`, at whichever sparsity is best.

    The best loss on a budget is convex in ln N (a minimum over u of jointly convex sums of exponentials), so Newton's method
    from below, where data is unlimited, approaches the root from one side; turning upwards means out of reach.
    """
    values, flops, loss = (np.asarray(a, dtype=float) for a in (parameters, flops, loss))
    room = loss - law.floor(values)
    sparsest = max(levels_of(law), default=MAX_SPARSITY)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        x = (np.log(law.capacity(values, sparsest, 1.0)) - np.log(room)) / law.capacity_exponent(values)
        x = np.where(room > 0, x, np.nan)
        for _ in range(NEWTON_STEPS):
            N = np.exp(x)
            S = optimal_sparsity(law, values, N, flops, cost)
            excess = loss_on_budget(law, values, S, N, flops, cost) - loss
            slope = sum(law.slope(values, S, N, cost.data(S, N, flops), Direction(log_N=1.0, log_D=-1.0)))
            step = np.where(excess > 0, -excess / slope, 0.0)
            x = np.where(slope < 0, x + step, np.nan)
            if not (np.abs(step) > 1e-14 * np.abs(x)).any():
                break
        return np.where(np.isfinite(x), np.exp(x), np.inf)
