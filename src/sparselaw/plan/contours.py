"""Optimal sparsity over non-zeros N and training budget C, with bands from the bootstrap draws.

The contour of one S is explicit: C_S(N), the budget for which S is optimal. A draw's S_opt(N, C) is at least S where C is at
least its C_S(N), so a quantile of S_opt at (N, C) is found by inverting the quantile of C_S(N) over draws.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sparselaw.cost.training import Cost
from sparselaw.errors import UserError
from sparselaw.fit.result import Fit
from sparselaw.laws import Array, PowerLaw
from sparselaw.laws.optimum import LEVELS, chinchilla_flops, flops_where_optimal, levels_of, optimal_sparsity
from sparselaw.laws.search import MAX_SPARSITY

GRID = 300
BAND_LEVELS = 192  # sparsities at which a band is inverted; it is interpolated between them


@dataclass(frozen=True)
class Contours:
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
    low: Array | None = field(default=None, repr=False)
    high: Array | None = field(default=None, repr=False)
    lines_low: Array | None = field(default=None, repr=False)
    lines_high: Array | None = field(default=None, repr=False)


def contours(
    fitted: Fit,
    *,
    nonzero_params: tuple[float, float] | None = None,
    flops: tuple[float, float] | None = None,
    cost: Cost = Cost(),
    levels: tuple[float, ...] = LEVELS,
    grid: int = GRID,
    confidence: float = 0.95,
) -> Contours:
    """Optimal sparsity over a range of N and C.

    Args:
        fitted: a fit; its draws give the bands.
        nonzero_params: lowest and highest N; the fitted range, widened tenfold on both sides, if None.
        flops: lowest and highest budget; from half Chinchilla of the smallest N to the budget of the highest level if None.
        cost: how FLOPs are counted.
        levels: the sparsities to draw lines for.
        grid: points along each axis.
        confidence: of the bands.
    """
    law = fitted.planning_law()
    if levels_of(law):
        raise UserError(f"the law {law.name} knows single sparsities only and has no contours; fit another law")
    low_N, high_N = nonzero_params or (fitted.domain.nonzero_params[0] / 10, fitted.domain.nonzero_params[1] * 10)
    N = np.geomspace(low_N, high_N, grid)
    chinchilla = chinchilla_flops(law, fitted.values, N, cost)
    wanted = np.array(levels)[:, None]
    lines = flops_where_optimal(law, fitted.values, wanted, N, cost)
    low_C, high_C = flops or (chinchilla[0] / 2, float(np.nanmax(lines)))
    if not 0 < low_C < high_C < np.inf:
        raise UserError(f"the {law.name} law from {fitted.name} has no contours: no budget makes these sparsities best")
    C = np.geomspace(low_C, high_C, grid)
    sparsity = optimal_sparsity(law, fitted.values, N[:, None], C, cost)
    bands = _bands(law, fitted.draws, N, C, wanted, cost, confidence) if len(fitted.draws) else (None,) * 4
    return Contours(N, C, sparsity, tuple(levels), lines, chinchilla, cost, *bands)


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
