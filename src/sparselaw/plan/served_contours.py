"""The best sparsity over inference demand and loss, training and inference together."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sparselaw.cost.serving import SERVED_DENSE
from sparselaw.cost.training import Cost
from sparselaw.errors import UserError
from sparselaw.fit.result import Fit
from sparselaw.laws import Array
from sparselaw.laws.optimum import LEVELS
from sparselaw.plan.lifetime import Demand, best_sparsity, life_at

GRID = 100


@dataclass(frozen=True)
class ServedContours:
    """Best sparsity [n, m] at demands inference [n] and losses [m], with the N and the total FLOPs [n, m] of it."""

    inference: Array
    loss: Array
    sparsity: Array = field(repr=False)
    nonzero_params: Array = field(repr=False)
    total: Array = field(repr=False)
    levels: tuple[float, ...]
    cost: Cost
    inference_cost: Cost


def served_contours(
    fitted: Fit,
    *,
    inference: tuple[float, float],
    loss: tuple[float, float] | None = None,
    cost: Cost = Cost(),
    inference_cost: Cost = SERVED_DENSE,
    levels: tuple[float, ...] = LEVELS,
    grid: int = GRID,
) -> ServedContours:
    """The best sparsity over a range of demands and losses.

    Args:
        fitted: a fit; the map is that of its fitted values.
        inference: least and most data to serve.
        loss: lowest and highest; if None those of the fitted runs.
        cost: of training, as in `plan_served`.
        inference_cost: of inference.
        levels: the sparsities to draw lines for.
        grid: points along each axis.

    Raises:
        UserError: a loss that cannot be reached.
    """
    law, (low, high) = fitted.planning_law(), loss or fitted.domain.loss
    floor = float(law.floor(fitted.values))
    if low <= floor:
        raise UserError(f"losses must lie above the irreducible loss {floor:.4g} of this fit, got {low:g}")
    demands, losses = np.geomspace(*inference, grid), np.linspace(low, high, grid)
    demand = Demand(losses, demands[:, None], training=cost, serving=inference_cost)
    S = best_sparsity(law, fitted.values, demand)
    life = life_at(law, fitted.values, S, demand)
    return ServedContours(demands, losses, S, life.nonzero_params, life.total, tuple(levels), cost, inference_cost)
