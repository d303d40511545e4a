"""A law fitted to several parts of its runs, all solved as one batch: hold-outs, and cuts by size.

The parts are the same runs with weight 1 or 0, so that a step of the solver is one product for all of them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sparselaw.errors import UserError
from sparselaw.fit.fitting import draw_starts, prepare_again
from sparselaw.fit.identify import require_carried
from sparselaw.fit.optima import best_of_each
from sparselaw.fit.result import Fit
from sparselaw.fit.solver import minimise
from sparselaw.laws import Array, Law, PowerLaw
from sparselaw.runs import Runs

STARTS = 16
BATCH = 2**22  # run weights held at once


def fit_parts(fitted: Fit, runs: Runs, parts: NDArray[np.bool_], *, starts: int = STARTS) -> list[Array | None]:
    """Parameters [p] of the law of `fitted`, with its pins, for each of the `parts`; None for one that cannot carry the law.

    Each is the best of those reached from the optimum of the whole and from random starts.

    Args:
        fitted: a fit of all the runs.
        runs: that it was fitted to.
        parts: masks [num_parts, num_runs] of the runs of each part.
        starts: of each part.
    """
    found: list[Array | None] = [None] * len(parts)
    carried = [k for k, part in enumerate(parts) if _carries(runs.select(part), fitted)]
    size = max(1, BATCH // (starts * len(runs)))
    for begin in range(0, len(carried), size):
        chosen = carried[begin : begin + size]
        for k, theta in zip(chosen, _solved(fitted, runs, parts[chosen].astype(float), starts), strict=True):
            found[k] = theta
    return found


def _carries(part: Runs, fitted: Fit) -> bool:
    try:
        require_carried(part, fitted.law, fitted.pinned)
    except UserError:
        return False
    return True


def _solved(fitted: Fit, runs: Runs, weights: Array, starts: int) -> list[Array | None]:
    """Parameters [p] under each row of run weights [k, num_runs]; None where no start converged."""
    setting = prepare_again(fitted, runs, weights=None, pin=None, bound=None)
    whole, rng = fitted.law.to_solver(fitted.values, setting.units)[None], np.random.default_rng(0)
    tried = [np.concatenate([whole, draw_starts(replace(setting, weights=row), starts - 1, rng)]) for row in weights]
    solutions = minimise(setting.problem, np.concatenate(tried), weights=np.repeat(weights, starts, 0))
    lot = np.repeat(np.arange(len(weights)), starts)
    bests = best_of_each(setting.problem, weights, [solutions.select(lot == k) for k in range(len(weights))])
    natural = fitted.law.from_solver(np.array([best.theta for best in bests]), setting.units)
    for name, value in fitted.pins.items():
        natural[:, fitted.law.names.index(name)] = value
    return [values if best.converged else None for best, values in zip(bests, natural, strict=True)]


def predictable(law: Law, runs: Runs, part: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The runs [num_runs] whose loss a law fitted to a part gives: all but those of sparsities it then has no parameter for."""
    if not isinstance(law, PowerLaw) or not law.levels:
        return np.ones(len(runs), dtype=bool)
    return np.isin(runs.sparsity, runs.sparsity[part])
