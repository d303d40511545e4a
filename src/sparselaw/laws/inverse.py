"""Questions the other way round: the least compute or data for a loss, the smallest model for a loss and a budget.

Parameters are natural ones [..., p]; what cannot be reached at any price is inf.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sparselaw.laws.optimum import (
    Size,
    TrainingCost,
    data_exponent,
    kinks_of,
    levels_of,
    nonzeros_at,
    over_sparsities,
    slope_on_budget,
)
from sparselaw.laws.power import Array, PowerLaw
from sparselaw.laws.search import lowest_point

NEWTON_STEPS = 100


def required_data(law: PowerLaw, parameters: ArrayLike, S: ArrayLike, N: ArrayLike, loss: ArrayLike) -> Array:
    """The data at which N non-zeros at sparsity S reach `loss`."""
    return law.data_for(parameters, np.asarray(loss) - law.capacity(parameters, S, N) - law.floor(parameters))


def least_flops(law: PowerLaw, parameters: ArrayLike, N: Size, loss: ArrayLike, cost: TrainingCost) -> Array:
    """The smallest budget with which N non-zeros, or a full memory, reach `loss`, at whichever sparsity is cheapest.

    At constant loss the budget is stationary where S is optimal for that budget, so the slope of `optimum` is reused.
    """
    levels, kinks = levels_of(law, N), kinks_of(N, cost)
    values, loss = (np.asarray(a, dtype=float) for a in (parameters, loss))
    values, N, loss = values[..., None, :], over_sparsities(N), loss[..., None]

    def flops(S: Array) -> Array:
        size = nonzeros_at(N, S)
        return cost.flops(S, size, required_data(law, values, S, size, loss))

    def slope(S: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            budget = flops(S)
            return np.where(np.isfinite(budget), slope_on_budget(law, values, S, N, budget, cost), np.nan)

    best = lowest_point(flops, slope, levels=levels, kinks=kinks)
    return flops(best[..., None])[..., 0]


def smallest_nonzeros(
    law: PowerLaw, parameters: ArrayLike, flops: ArrayLike, loss: ArrayLike, cost: TrainingCost
) -> Array:
    """The fewest non-zeros that reach `loss` within `flops`, at whichever sparsity is best.

    At constant loss and budget N is stationary where S is optimal for N, so the slope of `optimum` is reused.
    """
    values, flops, loss = (np.asarray(a, dtype=float) for a in (parameters, flops, loss))
    values, flops, loss = values[..., None, :], flops[..., None], loss[..., None]

    def nonzeros(S: Array) -> Array:
        return nonzeros_for(law, values, S, flops, loss, cost)

    def slope(S: Array) -> Array:
        N = nonzeros(S)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return np.where(np.isfinite(N), slope_on_budget(law, values, S, N, flops, cost), np.nan)

    best = lowest_point(nonzeros, slope, levels=levels_of(law), kinks=cost.kinks)
    return nonzeros(best[..., None])[..., 0]


def nonzeros_for(
    law: PowerLaw, values: Array, S: Array, flops: ArrayLike, loss: ArrayLike, cost: TrainingCost
) -> Array:
    """The fewest non-zeros at sparsity S that reach `loss` within `flops`.

    With x = ln N the loss on a budget is A exp(-b_N x) + B exp(b_D x) + c: convex, so Newton's method from below, where data is
    unlimited, approaches the root from one side; turning upwards means out of reach.
    """
    room = np.asarray(loss, dtype=float) - law.floor(values)
    b_N, b_D = law.capacity_exponent(values), data_exponent(law, values)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # Each term over the room for both, as exp(log_capacity - b_N x) and exp(log_data + b_D x).
        log_capacity = np.log(law.capacity(values, S, 1.0)) - np.log(room)
        log_data = b_D * (np.log(law.data_for(values, room)) - np.log(cost.data(S, 1.0, flops)))
        x = np.where(room > 0, log_capacity / b_N, np.nan)
        for _ in range(NEWTON_STEPS):
            capacity, data = np.exp(log_capacity - b_N * x), np.exp(log_data + b_D * x)
            slope = b_D * data - b_N * capacity
            step = np.where(capacity + data > 1, (1 - capacity - data) / slope, 0.0)
            x = np.where(slope < 0, x + step, np.nan)
            if not (np.abs(step) > 1e-14 * np.abs(x)).any():
                break
        return np.where(np.isfinite(x), np.exp(x), np.inf)
