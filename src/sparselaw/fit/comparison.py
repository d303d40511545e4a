"""Laws side by side on the same runs: objective, information criteria, and errors on runs they were not fitted to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sparselaw.errors import UserError, arg
from sparselaw.fit.calibration import calibrate
from sparselaw.fit.fitting import condition_number, fit_law, prepare_again
from sparselaw.fit.hold_outs import hold_outs
from sparselaw.fit.identify import ILL_CONDITIONED
from sparselaw.fit.losses import Loss, loss_function
from sparselaw.fit.parts import fit_parts, predictable
from sparselaw.fit.progress import progress
from sparselaw.fit.result import Fit, Spread
from sparselaw.fit.solver import predict_all
from sparselaw.laws import Array, Law
from sparselaw.runs import Runs, held_out
from sparselaw.runs.table import as_runs
from sparselaw.shown import Readable

if TYPE_CHECKING:
    from pandas import DataFrame

ALL_LAWS = ("paper", "capped", "free-multiplier", "density-power", "no-floor", "average-params", "dense")


@dataclass(frozen=True)
class HoldOut:
    """A law fitted without some runs, and its error on them: predicted / measured - 1; None where it cannot predict.

    It cannot predict a sparsity that a law of single sparsities has not seen, nor anything where the rest fits many parameters
    equally well: two durations, say, leave the power of D open, and the error would be that of whichever start came first.
    """

    left_out: str
    num_runs: int
    mean_abs_error: float | None
    mean_error: float | None


@dataclass(frozen=True)
class Comparison:
    """One law: its fit, its criteria, its hold-outs, and its error at the published extrapolation run if there is one.

    `spread` says how far a new run may fall from it, among the fitted runs and beyond.
    """

    fit: Fit
    aic: float
    bic: float
    hold_outs: tuple[HoldOut, ...]
    extrapolation_error: float | None
    spread: Spread | None = None


class Comparisons(tuple[Comparison, ...], Readable):
    """Laws side by side, one `Comparison` each; `refused` has the laws that the runs cannot carry, and why."""

    refused: dict[str, str]

    def __new__(cls, rows: Iterable[Comparison], refused: Mapping[str, str] | None = None) -> Comparisons:
        found = super().__new__(cls, rows)
        found.refused = dict(refused or {})
        return found


def compare(
    runs: Runs | DataFrame | str | Path,
    laws: Sequence[Law | str] = ALL_LAWS,
    *,
    columns: Mapping[str, str] | None = None,
    where: str | None = None,
    loss: Loss | str | None = None,
    delta: float | None = None,
) -> Comparisons:
    """Fit each law to all runs, and to all but some that it then predicts.

    Args:
        runs: as in `sparselaw.fit`.
        laws: built-in laws by name, or others.
        columns: as in `sparselaw.fit`.
        where: as in `sparselaw.fit`.
        loss: as in `sparselaw.fit`.
        delta: as in `sparselaw.fit`.

    Raises:
        UserError: runs, law or loss that do not exist, or runs that none of the laws can be fitted to.
    """
    table = as_runs(runs, columns=columns, where=where)
    objective = loss_function(table.name, loss, delta=delta)
    rows, refused = [], {}
    with progress("Comparing laws", len(laws)) as begin:
        for law in laws:
            name = law if isinstance(law, str) else law.name
            begin(name)
            try:
                rows.append(_compare(table, law, objective))
            except UserError as error:
                refused[name] = str(error)
    if not rows:
        raise UserError(next(iter(refused.values()), f"{arg('laws')} is empty; give at least one law."))
    return Comparisons(rows, refused)


def _compare(runs: Runs, law: Law | str, loss: Loss) -> Comparison:
    fitted = fit_law(runs, law, loss=loss)
    aic, bic = information_criteria(fitted)
    return Comparison(
        fitted, aic, bic, tuple(_held_out(runs, fitted)), extrapolation_error(fitted), calibrate(runs, fitted)
    )


def extrapolation_error(fitted: Fit) -> float | None:
    """predicted / measured - 1 at the larger published run outside the fitted set, None if the runs have none."""
    run = held_out(fitted.name)
    return float(fitted.predict(run.sparsity, run.nonzero_params, run.data) / run.loss - 1) if run else None


def _held_out(runs: Runs, fitted: Fit) -> Iterator[HoldOut]:
    """The law of `fitted` without the runs of each split, and its error on them."""
    splits = list(hold_outs(runs))
    found = fit_parts(fitted, runs, np.array([~left_out for _, left_out in splits])) if splits else []
    for (name, left_out), parameters in zip(splits, found, strict=True):
        asked = runs.select(left_out)
        sees_all = predictable(fitted.law, runs, ~left_out)[left_out].all()
        if parameters is None or not sees_all or not _identified(fitted, runs, ~left_out, parameters):
            yield HoldOut(name, len(asked), None, None)
            continue
        predicted = fitted.law.predict(parameters, asked.sparsity, asked.nonzero_params, asked.data)
        error = predicted / asked.loss - 1
        yield HoldOut(name, len(asked), float(np.abs(error).mean()), float(error.mean()))


def _identified(fitted: Fit, runs: Runs, part: NDArray[np.bool_], parameters: Array) -> bool:
    """Whether at these parameters [p] the derivatives that matter to a part of the runs are independent, bounds aside."""
    setting = prepare_again(fitted, runs, weights=None, pin=None, bound=None)
    theta = fitted.law.to_solver(parameters, setting.units)
    jacobian = predict_all(setting.problem, theta[None], slice(None))[1][0][:, part]
    return condition_number(jacobian[np.abs(jacobian).max(1) > 0]) <= ILL_CONDITIONED


def information_criteria(fitted: Fit) -> tuple[float, float]:
    """AIC and BIC under the density proportional to exp(-rho(r) / s^2), s at maximum likelihood.

    That density (Huber 1964) is normal for squared loss and Laplace for absolute loss. Comparable between fits of the same
    runs and loss function only. Assumes equal run weights.
    """
    from scipy.optimize import minimize_scalar

    rho, loss = fitted.loss.rho(fitted.residuals), fitted.loss
    if not fitted.residuals.any():  # a density of width zero
        return -np.inf, -np.inf
    num_runs = len(rho)
    scale = max(float(np.sqrt(np.mean(fitted.residuals**2))), 1e-300)

    def negative_log_likelihood(log_s: float) -> float:
        s = np.exp(log_s)
        return float(rho.sum() / s**2 + num_runs * np.log(s * _normaliser(loss, s)))

    # The scale of a fit with a delta far below its residuals is about sqrt(delta * |r|).
    low, high = np.log(scale) + np.log(min(1.0, np.sqrt(loss.delta / scale))) - 5, np.log(scale) + 5
    best = minimize_scalar(negative_log_likelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-9})
    num_free = len(fitted.law.names) - len(fitted.pinned) + 1
    return 2 * num_free + 2 * float(best.fun), num_free * float(np.log(num_runs)) + 2 * float(best.fun)


def _normaliser(loss: Loss, s: float) -> float:
    """Integral of exp(-rho(s u) / s^2) over u."""
    from scipy.special import erf

    k = loss.delta / s
    sides = (2 * loss.quantile, 2 * (1 - loss.quantile))
    tails = [np.exp(-a * k**2 / 2) / (a * k) if np.isfinite(k) else 0.0 for a in sides]
    bodies = [np.sqrt(np.pi / (2 * a)) * erf(k * np.sqrt(a / 2)) for a in sides]
    return float(sum(tails) + sum(bodies))
