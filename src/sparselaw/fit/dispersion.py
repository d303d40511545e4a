"""The scale of the noise in a fit, in units of its objective: what makes 2 (F - F_min) / tau a chi^2 deviance.

    tau = n/(n-p) mean(psi^2) / mean(psi'),   psi = rho'

the dispersion of M-estimates (Huber 1973; Schrader and Hettmansperger 1980). For least squares it is the residual variance.
"""

from __future__ import annotations

import numpy as np

from sparselaw.fit.losses import Loss
from sparselaw.fit.solver import Problem, predict_all
from sparselaw.laws import Array

SMALLEST_NOISE = 1e-4  # of a loss, or in ln loss: no run is known more closely


def dispersion(problem: Problem, optimum: Array, weights: Array) -> tuple[float, float]:
    """tau, never that of runs without noise, and mean(psi'), at the optimum [p] of a problem with run weights [num_runs]."""
    predicted = predict_all(problem, optimum[None], slice(None))[0][0]
    used = weights > 0
    residual, weights = problem.loss.residual(predicted, problem.measured)[0][used], weights[used]
    free = (problem.lower < problem.upper) & (optimum > problem.lower) & (optimum < problem.upper)
    freedom = len(weights) / max(1, len(weights) - int(free.sum()))
    psi = problem.loss.weight(residual) * residual
    curvature = max(_mean_curvature(problem.loss, residual * np.sqrt(freedom), weights), 1e-12)
    least = 2 * float(problem.loss.rho(np.array(SMALLEST_NOISE)))
    return max(float(freedom * np.average(psi**2, weights=weights) / curvature), least), curvature


def _mean_curvature(loss: Loss, residual: Array, weights: Array) -> float:
    """E[psi'] as the slope of mean psi(r + h) in h over a bandwidth of the residuals' own spread.

    With delta far below the spread psi' is nonzero for a handful of runs only, and the fit pulls p of them there, so that
    counting them would overstate the curvature.
    """
    spread = np.median(np.abs(residual)) / 0.6745
    width = max(1.06 * spread * len(residual) ** -0.2, 1e-12)
    shifted = [np.average(loss.weight(r) * r, weights=weights) for r in (residual + width, residual - width)]
    return (shifted[0] - shifted[1]) / (2 * width)
