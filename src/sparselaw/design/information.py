"""What is known about an answer before new runs, and what one new run would tell.

A run x measures the law with noise of variance v, so near parameters theta it adds g g' / v to their information, g being the
derivative of the predicted (log) loss by theta. What the runs so far know is the inverse covariance of the fit's bootstrap draws.
The variance of an answer with derivative c is then, by the delta method,

    c' (M_0 + sum_x n_x g_x g_x' / v)^-1 c,

with g and c taken at many draws, since a design that is best at one guess can be bad at the next (Chaloner and Verdinelli 1995).
All derivatives are in solver coordinates, scaled by the spread of the draws.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from statistics import NormalDist

import numpy as np

from sparselaw.design.candidates import Candidates, Limits
from sparselaw.errors import UserError, arg
from sparselaw.fit.losses import Loss
from sparselaw.fit.result import Bootstrap, Fit
from sparselaw.laws import CAPPED, PAPER, Array, PowerLaw, Units
from sparselaw.laws.power import split
from sparselaw.plan.estimate import Quantity

GUESS_SPREAD = 0.5  # standard deviation of ln(parameter): the published and refitted laws of T5's runs are as far apart
GUESS_DRAWS = 1000
POINTS = 32  # draws that a design is averaged over
TAIL = 0.1  # share of them, those with the widest answers, that are left out: a resample of few runs can be absurd
RIDGE = 1e-6
STEP = 1e-5
NODES = 4000


@dataclass(frozen=True)
class Beliefs:
    """At each of K draws: the prior information [K, p, p], what each candidate adds g [K, n, p] (divided by the noise), and the
    derivative c [K, p] of the answer."""

    prior: Array
    runs: Array
    answer: Array

    def select(self, chosen: slice) -> Beliefs:
        """Beliefs about some of the candidates."""
        return replace(self, runs=self.runs[:, chosen])


def beliefs(law: PowerLaw, loss: Loss, draws: Array, runs: Candidates, answer: Quantity, noise: float) -> Beliefs:
    """Beliefs at some of the draws.

    Args:
        law: the form.
        loss: whose residuals, in L or ln L, `noise` is a standard deviation of.
        draws: natural parameters [num_draws, p].
        runs: the candidates.
        answer: natural parameters [batch, p] to the answer [batch].
        noise: what one run's noise is worth, see `run_noise`.

    Raises:
        UserError: the answer is the same whatever the parameters are.
    """
    units = (float(np.exp(np.log(runs.nonzero_params).mean())), float(np.exp(np.log(runs.data).mean())))
    theta = law.to_solver(draws, units)
    theta = theta[np.isfinite(theta).all(1)]
    spread = theta.std(0, ddof=1)
    free = spread > 1e-12 * np.abs(theta).max(0)
    points = theta[np.linspace(0, len(theta) - 1, min(POINTS, len(theta))).astype(int)]
    informative = _run_derivatives(law, loss, points, runs, units)[:, :, free] * spread[free] / noise
    wanted = _answer_derivative(law, points, answer, units, spread)[:, free] * spread[free]
    sound = np.isfinite(informative).all((1, 2)) & np.isfinite(wanted).all(1) & (wanted != 0).any(1)
    if not sound.any():
        raise UserError(
            f"The answer at the target is the same for every law that the fit allows, so no run narrows it; give another "
            f"{arg('target')}."
        )
    correlation = np.corrcoef(theta[:, free], rowvar=False).reshape(free.sum(), free.sum())
    prior = np.linalg.inv(correlation + RIDGE * np.eye(free.sum()))
    variance = np.einsum("ki,ij,kj->k", wanted, np.linalg.inv(prior), wanted)
    kept = sound & (variance <= np.quantile(variance[sound], 1 - TAIL))
    return Beliefs(np.broadcast_to(prior, (kept.sum(), *prior.shape)), informative[kept], wanted[kept])


def _run_derivatives(law: PowerLaw, loss: Loss, theta: Array, runs: Candidates, units: Units) -> Array:
    """Of the residual of each candidate, [K, n, p]."""
    features = law.features(runs.sparsity, runs.nonzero_params, runs.data, units=units)
    predicted, columns = law.evaluate([value[:, None] for value in split(theta)], features)
    shape = (len(theta), len(runs))
    jacobian = np.stack([np.broadcast_to(column, shape) for column in columns], axis=-1)
    return jacobian / predicted[:, :, None] if loss.log else jacobian


def _answer_derivative(law: PowerLaw, theta: Array, answer: Quantity, units: Units, spread: Array) -> Array:
    """Differences [K, p], central except at a bound of zero."""
    columns = []
    for k in range(theta.shape[1]):
        step = np.zeros(theta.shape[1])
        step[k] = STEP * spread[k]
        ahead = theta + step
        behind = np.where(theta >= 0, np.maximum(theta - step, 0.0), theta - step)
        with np.errstate(divide="ignore", invalid="ignore"):
            change = answer(law.from_solver(ahead, units)) - answer(law.from_solver(behind, units))
            columns.append(change / (ahead - behind)[:, k])
    return np.stack(columns, axis=-1)


def run_noise(fitted: Fit, stated: float | None = None) -> float:
    """Standard deviation of what one run's noise does to the fit, in the unit of its residuals (ln loss, or loss).

    The standard deviation of a run is that of normal noise whose mean rho is the objective, with the degrees of freedom that the
    parameters leave, unless `stated`; a robust fit sees it as noise of variance E[psi^2] / E[psi']^2 (Huber 1964).

    Raises:
        UserError: `stated` is not positive, or the fit is exact and says nothing about noise.
    """
    if stated is not None and not 0 < stated < np.inf:
        raise UserError(f"{arg('noise')} is {stated:g}; give a positive number.")
    if stated is None and not fitted.objective > 0:
        raise UserError(f"The fit has no residuals to estimate the noise of a run from; give {arg('noise')}.")
    freedom = fitted.num_runs / max(1, fitted.num_runs - len(fitted.law.names) + len(fitted.pinned))
    deviation = stated or _normal_deviation(fitted.loss, freedom * fitted.objective / fitted.loss.scale)
    return deviation * _inflation(deviation, fitted.loss)


@cache
def normal_nodes() -> Array:
    """Values whose mean, of any function, is about that of a standard normal variable."""
    z = np.array([NormalDist().inv_cdf((k + 0.5) / NODES) for k in range(NODES)])
    return z / z.std()


def _inflation(deviation: float, loss: Loss) -> float:
    """Square root of what a robust fit loses to least squares under normal noise."""
    z = normal_nodes()
    psi = loss.weight(deviation * z) * deviation * z
    slope = np.mean(psi * z) / deviation  # E[psi'] by Stein's lemma, which needs no density at delta
    return float(np.sqrt(np.mean(psi**2)) / slope / deviation)


def _normal_deviation(loss: Loss, objective: float) -> float:
    """The standard deviation of normal noise under which the mean of rho is `objective`."""
    from scipy.optimize import brentq  # half of what `sparselaw plan` would take to start

    def excess(log_deviation: float) -> float:
        return float(np.log(np.mean(loss.rho(np.exp(log_deviation) * normal_nodes())) / objective))

    least_squares = np.log(2 * objective) / 2  # rho is at most half the square
    absolute = np.log(objective / min(loss.delta, np.sqrt(objective)))
    return float(np.exp(brentq(excess, least_squares - 1, max(least_squares, absolute) + 5)))


def guess(fitted: Fit, limits: Limits, seed: int) -> Fit:
    """A law of other models as a guess at the law of these: wide draws around it in place of its own.

    Every parameter is log-normal, in units at the middle of `limits`, so that each term of the loss there, and each exponent, is
    known to a factor of about e^0.5.
    """
    law = PAPER if fitted.law is CAPPED else fitted.law  # the cap is no part of a guess
    assert isinstance(law, PowerLaw)
    units = (float(np.sqrt(np.prod(limits.nonzero_params))), float(np.sqrt(np.prod(limits.data))))
    factors = np.exp(GUESS_SPREAD * np.random.default_rng(seed).standard_normal((GUESS_DRAWS, len(law.names))))
    lower, upper = (np.array([getattr(p, side) for p in law.parameters]) for side in ("lower", "upper"))
    draws = law.from_solver(np.clip(law.to_solver(fitted.values, units) * factors, lower, upper), units)
    return replace(fitted, bootstrap=Bootstrap(draws, "guess", GUESS_DRAWS, seed))
