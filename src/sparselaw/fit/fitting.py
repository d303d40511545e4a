"""Fit a law to runs: many starts are solved together, and the result says how many agree and what is not identified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sparselaw.errors import UserError, arg, choice, require_at_least
from sparselaw.fit.identify import identifiability_warnings, impossible_warnings, require_carried, rival_warnings
from sparselaw.fit.losses import Loss
from sparselaw.fit.optima import best_of_each, rivals
from sparselaw.fit.quality import quality_warnings
from sparselaw.fit.result import Domain, Fit, Starts
from sparselaw.fit.solver import Problem, Solutions, minimise, predict_all
from sparselaw.laws import CAPPED, Array, Law, PowerLaw, Units, law_named
from sparselaw.runs import Runs

NUM_STARTS = 64
Pins = Mapping[str, float]
Bounds = Mapping[str, tuple[float, float]]
Weights = Array | str | None
"""One number for each run, or the name of the column that holds them; all equal if None."""


@dataclass(frozen=True)
class Setting:
    """A problem, the units of N and D in it, and the weights of the runs [num_runs], of mean 1."""

    problem: Problem
    units: Units
    weights: Array


def fit_law(
    runs: Runs,
    law: Law | str = "paper",
    *,
    loss: Loss,
    weights: Weights = None,
    pin: Pins | None = None,
    bound: Bounds | None = None,
    starts: int = NUM_STARTS,
    seed: int = 0,
) -> Fit:
    """Minimise the weighted mean of `loss` over the runs from many starting points; arguments as in `sparselaw.fit`.

    Raises:
        UserError: a law that the runs cannot carry, unknown law or parameter, impossible bounds, weights of another number
            than runs.
    """
    require_at_least(1, starts=starts)
    require_at_least(0, seed=seed)
    if isinstance(law, str):
        law = law_named(law, levels=runs.sparsity)
    setting = prepare(runs, law, loss=loss, weights=weights, pin=pin or {}, bound=bound or {})
    require_carried(runs, law, pin or {})
    start = draw_starts(setting, starts, np.random.default_rng(seed))
    solutions = minimise(setting.problem, start, weights=setting.weights)
    return _result(runs, setting, solutions, pin or {})


def prepare(runs: Runs, law: Law, *, loss: Loss, weights: Weights, pin: Pins, bound: Bounds) -> Setting:
    """The problem in solver coordinates; arguments as `fit_law`."""
    natural = {p.name: (p.lower, p.upper) for p in law.parameters}
    for name, low, high in [(n, v, v) for n, v in pin.items()] + [(n, *b) for n, b in bound.items()]:
        if name == "b_S" and law.name == CAPPED.name:
            raise UserError("The law capped sets the largest b_S itself; pin or bound b_S with the law paper.")
        if name not in natural:
            raise UserError(f"The law {law.name} has no parameter {name!r}; {choice(name, law.names)}")
        if not low <= high:
            raise UserError(
                f"The bounds of {name} are the wrong way round ({low:g} > {high:g}); give the lower one first."
            )
        if low == high and not np.isfinite(low):
            raise UserError(f"{name} cannot be held at {low:g}; give a finite value.")
        natural[name] = (low, high)
    units = _units(runs, law, natural)
    features = law.features(runs.sparsity, runs.nonzero_params, runs.data, units=units)
    box = _box(law, natural, units)
    return Setting(Problem(law, features, runs.loss, loss, *box), units, _weights(runs, weights))


def _weights(runs: Runs, given: Weights) -> Array:
    """The weight of each run [num_runs], of mean 1."""
    if given is None:
        return np.ones(len(runs))
    if isinstance(given, str):
        given = _column(runs, given)
    weights = np.asarray(given, dtype=float)
    sound = weights.shape == (len(runs),) and (weights >= 0).all() and np.isfinite(weights).all()
    if not sound or not weights.sum() > 0:
        raise UserError(f"{arg('weights')} must be {len(runs)} numbers >= 0, one for each run, and not all zero.")
    return weights / weights.mean()


def _column(runs: Runs, name: str) -> Array:
    if name not in runs.table.columns:
        raise UserError(f"{runs.name} has no column {name!r} for weights; {choice(name, map(str, runs.table.columns))}")
    try:
        return runs.table[name].to_numpy(dtype=float)
    except (TypeError, ValueError) as error:
        raise UserError(f"The weights in column {name!r} are not all numbers; give a column of numbers.") from error


def prepare_again(fitted: Fit, runs: Runs, *, weights: Weights, pin: Pins | None, bound: Bounds | None) -> Setting:
    """The problem that `fitted` solved; its pins if `pin` is None.

    Raises:
        UserError: `runs` are not as many as were fitted.
    """
    if len(runs) != fitted.num_runs:
        raise UserError(
            f"The fit is of {fitted.num_runs} runs, not of these {len(runs)}; give the runs that it was fitted to."
        )
    pin = fitted.pins if pin is None else pin
    return prepare(runs, fitted.law, loss=fitted.loss, weights=weights, pin=pin, bound=bound or {})


def _limited(law: PowerLaw, natural: Bounds) -> dict[str, bool]:
    """Coefficients with bounds other than their sign's, and whether each stands inside its power."""
    limited = {name for name, (low, high) in natural.items() if low not in (0.0, -np.inf) or high < np.inf}
    inside = {t.coefficient for t in law.terms if t.inside and natural[t.coefficient] != (0.0, np.inf)}
    return {t.coefficient: t.inside for t in law.terms if t.exponents and t.coefficient in limited | inside}


