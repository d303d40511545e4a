"""Questions that leave N free: which size and sparsity do best for a budget, with at most so much data.

For a sparsity S the loss on a budget C is lowest where no other size does better (Hoffmann et al. 2022, arXiv 2203.15556), and
depends on S only through A(S)^(1/b_N) c_mul(S), where A(S) N^-b_N is the capacity term. The S that makes this least is best for
EVERY budget, loss and amount of data: it is the S at which a FLOP buys the largest dense-equivalent model.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sparselaw.laws.inverse import required_data
from sparselaw.laws.optimum import TrainingCost, data_exponent, levels_of, loss_on_budget
from sparselaw.laws.power import Array, Direction, PowerLaw
from sparselaw.laws.search import lowest_point


def best_per_flop(law: PowerLaw, parameters: ArrayLike, cost: TrainingCost) -> Array:
    """The S of the largest dense-equivalent model per FLOP."""
    values = np.asarray(parameters, dtype=float)[..., None, :]

    def flops_of_equivalent(S: Array) -> Array:
        return np.log(law.capacity(values, S, 1.0)) / law.capacity_exponent(values) + np.log(cost.multiplier(S))

    def slope(S: Array) -> Array:
        return log_size_slope(law, values, S) + cost.multiplier_slope(S)

    return lowest_point(flops_of_equivalent, slope, levels=levels_of(law), kinks=cost.kinks)


def log_size_slope(law: PowerLaw, parameters: Array, S: Array) -> Array:
    """d ln N / du at equal capacity loss: how much smaller a sparser model may be."""
    capacity, _ = law.slope(parameters, S, 1.0, 1.0, Direction(u=1.0))
    return capacity / (law.capacity(parameters, S, 1.0) * law.capacity_exponent(parameters))


def best_size(
    law: PowerLaw, parameters: ArrayLike, S: ArrayLike, flops: ArrayLike, cost: TrainingCost, *, data: float = np.inf
) -> Array:
    """The N that does best at sparsity S on a budget, seeing at most `data`."""
    values = np.asarray(parameters, dtype=float)
    b_N, b_D = law.capacity_exponent(values), data_exponent(law, values)
    with np.errstate(divide="ignore", over="ignore", under="ignore"):  # budgets that no model of any size can spend
        # The data that one non-zero can see, in units of the data at which the data term is 1.
        seen = np.log(cost.data(S, 1.0, flops)) - np.log(law.data_for(values, 1.0))
        balance = np.log(b_N * law.capacity(values, S, 1.0) / b_D) + b_D * seen
        return np.maximum(np.exp(balance / (b_N + b_D)), cost.data(S, 1.0, flops) / data)


def loss_of_best_size(
    law: PowerLaw, parameters: ArrayLike, S: ArrayLike, flops: ArrayLike, cost: TrainingCost, *, data: float = np.inf
) -> Array:
    """The lowest loss at sparsity S on a budget, whatever the size, seeing at most `data`."""
    values = np.asarray(parameters, dtype=float)
    with np.errstate(divide="ignore", over="ignore"):
        return loss_on_budget(law, values, S, best_size(law, values, S, flops, cost, data=data), flops, cost)


def least_flops_of_any_size(
    law: PowerLaw, parameters: ArrayLike, data: float, loss: float, cost: TrainingCost
) -> Array:
    """The smallest budget that reaches a loss with at most so much data, at the best size and sparsity; inf if none does."""
    values = np.asarray(parameters, dtype=float)
    S = best_per_flop(law, values, cost)
    N = size_for_loss(law, values, S, loss, data=data)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(np.isfinite(N), cost.flops(S, N, required_data(law, values, S, N, loss)), np.inf)


def size_for_loss(law: PowerLaw, parameters: ArrayLike, S: ArrayLike, loss: float, *, data: float = np.inf) -> Array:
    """The N that reaches a loss at sparsity S with the fewest FLOPs, seeing at most `data`; inf where none reaches it.

    FLOPs at constant loss are least where the capacity term takes b_D / (b_N + b_D) of the loss above the floor.
    """
    values = np.asarray(parameters, dtype=float)
    b_N, b_D = law.capacity_exponent(values), data_exponent(law, values)
    room = loss - law.floor(values)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # What a model without bounds would need leaves the rest of the room to the capacity term.
        share = np.minimum(b_D / (b_N + b_D), 1 - (law.data_for(values, room) / data) ** b_D)
        N = np.exp((np.log(law.capacity(values, S, 1.0)) - np.log(room * share)) / b_N)
        return np.where((room > 0) & (share > 0), N, np.inf)
