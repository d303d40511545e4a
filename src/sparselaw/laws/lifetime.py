"""Training and inference together: the cheapest way to a loss over a model's life (Sardana et al. 2024, arXiv 2401.00448).

    T = 6 N D c_mul(S) + 2 N i(S) D_inf w

N non-zeros trained on D, D_inf tokens (or images) served; c_mul(S) as in `cost`; i(S) the relative time of inference over (1-S),
so that i = 1 where zeros are free and 1/(1-S) where they are computed; w the utilisation of training over that of inference.

Both N and D are free at a given loss, unless N is given or limited. With y the share of L - c that the capacity term takes,
N ~ y^(-1/b_N) and D = D_0 (1-y)^(-1/b_D), the best split for a sparsity is the root of one increasing function of
t = ln((b_N/b_D) y/(1-y) - 1),

    t + ln(1 + (b_D/b_N) (1 + e^t)) / b_D = ln(2 i w D_inf / (6 c_mul D_0)),

convex in t, so that Newton's method from the right converges. T is convex in N, so that where the best N exceeds a limit, the
limit is best. The sparsity is then searched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from sparselaw.laws.free_size import log_size_slope
from sparselaw.laws.optimum import (
    Size,
    TrainingCost,
    data_exponent,
    growth_at,
    is_bound,
    kinks_of,
    levels_of,
    nonzeros_at,
)
from sparselaw.laws.power import Array, PowerLaw
from sparselaw.laws.search import Function, lowest_point

NEWTON_STEPS = 60


@dataclass(frozen=True)
class Demand:
    """What a model is for: a loss, and `inference` tokens (images) served over its life.

    Attributes:
        loss: to reach.
        inference: tokens or images to serve; both [...] broadcast.
        training: what training costs.
        serving: what inference costs.
        size: N if it is given, or a limit; None if any size will do.
        weight: what a FLOP of inference costs in FLOPs of training.
    """

    loss: Array | float
    inference: Array | float
    training: TrainingCost
    serving: TrainingCost
    size: Size | None = None
    weight: float = 1.0

    @property
    def kinks(self) -> tuple[float, ...]:
        """The sparsities at which the cost is not smooth."""
        return (*kinks_of(0.0 if self.size is None else self.size, self.training), *self.serving.kinks)

    def levels(self, law: PowerLaw) -> tuple[float, ...]:
        """The only sparsities to choose from; empty if all."""
        return levels_of(law, 0.0 if self.size is None else self.size)


@dataclass(frozen=True)
class Life:
    """Sizes, data and FLOPs, each [...]; inf where the loss is out of reach."""

    nonzero_params: Array
    data: Array
    training_flops: Array
    inference_flops: Array
    total: Array


def life_at(law: PowerLaw, parameters: ArrayLike, S: ArrayLike, demand: Demand) -> Life:
    """The cheapest N and D at sparsity S, and what they cost; total counts inference at its weight."""
    values, S = np.asarray(parameters, dtype=float), np.asarray(S, dtype=float)
    room = np.asarray(demand.loss, dtype=float) - law.floor(values)
    each_data = demand.training.flops(S, 1.0, 1.0)
    each_size = demand.serving.flops(S, 1.0, demand.inference)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        N, D = _size_and_data(law, values, S, room, demand.size, demand.weight * each_size / each_data)
        reached = (room > 0) & np.isfinite(D)
        N, D = np.where(reached, N, np.inf), np.where(reached, D, np.inf)
        training, inference = each_data * N * D, each_size * N
        return Life(N, D, training, inference, training + demand.weight * inference)


def _size_and_data(
    law: PowerLaw, values: Array, S: Array, room: Array, size: Size | None, served: Array
) -> tuple[Array, Array]:
    """N and D of least total cost within the size that is given; `served` as for `_split`."""
    if size is None:
        return _split(law, values, S, room, served)
    most = nonzeros_at(size, S)
    N, D = _split(law, values, S, room, served) if is_bound(size) else (np.full_like(most, np.inf), most)
    is_held = ~(most >= N)
    return np.where(is_held, most, N), np.where(is_held, law.data_for(values, room - law.capacity(values, S, most)), D)


def best_sparsity(law: PowerLaw, parameters: ArrayLike, demand: Demand) -> Array:
    """The S of the cheapest life."""
    values = np.asarray(parameters, dtype=float)[..., None, :]
    loss, inference = (np.asarray(a, dtype=float)[..., None] for a in (demand.loss, demand.inference))
    one = replace(demand, loss=loss, inference=inference)

    def total(S: Array) -> Array:
        return life_at(law, values, S, one).total

    return lowest_point(total, _slope(law, values, one), levels=one.levels(law), kinks=one.kinks)


def _slope(law: PowerLaw, values: Array, demand: Demand) -> Function:
    """d total / du at the best split (envelope theorem: the split itself is stationary)."""

    def slope(S: Array) -> Array:
        life = life_at(law, values, S, demand)
        smaller = log_size_slope(law, values, S)
        # At equal loss: a free size shrinks with S at constant data; a given size needs less data.
        training = inference = smaller
        if demand.size is not None:
            is_held = life.nonzero_params == nonzeros_at(demand.size, S)
            growth = growth_at(demand.size, S)
            b_N, b_D = law.capacity_exponent(values), data_exponent(law, values)
            capacity = law.capacity(values, S, life.nonzero_params)
            with np.errstate(divide="ignore", invalid="ignore"):
                fewer = b_N * capacity / (b_D * (demand.loss - law.floor(values) - capacity))
                training = np.where(is_held, growth + (smaller - growth) * fewer, smaller)
            inference = np.where(is_held, growth, smaller)
        with np.errstate(invalid="ignore"):
            found = life.training_flops * (training + demand.training.multiplier_slope(S))
            found = found + demand.weight * life.inference_flops * (inference + demand.serving.multiplier_slope(S))
        return np.where(np.isfinite(life.total), found, np.nan)

    return slope


def _split(law: PowerLaw, values: Array, S: Array, room: Array, served: Array) -> tuple[Array, Array]:
    """N and D of least total cost at sparsity S; `served` is the data on which training would cost what inference costs."""
    b_N, b_D = law.capacity_exponent(values), data_exponent(law, values)
    unlimited = law.data_for(values, room)
    wanted = np.log(served / unlimited)
    t = wanted - np.log1p(b_D / b_N) / b_D
    for _ in range(NEWTON_STEPS):
        grown = np.exp(t)
        odds = (b_D / b_N) * (1 + grown)
        step = (t + np.log1p(odds) / b_D - wanted) / (1 + grown / (b_N * (1 + odds)))
        t = t - step
        if not (np.abs(step) > 1e-9).any():  # Newton's next would be of the square of that
            break
    odds = (b_D / b_N) * (1 + np.exp(t))
    log_share = -np.log1p(1 / odds)
    N = np.exp((np.log(law.capacity(values, S, 1.0)) - np.log(room) - log_share) / b_N)
    return N, unlimited * np.exp(np.log1p(odds) / b_D)
