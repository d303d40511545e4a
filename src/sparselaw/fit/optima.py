"""Other parameters that fit the runs as well: far from the best ones, and within the noise of them.

With a robust loss the minimum may be a whole set, as the median of an even number of values is; and a law may have several
minima. Each start that converged is an optimum; those within `AS_GOOD` of the best, as a chi^2 deviance, are kept if they
differ by more than a fraction of a standard error, in which the prior stands in for what the runs leave open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sparselaw.fit.dispersion import dispersion
from sparselaw.fit.solver import Bools, Prior, Problem, Solutions, minimise, predict_all, rounding
from sparselaw.laws import Array, Law

AS_GOOD = 3.84  # the 95% quantile of chi^2 with one degree of freedom
SAME_OPTIMUM = 1e-6  # relative difference of objectives below which two starts have found the same optimum
APART = 0.1  # standard errors
MAX_RIVALS = 4
TIE_BREAK = 1e-2  # weight of the prior that chooses among equally good parameters


def prior_of(law: Law, problem: Problem) -> tuple[Array, Array]:
    """Mean and precision of each parameter's prior [p]; precision 0 where there is none or the parameter is held."""
    mean = np.array([p.prior[0] if p.prior else 0.0 for p in law.parameters])
    width = np.array([p.prior[1] if p.prior else np.inf for p in law.parameters])
    return mean, np.where(problem.lower < problem.upper, 1 / width**2, 0.0)


@dataclass(frozen=True)
class Best:
    """The best of the solutions from many starts.

    Attributes:
        theta: parameters in solver coordinates [p]; of equally good ones those that the prior finds most plausible.
        scale: dispersion of the fit.
        converged: whether a start did, and none that did not is lower.
        equal: the solutions at the optimum, as `settled` left them.
        at_optimum: which solutions those are [num_starts].
        alike: parameters [k, p] as good as `theta` and far from it.
    """

    theta: Array
    scale: float
    converged: bool
    equal: Solutions
    at_optimum: Bools
    alike: Array


def best_of_each(problem: Problem, weights: Array, found: Sequence[Solutions]) -> list[Best]:
    """The best of each of several lots of solutions, each under run weights of its own [num_lots, num_runs]."""
    lots = [_lowest(problem, *lot) for lot in zip(weights, found, strict=True)]
    tied = [k for k, best in enumerate(lots) if len(best.alike)]
    if tied:
        for k, equal in zip(tied, settled(problem, weights[tied], [lots[k] for k in tied]), strict=True):
            theta = equal.theta[np.argmin(np.where(equal.converged, equal.objective, np.inf))]
            lots[k] = replace(lots[k], theta=theta, equal=equal)
    return lots


def _lowest(problem: Problem, weights: Array, solutions: Solutions) -> Best:
    objective = np.where(np.isnan(solutions.objective), np.inf, solutions.objective)
    reached = np.where(solutions.converged, objective, np.inf) if solutions.converged.any() else objective
    lowest = reached.min()
    at_optimum = solutions.converged & (objective <= lowest * (1 + SAME_OPTIMUM) + rounding(problem))
    theta = solutions.theta[int(np.argmin(reached))]
    scale, _ = dispersion(problem, theta, weights)
    equal = solutions.select(at_optimum)
    converged = bool(solutions.converged.any() and objective.min() >= lowest * (1 - SAME_OPTIMUM))
    return Best(theta, scale, converged, equal, at_optimum, rivals(problem, weights, equal, theta, scale))


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


def settled(problem: Problem, weights: Array, ties: Sequence[Best]) -> list[Solutions]:
    """The equally good parameters of each tie, moved within their set of minimisers to what the prior finds most plausible.

    Args:
        problem: that was solved.
        weights: of the runs, for each tie [num_ties, num_runs].
        ties: the ties.
    """
    mean, precision = prior_of(problem.law, problem)
    counts = [len(tie.equal.theta) for tie in ties]
    scale = np.repeat([tie.scale for tie in ties], counts)
    prior = Prior(TIE_BREAK * scale[:, None] * precision, np.tile(mean, (sum(counts), 1)))
    start = np.concatenate([tie.equal.theta for tie in ties])
    found = minimise(replace(problem, prior=prior), start, weights=np.repeat(weights, counts, 0))
    lot = np.repeat(np.arange(len(ties)), counts)
    return [found.select(lot == k) for k in range(len(ties))]


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
