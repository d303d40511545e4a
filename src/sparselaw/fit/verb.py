"""The verb: from what a caller has (a table, the name of a law, the name of a loss function) to a fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sparselaw.errors import UserError, first_line
from sparselaw.fit.calibration import calibrate
from sparselaw.fit.fitting import NUM_STARTS, Bounds, Pins, Weights, fit_law
from sparselaw.fit.losses import Loss, loss_function
from sparselaw.fit.resampling import NUM_DRAWS, check_resampling
from sparselaw.fit.resampling import bootstrap as draw
from sparselaw.fit.result import Fit
from sparselaw.laws import FunctionLaw, Law, from_function
from sparselaw.runs.table import Runs, as_runs

if TYPE_CHECKING:
    from pandas import DataFrame

DEFAULT_LAW = {"t5-c4": "capped"}


def fit(
    runs: Runs | DataFrame | str | Path,
    law: Law | str | Callable[..., Any] | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    where: str | None = None,
    loss: Loss | str | None = None,
    delta: float | None = None,
    quantile: float = 0.5,
    bootstrap: int = NUM_DRAWS,
    by: str = "run",
    pin: Pins | None = None,
    bound: Bounds | None = None,
    weights: Weights = None,
    starts: int = NUM_STARTS,
    seed: int = 0,
) -> Fit:
    """Fit a law to finished runs.

    Args:
        runs: a table, or what `read_runs` reads: a file, a folder of runs, or a published sweep such as `t5-c4`.
        law: a built-in law's name, a law, a function of S, N, D and its parameters, or `FILE.py:FUNCTION`. If None `paper`, but
            `capped` for the published sweep t5-c4, whose fit is impossible without the cap.
        columns: what the columns of the table mean, and which rows to fit: as in `sparselaw.runs.read_runs`.
        where: as there.
        loss: the loss function of residuals: `huber-log`, `huber`, `squared`, `squared-log`, `absolute`, `absolute-log`. A
            published sweep's own if None, else huber-log.
        delta: of Huber's loss; 0.001 for huber-log and 0.01 for huber if None.
        quantile: the quantile of the loss to fit; 0.5 is the median.
        bootstrap: number of resamples for intervals; 0 draws none.
        by: resample each "run", with its checkpoints and repeats, or each "cell" of all runs of one sparsity and size.
        pin: values to hold parameters at.
        bound: (lowest, highest) of parameters.
        weights: one non-negative weight for each run [num_runs], or the column that holds them.
        starts: number of starting points.
        seed: of the starting points and of the resampling.

    Raises:
        UserError: runs, law, loss or parameters that do not exist, or impossible numbers.
    """
    table = as_runs(runs, columns=columns, where=where)
    objective = loss_function(table.name, loss, delta=delta, quantile=quantile)
    if bootstrap:
        check_resampling(bootstrap, by)
    law = law_of(law or DEFAULT_LAW.get(table.name, "paper"))
    found = fit_law(table, law, loss=objective, weights=weights, pin=pin, bound=bound, starts=starts, seed=seed)
    if not bootstrap:
        return found
    found = replace(found, spread=calibrate(table, found))
    return draw(found, table, num_draws=bootstrap, by=by, weights=weights, pin=pin, bound=bound, seed=seed)


def law_of(law: Law | str | Callable[..., Any]) -> Law | str:
    """A law or the name of a built-in one as it is; a function, or that of `FILE.py:FUNCTION`, as a law.

    Raises:
        UserError: the file or its function fails, or the function is no law.
    """
    if not isinstance(law, str):
        return from_function(law) if callable(law) else law
    path, _, function = law.rpartition(":")
    return _tried(from_function(_function_in(path, function)), path) if path.endswith(".py") else law


def _function_in(path: str, name: str) -> Callable[..., Any]:
    namespace: dict[str, Any] = {"__name__": "sparselaw_user_law"}
    try:
        # The user's own file, by request.
        exec(compile(Path(path).read_text(encoding="utf-8"), path, "exec"), namespace)
    except OSError as error:
        raise UserError(f"Cannot read the law's file {path} ({error.strerror}); give a file that exists.") from error
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise UserError(f"The law's file {path} fails ({reason}); correct it.") from error
    if not callable(namespace.get(name)):
        raise UserError(f"{path} has no function {name!r}; give FILE.py:FUNCTION with a function that it defines.")
    return namespace[name]


def _tried(law: FunctionLaw, path: str) -> FunctionLaw:
    """The law, if it predicts."""
    try:
        with np.errstate(all="ignore"):
            law.predict([sum(p.start) / 2 for p in law.parameters], np.array([0.0, 0.5]), 1e7, 1e10)
    except Exception as error:
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise UserError(f"The law {law.name} in {path} fails ({reason}); correct it.") from error
    return law