def _units(runs: Runs, law: Law, natural: Bounds) -> Units:
    """Geometric means of N and D; single weights and the pinned a_D where a coefficient is pinned or bounded."""
    units = [float(np.exp(np.log(values).mean())) for values in (runs.nonzero_params, runs.data)]
    if isinstance(law, PowerLaw):
        for power in (term.exponents[0][0] for term in law.terms if term.inside):
            if natural[power][0] <= 0:
                raise UserError(
                    f"{power} is the power of a ratio and cannot be {natural[power][0]:g}; give a positive number."
                )
        for name, inside in _limited(law, natural).items():
            low, high = natural[name]
            if inside and low != high:
                raise UserError(f"{name} stands inside a power and cannot be bounded; pin it, or bound its exponent.")
            if inside and low <= 0:
                raise UserError(f"{name} stands inside a power and cannot be {low:g}; give a positive number.")
            units = [units[0], low] if inside else [1.0, 1.0]
    return units[0], units[1]


def _box(law: Law, natural: Bounds, units: Units) -> tuple[Array, Array]:
    lower, upper = (np.array([natural[name][side] for name in law.names], dtype=float) for side in (0, 1))
    if isinstance(law, PowerLaw):
        for name, inside in _limited(law, natural).items():
            if inside:  # its unit is its value, so its term is D^-b_D in that unit
                lower[law.names.index(name)] = upper[law.names.index(name)] = 1.0
    return lower, upper


def draw_starts(setting: Setting, num_starts: int, rng: np.random.Generator) -> Array:
    """Starting values [num_starts, p]: exponents at random, the coefficients projected out by linear least squares."""
    law, problem = setting.problem.law, setting.problem
    start = np.stack([rng.uniform(*p.start, num_starts) for p in law.parameters], axis=1)
    start = np.clip(start, problem.lower, problem.upper)
    if law.linear.any():
        start[:, law.linear] = _project(setting, start)
    return start


