"""Maps of the best sparsity: over non-zeros N and training budget C, or over inference demand and loss for a lifetime.

The contour of one S is explicit: C_S(N), the budget for which S is optimal. A draw's S_opt(N, C) is at least S where C is at
least its C_S(N), so a quantile of S_opt at (N, C) is found by inverting the quantile of C_S(N) over draws. Where S_opt jumps
over S, no budget makes S optimal: then the line of S ends, and in bands the least budget of a higher sparsity takes its place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sparselaw.cost.machine import open_cost
from sparselaw.cost.serving import SERVED_DENSE
from sparselaw.cost.training import Cost
from sparselaw.errors import UserError, arg
from sparselaw.fit.published import open_fit
from sparselaw.fit.result import Fit
from sparselaw.laws import Array, PowerLaw
from sparselaw.laws.lifetime import Demand
from sparselaw.laws.optimum import (
    LEVELS,
    chinchilla_flops,
    flops_where_optimal,
    optimal_sparsity,
)
from sparselaw.laws.search import MAX_SPARSITY
from sparselaw.plan.paths import Lifetime
from sparselaw.plan.question import CONFIDENCE, check_units, on_schedule_of
from sparselaw.shown import Shown

GRID, LIFETIME_GRID = 300, 100
BAND_LEVELS = 96  # sparsities at which a band is inverted; it is interpolated between them


@dataclass(frozen=True)
class Contours(Shown):
    """S_opt on a grid, and the lines of constant S_opt.

    nonzero_params [n] and flops [m] are the axes; sparsity, low and high are [n, m]; lines, lines_low and lines_high are
    budgets C_S(N) [num_levels, n]; chinchilla is the dense compute-optimal budget [n]. Bands are None without draws.
    """

    nonzero_params: Array
    flops: Array
    sparsity: Array = field(repr=False)
    levels: tuple[float, ...]
    lines: Array = field(repr=False)
    chinchilla: Array = field(repr=False)
    cost: Cost
    fit: Fit = field(repr=False)
    low: Array | None = field(default=None, repr=False)
    high: Array | None = field(default=None, repr=False)
    lines_low: Array | None = field(default=None, repr=False)
    lines_high: Array | None = field(default=None, repr=False)


@dataclass(frozen=True)
class LifetimeContours(Shown):
    """Best sparsity [n, m] for demands inference [n] and losses [m], with its N and lifetime FLOPs `total` [n, m]."""

    inference: Array
    loss: Array
    sparsity: Array = field(repr=False)
    nonzero_params: Array = field(repr=False)
    total: Array = field(repr=False)
    levels: tuple[float, ...]
    cost: Cost
    inference_cost: Cost
    fit: Fit = field(repr=False)


def contours(
    fit: Fit | str | Path,
    *,
    nonzeros: tuple[float, float] | None = None,
    flops: tuple[float, float] | None = None,
    inference: tuple[float, float] | None = None,
    loss: tuple[float, float] | None = None,
    cost: str | Cost = "dense",
    ramp: str | tuple[float, float] | None = None,
    inference_cost: str | Cost = "dense",
    tokens_per_image: float = 1.0,
    levels: tuple[float, ...] = LEVELS,
    confidence: float = CONFIDENCE,
    grid: int | None = None,
) -> Contours | LifetimeContours:
    """The best sparsity over a range of sizes and budgets; with `inference`, over a range of demands and losses.

    Args:
        fit: a fit, a published law or the path of a fit file; its draws give the bands.
        nonzeros: lowest and highest N; if None the fitted range, widened tenfold on both sides.
        flops: lowest and highest budget; if None from half Chinchilla of the smallest N to the budget of the highest sparsity.
        inference: lowest and highest number of tokens (images) to serve.
        loss: with inference, lowest and highest loss; if None those of the fitted runs.
        cost, ramp: of training, as in `plan`.
        inference_cost: of inference.
        tokens_per_image: for laws in images: tokens (patches) of one.
        levels: the sparsities to draw lines for.
        confidence: of the bands.
        grid: points along each axis; 300, or 100 with inference, if None.

    Raises:
        UserError: the law has no contours, or a loss is out of reach.
    """
    training = open_cost(cost, ramp=ramp, units_per_datum=tokens_per_image)
    fitted = on_schedule_of(training, open_fit(fit))
    check_units(fitted, tokens_per_image)
    levels = tuple(sorted(levels))
    if bad := [S for S in levels if not 0 < S < 1] or ([] if levels else [0.0]):
        raise UserError(f"{arg('levels')} has {bad[0]:g}; give sparsities between 0 and 1, such as 0.5.")
    if inference is None:
        if loss is not None:
            raise UserError(f"{arg('loss')} is an axis of the lifetime map; give {arg('inference')} as well.")
        return budget_contours(
            fitted, nonzeros, flops, cost=training, levels=levels, confidence=confidence, grid=grid or GRID
        )
    if nonzeros or flops:
        raise UserError(
            f"With {arg('inference')} the axes are demand and loss; give {arg('loss')}, not {arg('nonzeros')} or {arg('flops')}."
        )
    serving = open_cost(inference_cost, units_per_datum=tokens_per_image, serving=True)
    return lifetime_contours(
        fitted, inference, loss, cost=training, inference_cost=serving, levels=levels, grid=grid or LIFETIME_GRID
    )


@np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore")  # draws that say nothing
def budget_contours(
    fitted: Fit,
    nonzeros: tuple[float, float] | None = None,
    flops: tuple[float, float] | None = None,
    *,
    cost: Cost = Cost(),
    levels: tuple[float, ...] = LEVELS,
    confidence: float = CONFIDENCE,
    grid: int = GRID,
) -> Contours:
    """The best sparsity over sizes and training budgets; arguments as in `contours`."""
    law = fitted.planning_law()
    if law.levels:
        raise UserError(f"The law {law.name} knows the fitted sparsities only and has no contours; fit another law.")
    low_N, high_N = nonzeros or (fitted.domain.nonzero_params[0] / 10, fitted.domain.nonzero_params[1] * 10)
    N = np.geomspace(low_N, high_N, grid)
    chinchilla = chinchilla_flops(law, fitted.values, N, cost)
    wanted = np.array(levels)[:, None]
    lines = flops_where_optimal(law, fitted.values, wanted, N, cost)
    low_C, high_C = flops or (chinchilla[0] / 2, float(np.max(lines, initial=0.0, where=np.isfinite(lines))))
    if not 0 < low_C < high_C < np.inf:
        raise UserError(f"The law {law.name} of {fitted.name} has no contours: no budget makes these sparsities best.")
    C = np.geomspace(low_C, high_C, grid)
    sparsity = optimal_sparsity(law, fitted.values, N[:, None], C, cost)
    bands = _bands(law, fitted.draws, N, C, wanted, cost, confidence) if len(fitted.draws) else (None,) * 4
    return Contours(N, C, sparsity, levels, lines, chinchilla, cost, fitted, *bands)


@np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore")
def lifetime_contours(
    fitted: Fit,
    inference: tuple[float, float],
    loss: tuple[float, float] | None = None,
    *,
    cost: Cost = Cost(),
    inference_cost: Cost = SERVED_DENSE,
    levels: tuple[float, ...] = LEVELS,
    grid: int = LIFETIME_GRID,
) -> LifetimeContours:
    """The sparsity of the lowest lifetime cost over demands and losses; arguments as in `contours`."""
    law, (low, high) = fitted.planning_law(), loss or fitted.domain.loss
    floor = float(law.floor(fitted.values))
    if low <= floor:
        raise UserError(
            f"{arg('loss')} starts at {low:g}; give losses above the irreducible loss {floor:.4g} of this fit."
        )
    demands, losses = np.geomspace(*inference, grid), np.linspace(low, high, grid)
    path = Lifetime(law, Demand(losses, demands[:, None], cost, inference_cost))
    S = path.best(fitted.values)
    model = path.at(fitted.values, S)
    return LifetimeContours(demands, losses, S, model.nonzero_params, model.total, levels, cost, inference_cost, fitted)


def _bands(
    law: PowerLaw, draws: Array, N: Array, C: Array, wanted: Array, cost: Cost, confidence: float
) -> tuple[Array, Array, Array, Array]:
    # Even steps of the root of density: fine in S where density is high, fine in ln density where it is low.
    u = -2 * np.log(np.linspace(1, np.sqrt(1 - MAX_SPARSITY), BAND_LEVELS))
    S = np.concatenate([-np.expm1(-u), wanted[:, 0]])
    # ln C_S(N) is linear in ln N for every draw, so two sizes fix it.
    at = np.log([[N[0]], [N[-1]]])
    with np.errstate(divide="ignore", over="ignore"):
        ends = [np.log(flops_where_optimal(law, draws[:, None, :], S, float(np.exp(x[0])), cost)) for x in at]
    ends = [np.nan_to_num(e, posinf=1e6) for e in ends]
    for e in ends:  # S_opt rises with the budget, so it is at least S from the least budget of any higher sparsity
        e[:, :BAND_LEVELS] = np.minimum.accumulate(e[:, BAND_LEVELS - 1 :: -1], axis=1)[:, ::-1]
    low, high = np.empty((len(N), len(C))), np.empty((len(N), len(C)))
    lines_low, lines_high = np.empty((len(wanted), len(N))), np.empty((len(wanted), len(N)))
    quantiles = [(1 - confidence) / 2, (1 + confidence) / 2]
    for k, x in enumerate(np.log(N)):
        share = (x - at[0, 0]) / (at[1, 0] - at[0, 0]) if len(N) > 1 else 0.0
        cheap, dear = np.quantile(ends[0] + share * (ends[1] - ends[0]), quantiles, axis=0)
        high[k] = -np.expm1(-np.interp(np.log(C), np.maximum.accumulate(cheap[:BAND_LEVELS]), u))
        low[k] = -np.expm1(-np.interp(np.log(C), np.maximum.accumulate(dear[:BAND_LEVELS]), u))
        with np.errstate(over="ignore"):
            lines_low[:, k], lines_high[:, k] = np.exp(cheap[BAND_LEVELS:]), np.exp(dear[BAND_LEVELS:])
    return low, high, lines_low, lines_high
