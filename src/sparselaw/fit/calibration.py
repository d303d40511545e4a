"""How far a new run may fall from a law: its noise, and the error of the law's form beyond the fitted runs.

The band of the draws is that of the law, if the law were true. A run also has noise, and no law is true: its error grows as
runs get larger. Rolling hold-outs measure it: the law is fitted to the smaller runs and predicts the larger ones, by compute
and by size, for several cuts. The error per decade of compute is the one that would have held 95% of the larger runs.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sparselaw.fit.parts import fit_parts, predictable
from sparselaw.fit.result import Fit, Spread
from sparselaw.laws import Array
from sparselaw.runs import Runs

CUTS = (0.4, 0.55, 0.7, 0.85)  # shares of the distinct sizes or budgets that are fitted
NORMAL_95 = 1.96
LEAST_DECADES = 0.15  # nearer runs say little on the error per decade
LEAST_PER_DECADE = 0.01
UNKNOWN_PER_DECADE = 0.02  # of ln loss, where no hold-out can be made: about the error of published laws


def calibrate(runs: Runs, fitted: Fit) -> Spread:
    """The spread of new runs around a law.

    Args:
        runs: that it was fitted to.
        fitted: the fit.
    """
    compute, num_free = compute_of(runs), len(fitted.law.names) - len(fitted.pinned)
    residuals = np.log(fitted.predict(runs.sparsity, runs.nonzero_params, runs.data) / runs.loss)
    noise = float(np.sqrt(np.mean(residuals**2) * len(runs) / max(1, len(runs) - num_free)))
    known = np.concatenate(
        [_per_decade(runs, fitted, *cut, noise) for cut in _fitted_cuts(runs, fitted)] or [np.empty(0)]
    )
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


def _fitted_cuts(runs: Runs, fitted: Fit) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_], Array]]:
    """For each cut that can be fitted and tells something: the smaller runs, the much larger ones, and the parameters [p]."""
    decades = np.log10(compute_of(runs))
    cuts = []
    for smaller in _cuts(runs):
        if smaller.any():
            larger = (
                ~smaller & (decades > decades[smaller].max() + LEAST_DECADES) & predictable(fitted.law, runs, smaller)
            )
            cuts += [(smaller, larger)] if larger.any() else []
    if not cuts:
        return
    found = fit_parts(fitted, runs, np.array([smaller for smaller, _ in cuts]))
    for (smaller, larger), parameters in zip(cuts, found, strict=True):
        if parameters is not None:
            yield smaller, larger, parameters


def _per_decade(
    runs: Runs, fitted: Fit, smaller: NDArray[np.bool_], larger: NDArray[np.bool_], parameters: Array, noise: float
) -> Array:
    """The errors of the larger runs beyond the noise, over their decades [num_larger]."""
    asked = runs.select(larger)
    with np.errstate(all="ignore"):
        error = np.log(fitted.law.predict(parameters, asked.sparsity, asked.nonzero_params, asked.data) / asked.loss)
    decades = np.log10(compute_of(asked) / compute_of(runs)[smaller].max())
    known = np.isfinite(error)
    beyond = np.sqrt(np.maximum(error[known] ** 2 - (NORMAL_95 * noise) ** 2, 0.0))
    return beyond / decades[known]
