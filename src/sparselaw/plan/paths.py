"""Paths: the models that meet a question, one for each sparsity S.

Along a path one quantity is lowest at the best S: the loss on a budget, or the cost of a lifetime. A path knows that S and the
model at any S, for one set of parameters or for all bootstrap draws at once; the mathematics is in `laws`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from sparselaw.cost.training import Cost
from sparselaw.laws.free_size import best_per_flop, best_size
from sparselaw.laws.lifetime import Demand, best_sparsity, life_at
from sparselaw.laws.optimum import Size, is_bound, kinks_of, levels_of, nonzeros_at, optimal_sparsity
from sparselaw.laws.power import Array, PowerLaw


@dataclass(frozen=True)
class Model:
    """A model at a sparsity: non-zeros, data, loss, and FLOPs, each [...]; inf where the loss is out of reach.

    `total` are the FLOPs of training and of inference, the latter weighted (see `laws.lifetime`).
    """

    nonzero_params: Array
    data: Array
    loss: Array
    flops: Array
    inference_flops: Array
    total: Array


class Path(Protocol):
    """The models that meet a question, one for each sparsity; parameters are natural, [..., p]."""

    @property
    def goal(self) -> str:
        """The quantity of `Model` that is least at the best sparsity."""
        ...

    @property
    def levels(self) -> tuple[float, ...]:
        """The only sparsities there are; empty if all."""
        ...

    @property
    def kinks(self) -> tuple[float, ...]:
        """The sparsities at which the path is not smooth."""
        ...

    def best(self, parameters: Array) -> Array:
        """The best sparsity [...]; NaN where no sparsity answers."""
        ...

    def at(self, parameters: Array, S: ArrayLike) -> Model:
        """The model at a sparsity."""
        ...

    def costing(self, cost: Cost) -> Path:
        """The same question with zeros that cost something else."""
        ...


@dataclass(frozen=True)
class OnBudget:
    """A size and training FLOPs, with at most `available` data: the loss is least."""

    law: PowerLaw
    size: Size
    flops: float
    cost: Cost
    available: float = np.inf
    goal: str = "loss"

    @property
    def levels(self) -> tuple[float, ...]:
        return levels_of(self.law, self.size)

    @property
    def kinks(self) -> tuple[float, ...]:
        return kinks_of(self.size, self.cost)

    def best(self, parameters: Array) -> Array:
        return optimal_sparsity(self.law, parameters, self.size, self.flops, self.cost)

    def at(self, parameters: Array, S: ArrayLike) -> Model:
        N = nonzeros_at(self.size, S)
        return _trained(self.law, parameters, S, N, self.flops, self.cost, self.available)

    def costing(self, cost: Cost) -> OnBudget:
        return replace(self, cost=cost)


@dataclass(frozen=True)
class AnySize:
    """Training FLOPs and at most `available` data, the size free: the loss is least."""

    law: PowerLaw
    flops: float
    cost: Cost
    available: float = np.inf
    goal: str = "loss"

    @property
    def levels(self) -> tuple[float, ...]:
        return self.law.choices

    @property
    def kinks(self) -> tuple[float, ...]:
        return self.cost.kinks

    def best(self, parameters: Array) -> Array:
        return best_per_flop(self.law, parameters, self.cost)

    def at(self, parameters: Array, S: ArrayLike) -> Model:
        with np.errstate(divide="ignore", over="ignore"):
            N = best_size(self.law, parameters, S, self.flops, self.cost, data=self.available)
            return _trained(self.law, parameters, S, N, self.flops, self.cost, np.inf)

    def costing(self, cost: Cost) -> AnySize:
        return replace(self, cost=cost)


@dataclass(frozen=True)
class Lifetime:
    """A loss to reach and tokens to serve: the cost of training and inference together is least."""

    law: PowerLaw
    demand: Demand
    goal: str = "total"

    @property
    def levels(self) -> tuple[float, ...]:
        return self.demand.levels(self.law)

    @property
    def kinks(self) -> tuple[float, ...]:
        return self.demand.kinks

    def best(self, parameters: Array) -> Array:
        found = best_sparsity(self.law, parameters, self.demand)
        return np.where(np.isfinite(life_at(self.law, parameters, found, self.demand).total), found, np.nan)

    def at(self, parameters: Array, S: ArrayLike) -> Model:
        life = life_at(self.law, parameters, S, self.demand)
        loss, size = np.asarray(self.demand.loss, dtype=float), self.demand.size
        N, served = life.nonzero_params, life.inference_flops
        if size is not None and not is_bound(size):  # certain, even where the loss is out of reach
            N = nonzeros_at(size, S)
            served = self.demand.serving.flops(S, N, self.demand.inference)
        return Model(N, life.data, loss, life.training_flops, served, life.total)

    def costing(self, cost: Cost) -> Lifetime:
        return replace(self, demand=replace(self.demand, serving=cost))


def _trained(
    law: PowerLaw, parameters: Array, S: ArrayLike, N: Array, flops: float, cost: Cost, available: float
) -> Model:
    """N non-zeros trained with `flops`, or on all the data there is."""
    D = np.minimum(cost.data(S, N, flops), available)
    return Model(N, D, law.predict(parameters, S, N, D), np.asarray(flops), np.asarray(0.0), np.asarray(flops))
