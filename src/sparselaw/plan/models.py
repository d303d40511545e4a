"""The models that an option could be under a budget, one for each sparsity, and which of their quantities is to be lowest."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from sparselaw.cost.devices import Device, TokenTime
from sparselaw.cost.limits import Limits
from sparselaw.cost.serving import SERVED_DENSE, Gpu
from sparselaw.cost.storage import Memory, Total
from sparselaw.cost.training import Cost
from sparselaw.laws.free_size import best_size, size_for_loss
from sparselaw.laws.inverse import nonzeros_for, required_data
from sparselaw.laws.lifetime import Demand, life_at
from sparselaw.laws.optimum import Size, WeightLimit, is_bound, kinks_of, levels_of, nonzeros_at
from sparselaw.laws.power import Array, PowerLaw
from sparselaw.laws.search import lowest_of_scan
from sparselaw.plan.options import Option

KEPT_BYTES = 2  # of a weight that is not pruned


@dataclass(frozen=True)
class Budget:
    """What every option is given.

    Attributes:
        flops: of training; None where a loss is to be reached at the lowest cost.
        cost: how they are counted.
        loss: to reach; None where the lowest one is asked for. With FLOPs too, the fewest bytes are asked for.
        available: the most data there is.
        size: N, or the limit in its place; None if any size will do.
        inference: with a loss, tokens or images to serve, which count in the cost.
        inference_cost: how their FLOPs are counted.
        gpu: turns FLOPs into hours and money, and weighs inference against training.
        device: whose time of a token is told; batch: the sequences it generates at once.
        kept: weights that are not pruned, stored in 16 bits.
    """

    flops: float | None
    cost: Cost
    loss: float | None = None
    available: float = np.inf
    size: Size | None = None
    inference: float | None = None
    inference_cost: Cost = SERVED_DENSE
    gpu: Gpu | None = None
    device: Device | None = None
    batch: int = 1
    kept: int = 0

    @property
    def weight(self) -> float:
        """What a FLOP of inference costs in FLOPs of training."""
        return self.gpu.weight if self.gpu else 1.0

    @property
    def goal(self) -> str:
        """What is to be lowest: "loss", "flops" (with those of inference) that reach a loss, or "bytes" that do."""
        if self.loss is None:
            return "loss"
        return "flops" if self.flops is None else "bytes"

    def served(self, S: ArrayLike, N: ArrayLike) -> Array:
        """FLOPs of all inference with N non-zeros at sparsity S."""
        return np.asarray(self.inference_cost.flops(S, N, self.inference or 0.0))

    def demand(self, size: Size | None) -> Demand:
        """The loss and what is to be served, with a limit as an option meets it."""
        assert self.loss is not None
        assert self.inference is not None
        return Demand(self.loss, self.inference, self.cost, self.inference_cost, size, self.weight)


def is_possible(law: PowerLaw, option: Option, budget: Budget) -> bool:
    """Whether the law knows the sparsity of an option, and something runs it where a time is the limit."""
    if not law.knows_sparsity and option.pattern != "dense":
        return False
    if law.choices and option.sparsity is not None and not np.isclose(option.sparsity, law.choices).any():
        return False
    size = limit_for(option, budget.size)
    times = [one for one in (size.parts if isinstance(size, Limits) else (size,)) if isinstance(one, TokenTime)]
    return all(one.runtimes for one in times)


def limit_for(option: Option, size: Size | None) -> Size | None:
    """The limit as an option meets it: bytes in its storage, a time with its weights."""
    if option.total is not None:
        return Total(option.total)
    if isinstance(size, Limits):
        return Limits(tuple(_in_form(option, one) for one in size.parts))
    return _in_form(option, size) if isinstance(size, WeightLimit) else size


def _in_form(option: Option, limit: WeightLimit) -> WeightLimit:
    """A limit on weights of the precision and pattern of an option."""
    if isinstance(limit, Memory):
        return Memory(limit.bytes, option.storage)
    if isinstance(limit, TokenTime):
        return replace(limit, pattern=option.pattern, precision=option.precision)
    return limit


@dataclass(frozen=True)
class Models:
    """The models of one option at every sparsity S.

    Attributes:
        law: of their loss; values: its natural parameters, [p] or draws [num_draws, 1, p].
        option: what they are.
        budget: what they are given.
    """

    law: PowerLaw
    values: Array
    option: Option
    budget: Budget

    @property
    def size(self) -> Size | None:
        """The limit as the option meets it."""
        return limit_for(self.option, self.budget.size)

    def best(self) -> float:
        """The sparsity that is asked for, or the one of the lowest goal."""
        if self.option.sparsity is not None:
            return self.option.sparsity
        limit = 0.0 if self.size is None else self.size
        kinks = (*kinks_of(limit, self.budget.cost), *self.budget.inference_cost.kinks)
        return lowest_of_scan(self.goal, levels=levels_of(self.law, limit), kinks=kinks)

    def weights(self, S: ArrayLike) -> Array:
        """N: what the limit allows, or fewer where they do better."""
        most = np.asarray(np.inf if self.size is None else nonzeros_at(self.size, S))
        if self.size is not None and not is_bound(self.size):
            return most
        budget, law = self.budget, self.law
        if budget.goal == "loss":
            assert budget.flops is not None
            return np.minimum(most, best_size(law, self.values, S, budget.flops, budget.cost, data=budget.available))
        assert budget.loss is not None
        if budget.flops is not None:
            return nonzeros_for(law, self.values, np.asarray(S, dtype=float), budget.flops, budget.loss, budget.cost)
        if budget.inference is not None:
            return life_at(law, self.values, S, budget.demand(self.size)).nonzero_params
        return np.minimum(most, size_for_loss(law, self.values, S, budget.loss, data=budget.available))

    def data(self, S: ArrayLike) -> Array:
        """D that the FLOPs pay for, or that the loss takes; inf where there is not so much."""
        N, budget = self.weights(S), self.budget
        if budget.flops is not None:
            return np.minimum(budget.cost.data(S, N, budget.flops), budget.available)
        assert budget.loss is not None
        D = required_data(self.law, self.values, S, N, budget.loss)
        return np.where(budget.available * (1 + 1e-9) >= D, D, np.inf)

    def goal(self, S: ArrayLike) -> Array:
        """What is to be lowest: the loss, or the logarithm of FLOPs or of bytes."""
        N = self.weights(S)
        if self.budget.goal == "loss":
            return self.law.predict(self.values, S, N, self.data(S))
        return np.log(self.bytes(S, N) if self.budget.goal == "bytes" else self.spent(S, N, self.data(S)))

    def spent(self, S: ArrayLike, N: ArrayLike, D: ArrayLike) -> Array:
        """FLOPs of training, and of inference at its weight."""
        return np.asarray(self.budget.cost.flops(S, N, D) + self.budget.weight * self.budget.served(S, N))

    def bytes(self, S: ArrayLike, N: ArrayLike) -> Array:
        """Of N non-zeros at sparsity S, stored dense where that takes less, and of the weights that are kept."""
        storage = self.option.storage
        stored = np.minimum(storage.bytes(S, N), replace(storage, format="dense").bytes(S, N))
        return stored + KEPT_BYTES * self.budget.kept

    def in_draws(self, draws: Array, S: float, N: float, D: float) -> Array:
        """The loss, FLOPs or bytes of the model at S under each draw [num_draws]; FLOPs and bytes are inf where it cannot be."""
        budget, law = self.budget, self.law
        if budget.goal == "loss":
            return law.predict(draws, S, N, D)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if budget.goal == "bytes":
                return self.bytes(S, replace(self, values=draws).weights(S))
            return self.spent(S, N, required_data(law, draws, S, N, budget.loss or 0.0))
