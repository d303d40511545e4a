"""Other parameters that fit the runs as well: far from the best ones, and within the noise of them.

With a robust loss the minimum may be a whole set, as the median of an even number of values is; and a law may have several
minima. Each start that converged is an optimum; those within `AS_GOOD` of the best, as a chi^2 deviance, are kept if they
differ by more than a fraction of a standard error, in which the prior stands in for what the runs leave open.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sparselaw.fit.solver import Prior, Problem, Solutions, minimise, predict_all
from sparselaw.laws import Array, Law

AS_GOOD = 3.84  # the 95% quantile of chi^2 with one degree of freedom
APART = 0.1  # standard errors
MAX_RIVALS = 4
TIE_BREAK = 1e-2  # weight of the prior that chooses among equally good parameters


def prior_of(law: Law, problem: Problem) -> tuple[Array, Array]:
    """Mean and precision of each parameter's prior [p]; precision 0 where there is none or the parameter is held."""
    mean = np.array([p.prior[0] if p.prior else 0.0 for p in law.parameters])
    width = np.array([p.prior[1] if p.prior else np.inf for p in law.parameters])
    return mean, np.where(problem.lower < problem.upper, 1 / width**2, 0.0)


def rivals(problem: Problem, weights: Array, solutions: Solutions, best: Array, scale: float) -> Array:
    """Rows of parameters in solver coordinates [k, p], k <= MAX_RIVALS, far from the `best` ones [p] and from each other.

    Args:
        problem: that was solved.
        weights: of the runs [num_runs].
        solutions: from many starts.
        best: the parameters chosen.
        scale: dispersion of the fit.
    """
    lowest = objective(problem, weights, best[None])[0]
    excess = objective(problem, weights, solutions.theta) - lowest
    as_good = solutions.converged & (2 * excess <= AS_GOOD * scale)
    candidates = solutions.theta[as_good]
    error = _standard_errors(problem, weights, best, scale)
    kept = [best]
    while len(candidates) and len(kept) <= MAX_RIVALS:
        away = np.min([np.abs((candidates - one) / error).max(1) for one in kept], axis=0)
        if away.max() <= APART:
            break
        kept.append(candidates[int(away.argmax())])
    return np.array(kept[1:]).reshape(-1, len(best))


def settled(problem: Problem, weights: Array, solutions: Solutions, scale: float) -> Solutions:
    """Equally good parameters, each moved within its set of minimisers to what the prior finds most plausible."""
    mean, precision = prior_of(problem.law, problem)
    prior = Prior(TIE_BREAK * scale * precision, np.tile(mean, (len(solutions.theta), 1)))
    return minimise(replace(problem, prior=prior), solutions.theta, weights=weights)


def objective(problem: Problem, weights: Array, theta: Array) -> Array:
    """F [k] at parameters [k, p]."""
    predicted = predict_all(problem, theta, slice(None))[0]
    return (weights * problem.loss.rho(problem.loss.residual(predicted, problem.measured)[0])).sum(-1)


def _standard_errors(problem: Problem, weights: Array, theta: Array, scale: float) -> Array:
    predicted, jacobian = predict_all(problem, theta[None], slice(None))
    residual, slope = problem.loss.residual(predicted[0], problem.measured)
    design = jacobian[0] * slope * np.sqrt(weights * problem.loss.weight(residual) / scale)
    precision = prior_of(problem.law, problem)[1]
    size = np.sqrt(np.einsum("ij,ij->i", design, design) + precision)
    size = np.where(size > 0, size, 1.0)
    scaled = (design @ design.T + np.diag(precision)) / size / size[:, None]
    return np.sqrt(np.maximum(np.diag(np.linalg.pinv(scaled, hermitian=True)), 1e-12)) / size