def _project(setting: Setting, start: Array) -> Array:
    problem, linear = setting.problem, setting.problem.law.linear
    batch, num_linear = len(start), int(linear.sum())
    gram, moment = np.zeros((batch, num_linear, num_linear)), np.zeros((batch, num_linear, 1))
    weights = setting.weights / problem.measured**2 if problem.loss.log else setting.weights
    size = max(1, 2**19 // start.size)
    for begin in range(0, len(weights), size):
        runs = slice(begin, begin + size)
        basis = predict_all(problem, start, runs)[1][:, linear]
        gram += np.matmul(basis * weights[runs], basis.transpose(0, 2, 1))
        moment += np.matmul(basis * weights[runs], problem.measured[runs, None])
    ridge = 1e-8 * np.einsum("bii->bi", gram)[:, :, None] * np.eye(num_linear) + 1e-300 * np.eye(num_linear)
    coefficients = np.linalg.solve(gram + ridge, moment)[:, :, 0]
    # A coefficient that wants to be negative, and must not be, starts small instead.
    least = np.where(problem.lower[linear] < 0, -np.inf, 1e-3 * problem.measured.mean())
    return np.maximum(coefficients, least)


def _result(runs: Runs, setting: Setting, solutions: Solutions, pin: Pins) -> Fit:
    problem, law, weights = setting.problem, setting.problem.law, setting.weights
    (best,) = best_of_each(problem, weights[None], [solutions])
    theta, alike = best.theta, best.alike
    starts = Starts(len(solutions.theta), int(solutions.converged.sum()), int(best.at_optimum.sum()))
    minima = rivals(problem, weights, best.equal.joined(solutions.select(~best.at_optimum)), theta, best.scale)
    predicted, jacobian = predict_all(problem, theta[None], slice(None))
    residuals, slope = problem.loss.residual(predicted[0], problem.measured)
    free = problem.lower < problem.upper
    at_bound = free & ((theta <= problem.lower) | (theta >= problem.upper))
    condition = condition_number(jacobian[0][free & ~at_bound] * slope * np.sqrt(weights))
    names = tuple(name for name, is_at in zip(law.names, at_bound, strict=True) if is_at)
    natural = law.from_solver(np.concatenate([theta[None], minima, alike]), setting.units)
    for name, value in pin.items():
        natural[:, law.names.index(name)] = value
    parameters = dict(zip(law.names, natural[0].tolist(), strict=True))
    return Fit(
        law=law,
        parameters=parameters,
        loss=problem.loss,
        objective=float((weights * problem.loss.rho(residuals)).sum() / weights.sum() * problem.loss.scale),
        status=_status(starts, best.converged),
        starts=starts,
        condition=condition,
        at_bound=names,
        pinned=tuple(pin),
        residuals=residuals,
        domain=_domain(runs),
        cells=_cells(runs),
        num_runs=len(runs),
        name=runs.name,
        data_unit=runs.data_unit,
        loss_unit=runs.loss_unit,
        source=runs.source,
        rivals=natural[1 : 1 + len(minima)],
        unique=not len(alike),
        warnings=(
            *runs.warnings,
            *identifiability_warnings(runs, law, pinned=tuple(pin), at_bound=names, condition=condition),
            *rival_warnings(law, natural),
            *impossible_warnings(law, natural[0], runs),
            *quality_warnings(runs, np.log(np.maximum(predicted[0], 1e-300) / runs.loss), len(law.names) - len(pin)),
        ),
    )


def _status(starts: Starts, converged: bool) -> str:
    if not starts.converged:
        return "not converged: no start reached a stationary point; check the runs, or pin parameters"
    if not converged:
        return "not converged: a start that did not finish is lower than all that did; try more starts"
    return "converged"


def condition_number(jacobian: Array) -> float:
    """Condition number of J [p, num_runs] with its rows scaled to length one; inf if a parameter has no effect."""
    length = np.linalg.norm(jacobian, axis=1, keepdims=True)
    if not length.size or not (length > 0).all():
        return float(np.inf) if length.size else 1.0
    singular = np.linalg.svd(jacobian / length, compute_uv=False)
    return float(singular[0] / singular[-1]) if singular[-1] > 0 and len(singular) == len(length) else float(np.inf)


def _cells(runs: Runs) -> Array:
    """Sparsity, N, D and mean ln loss [k, 4]: repeats are one."""
    kinds = runs.alike("sparsity", "nonzero_params", "data")
    _, first, counts = np.unique(kinds, return_index=True, return_counts=True)
    mean = np.bincount(kinds, np.log(runs.loss)) / counts
    return np.column_stack([runs.sparsity[first], runs.nonzero_params[first], runs.data[first], mean])


def _domain(runs: Runs) -> Domain:
    def span(values: Array) -> tuple[float, float]:
        return float(values.min()), float(values.max())

    levels = tuple(float(s) for s in np.unique(runs.sparsity))
    return Domain(span(runs.nonzero_params), span(runs.data), span(runs.loss), levels)
