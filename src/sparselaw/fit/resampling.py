"""Bootstrap of a fit: runs, or whole (S, N) cells of runs, are drawn with replacement; all refits are solved as one batch.

Resampling whole runs keeps what a residual bootstrap loses (lack of fit, unequal noise): on simulated sweeps it covers at
its nominal rate. Drawing cells suits sweeps whose runs of one model share something, such as a trunk or a tuned rate.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sparselaw.errors import UserError, arg, choice, require_at_least
from sparselaw.fit.fitting import Bounds, Pins, Setting, Weights, draw_starts, prepare_again
from sparselaw.fit.result import Bootstrap, Fit
from sparselaw.fit.solver import minimise
from sparselaw.laws import Array
from sparselaw.runs import Runs

RESTARTS = 16
BATCH = 2**22  # run weights held at once
FEW_DRAWS = 100  # below it a 95% interval hangs on the outermost draws


def bootstrap(
    fitted: Fit,
    runs: Runs,
    *,
    num_draws: int = 1000,
    by: str = "run",
    weights: Weights = None,
    pin: Pins | None = None,
    bound: Bounds | None = None,
    seed: int = 0,
) -> Fit:
    """The same fit with bootstrap draws.

    Every refit starts at the optimum of the full fit. One that does not converge is tried again from random starts; if it
    still does not, it is left out with a warning.

    Args:
        fitted: the fit of `runs`.
        runs: the runs it was fitted to.
        num_draws: resamples.
        by: "run", or "cell" to draw all runs of one (sparsity, non-zeros) together.
        weights: as given to `fit`.
        pin: as given to `fit`; if None the pinned parameters of `fitted` stay pinned.
        bound: as given to `fit`.
        seed: of the resampling.

    Raises:
        UserError: no draws, another `by`, or other runs than were fitted.
    """
    if num_draws < 1:
        raise UserError(f"{arg('bootstrap')} is {num_draws}; give the number of resamples, such as 1000.")
    if by not in ("run", "cell"):
        raise UserError(f"{arg('by')} is {by!r}; {choice(by, ('run', 'cell'))}")
    require_at_least(0, seed=seed)
    pin = fitted.pins if pin is None else pin
    setting = prepare_again(fitted, runs, weights=weights, pin=pin, bound=bound)
    groups = runs.cells() if by == "cell" else np.arange(len(runs))
    optimum = fitted.law.to_solver(fitted.values, setting.units)
    rng = np.random.default_rng(seed)
    batch = max(1, BATCH // len(runs))
    sizes = [min(batch, num_draws - done) for done in range(0, num_draws, batch)]
    theta = np.concatenate([_refits(setting, groups, optimum, size, rng) for size in sizes])
    draws = fitted.law.from_solver(theta, setting.units)
    for name, value in pin.items():
        draws[:, fitted.law.names.index(name)] = value
    lost = num_draws - len(draws)
    warnings = [*fitted.warnings]
    if num_draws < FEW_DRAWS:
        warnings.append(f"{num_draws} bootstrap draws are too few for 95% intervals; take 1000.")
    if lost:
        warnings.append(f"{lost} of {num_draws} bootstrap refits did not converge and are left out of the intervals.")
    return replace(fitted, bootstrap=Bootstrap(draws, by, num_draws, seed), warnings=tuple(warnings))


def resample(groups: NDArray[np.intp], num_draws: int, rng: np.random.Generator) -> Array:
    """How often each run is drawn, [num_draws, num_runs], when its group is drawn with replacement."""
    labels, group_of_run = np.unique(groups, return_inverse=True)
    counts = rng.multinomial(len(labels), np.full(len(labels), 1 / len(labels)), size=num_draws)
    return counts[:, group_of_run].astype(float)


def _refits(
    setting: Setting, groups: NDArray[np.intp], optimum: Array, num_draws: int, rng: np.random.Generator
) -> Array:
    weights = resample(groups, num_draws, rng) * setting.weights
    weights = weights[weights.sum(1) > 0]
    solutions = minimise(setting.problem, np.tile(optimum, (len(weights), 1)), weights=weights)
    theta, converged = solutions.theta, solutions.converged
    for k in np.flatnonzero(~converged):
        again = minimise(setting.problem, draw_starts(setting, RESTARTS, rng), weights=weights[k])
        objective = np.where(again.converged, again.objective, np.inf)
        converged[k] = np.isfinite(objective).any()
        theta[k] = again.theta[np.argmin(objective)]
    return theta[converged]
