"""How far a new run may fall from a law: its noise, and the error of the law's form beyond the fitted runs.

The band of the draws is that of the law, if the law were true. A run also has noise, and no law is true: its error grows as
runs get larger. Rolling hold-outs measure it: the law is fitted to the smaller runs and predicts the larger ones, by compute
and by size, for several cuts. The error per decade of compute is the one that would have held 95% of the larger runs.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sparselaw.errors import UserError
from sparselaw.fit.fitting import fit_law
from sparselaw.fit.losses import Loss
from sparselaw.fit.result import Fit, Spread
from sparselaw.laws import Array, Law
from sparselaw.runs import Runs

CUTS = (0.4, 0.55, 0.7, 0.85)  # shares of the distinct sizes or budgets that are fitted
STARTS = 8
NORMAL_95 = 1.96
LEAST_DECADES = 0.15  # nearer runs say little on the error per decade
LEAST_PER_DECADE = 0.01
UNKNOWN_PER_DECADE = 0.02  # of ln loss, where no hold-out can be made: about the error of published laws


def calibrate(runs: Runs, law: Law | str, fitted: Fit) -> Spread:
    """The spread of new runs around a law.

    Args:
        runs: that it was fitted to.
        law: its form; by its name if it has parameters for the sparsities of the runs.
        fitted: the fit.
    """
    compute, num_free = compute_of(runs), len(fitted.law.names) - len(fitted.pinned)
    residuals = np.log(fitted.predict(runs.sparsity, runs.nonzero_params, runs.data) / runs.loss)
    noise = float(np.sqrt(np.mean(residuals**2) * len(runs) / max(1, len(runs) - num_free)))
    found = [_per_decade(runs, law, fitted.loss, smaller, noise) for smaller in _cuts(runs)]
    known = np.concatenate(found)
    per_decade = float(np.quantile(known, 0.95)) / NORMAL_95 if len(known) else UNKNOWN_PER_DECADE
    return Spread(noise, max(per_decade, LEAST_PER_DECADE), (float(compute.min()), float(compute.max())))


def compute_of(runs: Runs) -> Array:
    """What orders runs by size: weights, zeros included, times data [num_runs]."""
    return runs.nonzero_params / (1 - runs.sparsity) * runs.data


def _cuts(runs: Runs) -> Iterator[NDArray[np.bool_]]:
    """Masks [num_runs] of the smaller runs, by compute and by size."""
    for values in (compute_of(runs), runs.nonzero_params):
        levels = np.unique(np.round(np.log(values), 2))
        for share in CUTS:
            yield np.log(values) <= levels[min(int(share * len(levels)), len(levels) - 1)] - 0.005


def _per_decade(runs: Runs, law: Law | str, loss: Loss, smaller: NDArray[np.bool_], noise: float) -> Array:
    """The errors of the larger runs beyond the noise, over their decades [num_larger]; none if the smaller carry no fit."""
    if not smaller.any():
        return np.empty(0)
    decades = np.log10(compute_of(runs) / compute_of(runs)[smaller].max())
    is_asked = ~smaller & (decades > LEAST_DECADES)
    if not is_asked.any():
        return np.empty(0)
    fitted_to, larger, decades = runs.select(smaller), runs.select(is_asked), decades[is_asked]
    try:
        fitted = fit_law(fitted_to, law, loss=loss, starts=STARTS)
    except UserError:
        return np.empty(0)
    with np.errstate(all="ignore"):
        error = np.log(fitted.predict(larger.sparsity, larger.nonzero_params, larger.data) / larger.loss)
    known = np.isfinite(error)
    beyond = np.sqrt(np.maximum(error[known] ** 2 - (NORMAL_95 * noise) ** 2, 0.0))
    return beyond / decades[known]
