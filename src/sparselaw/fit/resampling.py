"""Bootstrap of a fit: runs, or whole groups of runs, are drawn with replacement; all refits are solved as one batch.

Resampling whole runs keeps what a residual bootstrap loses (lack of fit, unequal noise): on simulated sweeps it covers at
its nominal rate. Drawing groups suits runs that share something, such as a trunk or a tuned rate.

Resamples alone cannot see what no run depends on: every refit would stay where it starts. So each refit has a prior on the
exponents of its own, centred on a draw from that prior:

    F(theta) + tau/2 sum_k ((theta_k - centre_k) / width_k)^2,    centre ~ N(mean, width)

with tau the dispersion of the fit. Where the law is linear and the noise normal these are draws from the posterior
(randomise then optimise; Bardsley et al. 2014, doi 10.1137/140964023). What the runs determine hardly moves; what they leave
open spreads as widely as the prior does, and `share_of_prior` tells which is which.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sparselaw.errors import UserError, arg, choice, require_at_least
from sparselaw.fit.dispersion import dispersion
from sparselaw.fit.fitting import Bounds, Pins, Setting, Weights, draw_starts, prepare_again
from sparselaw.fit.optima import prior_of
from sparselaw.fit.result import Bootstrap, Fit
from sparselaw.fit.solver import Prior, minimise
from sparselaw.laws import Array, PowerLaw
from sparselaw.runs import Runs

NUM_DRAWS = 1000
RESTARTS = 16
BATCH = 2**22  # run weights held at once
FEW_DRAWS = 100  # below it a 95% interval hangs on the outermost draws


def bootstrap(
    fitted: Fit,
    runs: Runs,
    *,
    num_draws: int = NUM_DRAWS,
    by: str = "run",
    weights: Weights = None,
    pin: Pins | None = None,
    bound: Bounds | None = None,
    seed: int = 0,
) -> Fit:
    """The same fit with bootstrap draws.

    Every refit starts at the optima of the full fit. One that does not converge is tried again from random starts; if it
    still does not, it is left out with a warning.

    Args:
        fitted: the fit of `runs`.
        runs: the runs it was fitted to.
        num_draws: resamples.
        by: "run" for one training with all its checkpoints and repeats, or "cell" for all runs of one (sparsity, non-zeros).
        weights: as given to `fit`.
        pin: as given to `fit`; if None the pinned parameters of `fitted` stay pinned.
        bound: as given to `fit`.
        seed: of the resampling.

    Raises:
        UserError: no draws, another `by`, or other runs than were fitted.
    """
    check_resampling(num_draws, by)
    require_at_least(0, seed=seed)
    pin = fitted.pins if pin is None else pin
    setting = prepare_again(fitted, runs, weights=weights, pin=pin, bound=bound)
    groups = runs.cells() if by == "cell" else runs.trainings()
    optima = fitted.law.to_solver(np.concatenate([fitted.values[None], fitted.rivals]), setting.units)
    mean, precision = prior_of(fitted.law, setting.problem)
    known, (scale, _) = precision > 0, dispersion(setting.problem, optima[0], setting.weights)
    rng = np.random.default_rng(seed)
    centres = np.tile(mean, (num_draws, 1))
    centres[:, known] += rng.standard_normal((num_draws, int(known.sum()))) / np.sqrt(precision[known])
    centres = np.clip(centres, setting.problem.lower, setting.problem.upper)
    batch = max(1, BATCH // len(runs))
    refits = [
        _refits(setting, groups, optima, Prior(scale * precision, centres[begin : begin + batch]), rng)
        for begin in range(0, num_draws, batch)
    ]
    theta, converged = (np.concatenate(parts) for parts in zip(*refits, strict=True))
    draws = fitted.law.from_solver(theta[converged], setting.units)
    for name, value in pin.items():
        draws[:, fitted.law.names.index(name)] = value
    lost = num_draws - len(draws)
    warnings = [*fitted.warnings]
    if num_draws < FEW_DRAWS:
        warnings.append(f"{num_draws} bootstrap draws are too few for 95% intervals; take 1000.")
    if lost:
        warnings.append(f"{lost} of {num_draws} bootstrap refits did not converge and are left out of the intervals.")
    drawn = Bootstrap(draws, by, num_draws, seed, centres[converged][:, known])
    return replace(fitted, bootstrap=drawn, warnings=tuple(warnings))


def check_resampling(num_draws: int, by: str) -> None:
    """Refuses a number of draws, or what is drawn, that does not exist.

    Raises:
        UserError: one of these.
    """
    if num_draws < 1:
        raise UserError(f"{arg('bootstrap')} is {num_draws}; give the number of resamples, such as 1000.")
    if by not in ("run", "cell"):
        raise UserError(f"{arg('by')} is {by!r}; {choice(by, ('run', 'cell'))}")


def share_of_prior(answers: Array, centres: Array) -> float:
    """The share of the spread of answers [num_draws] over the draws that comes from the prior's centres [num_draws, k].

    The squared multiple correlation of ranks, corrected for the number of centres: 0 where the answers do not vary.
    """
    num_draws, k = centres.shape
    if num_draws < k + 3 or answers.min() == answers.max():
        return 0.0
    (answer, *_), columns = _ranks(answers[:, None]).T, _ranks(centres)
    rest = answer - columns @ np.linalg.lstsq(columns, answer, rcond=None)[0]
    return float(max(0.0, 1 - (rest @ rest) / (answer @ answer) * (num_draws - 1) / (num_draws - k - 1)))


def kinds_of_priors(law: PowerLaw, pinned: Collection[str]) -> tuple[str, ...]:
    """For each centre of a draw, the kind of runs that tell its exponent: "sizes", "durations" or "sparsities"."""
    kinds = {"log_N": "sizes", "log_mean_N": "sizes", "log_D": "durations"}
    features = {exponent: feature for term in law.terms for exponent, feature in term.exponents}
    names = [p.name for p in law.parameters if p.prior and p.name not in pinned]
    return tuple(kinds.get(features[name], "sparsities") for name in names)


def most_followed(answers: Array, centres: Array) -> int:
    """The column of centres [num_draws, k] whose ranks those of the answers [num_draws] follow most."""
    return int(np.argmax(np.abs(_ranks(answers[:, None]).T @ _ranks(centres))))


def _ranks(columns: Array) -> Array:
    """Ranks within each column [num_draws, k], centred; ties in the order of the draws."""
    return columns.argsort(0, kind="stable").argsort(0) - (len(columns) - 1) / 2


def resample(groups: NDArray[np.intp], num_draws: int, rng: np.random.Generator) -> Array:
    """How often each run is drawn, [num_draws, num_runs], when its group is drawn with replacement."""
    labels, group_of_run = np.unique(groups, return_inverse=True)
    counts = rng.multinomial(len(labels), np.full(len(labels), 1 / len(labels)), size=num_draws)
    return counts[:, group_of_run].astype(float)


def _refits(
    setting: Setting, groups: NDArray[np.intp], optima: Array, prior: Prior, rng: np.random.Generator
) -> tuple[Array, NDArray[np.bool_]]:
    """Parameters [num_draws, p] of resamples, each the best of those reached from all `optima` [k, p]; and which converged."""
    num_draws, k = len(prior.centre), len(optima)
    weights = resample(groups, num_draws, rng) * setting.weights
    weights[weights.sum(1) == 0] = setting.weights
    found = minimise(
        replace(setting.problem, prior=Prior(prior.precision, np.repeat(prior.centre, k, 0))),
        np.tile(optima, (num_draws, 1)),
        weights=np.repeat(weights, k, 0),
    )
    objective = np.where(found.converged, found.objective, np.inf).reshape(num_draws, k)
    theta = found.theta.reshape(num_draws, k, -1)[np.arange(num_draws), objective.argmin(1)]
    converged = np.asarray(np.isfinite(objective).any(1))
    for row in np.flatnonzero(~converged):
        own = Prior(prior.precision, np.tile(prior.centre[row], (RESTARTS, 1)))
        again = minimise(replace(setting.problem, prior=own), draw_starts(setting, RESTARTS, rng), weights=weights[row])
        reached = np.where(again.converged, again.objective, np.inf)
        converged[row] = np.isfinite(reached).any()
        theta[row] = again.theta[np.argmin(reached)]
    return theta, converged
