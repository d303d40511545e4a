"""Profile of the objective over a parameter or any quantity derived from the parameters.

Phi(v) = min F(theta) subject to g(theta) = v. With a robust loss, 2 (Phi(v) - Phi_min) / tau is asymptotically chi^2 with
one degree of freedom, tau = n/(n-p) mean(psi^2) / mean(psi') (drop-in-dispersion; Schrader and Hettmansperger 1980), so
the values of v below the quantile are a confidence interval. The constraint is a stiff penalty: its minimiser is a
constrained minimiser at the value of g it attains, which is the value recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sparselaw.errors import UserError, choice
from sparselaw.fit.dispersion import dispersion
from sparselaw.fit.fitting import Bounds, Pins, Setting, Weights, prepare_again
from sparselaw.fit.result import Fit
from sparselaw.fit.solver import Penalty, minimise, predict_all
from sparselaw.laws import Array
from sparselaw.runs import Runs

STIFFNESS = 1e4  # a deviation of one standard error from the wanted value costs 5000 times its share of the objective
POINTS = 48
SHOWN = 2.0  # deviance up to which a profile is traced closely, in crossings
WIDENINGS = 4

Quantity = Callable[[Array], Array]


@dataclass(frozen=True)
class Profile:
    """A profile: attained values [num_points], 2 (Phi - Phi_min) / tau there, and where it crosses the quantile.

    A side that never crosses, within 3 * 2^4 standard errors or the bounds of the parameters, is None: unbounded.
    """

    name: str
    estimate: float
    values: Array
    deviance: Array
    interval: tuple[float | None, float | None]
    level: float


def profile(
    fitted: Fit,
    runs: Runs,
    quantity: str | Quantity,
    *,
    level: float = 0.95,
    weights: Weights = None,
    pin: Pins | None = None,
    bound: Bounds | None = None,
) -> Profile:
    """Profile a parameter, by name, or a function of natural parameters [batch, p] -> [batch].

    Args:
        fitted: the fit of `runs`; `weights`, `pin` and `bound` as given to it (its pins if `pin` is None).
        runs: the runs it was fitted to.
        quantity: what to profile.
        level: of the interval.

    Raises:
        UserError: no such parameter, or one the runs say nothing about.
    """
    from scipy.special import chdtri  # half of what `sparselaw plan` would take to start

    if isinstance(quantity, str) and quantity not in fitted.law.names:
        raise UserError(
            f"The law {fitted.law.name} has no parameter {quantity!r}; {choice(quantity, fitted.law.names)}"
        )
    setting = prepare_again(fitted, runs, weights=weights, pin=pin, bound=bound)
    name = quantity if isinstance(quantity, str) else getattr(quantity, "__name__", "quantity")
    value = _in_solver_coordinates(fitted, setting, quantity)
    optimum = fitted.law.to_solver(fitted.values, setting.units)
    estimate = float(value(optimum[None])[0])
    scale, spread = _scale_and_spread(setting, optimum, value, name)
    low, high = 3.0, 3.0
    crossing = float(chdtri(1, 1 - level))
    values, deviance = np.array([estimate]), np.zeros(1)
    for _ in range(WIDENINGS):
        wanted = estimate + spread * np.linspace(-low, high, POINTS)
        values, deviance = _trace(setting, optimum, value, wanted, scale, spread)
        interval = _crossings(values, deviance, estimate, crossing)
        if None not in interval:
            break
        low, high = low * (2 if interval[0] is None else 1), high * (2 if interval[1] is None else 1)
    wanted = _closer(values, deviance, crossing)
    values, deviance = _trace(setting, optimum, value, wanted, scale, spread)
    return Profile(name, estimate, values, deviance, _crossings(values, deviance, estimate, crossing), level)


def _in_solver_coordinates(fitted: Fit, setting: Setting, quantity: str | Quantity) -> Quantity:
    if isinstance(quantity, str):
        k = fitted.law.names.index(quantity)
        return lambda theta: fitted.law.from_solver(theta, setting.units)[:, k]
    return lambda theta: np.asarray(quantity(fitted.law.from_solver(theta, setting.units)))


def _scale_and_spread(setting: Setting, optimum: Array, value: Quantity, name: str) -> tuple[float, float]:
    """tau, and the asymptotic standard error of the quantity, both at the optimum."""
    problem = setting.problem
    predicted, jacobian = predict_all(problem, optimum[None], slice(None))
    slope = problem.loss.residual(predicted[0], problem.measured)[1]
    free = (problem.lower < problem.upper) & (optimum > problem.lower) & (optimum < problem.upper)
    scale, curvature = dispersion(problem, optimum, setting.weights)
    design = jacobian[0][free] * slope * np.sqrt(setting.weights * curvature)
    gradient = Penalty.derivative(value, optimum[None], problem)[0][free]
    variance = scale * gradient @ np.linalg.pinv(design @ design.T, hermitian=True) @ gradient
    if not (np.isfinite(variance) and variance > 0):
        raise UserError(
            f"{name} cannot be profiled: it is pinned, at a bound, or not determined by the runs; profile another parameter."
        )
    return scale, float(np.sqrt(variance))


def _trace(
    setting: Setting, optimum: Array, value: Quantity, wanted: Array, scale: float, spread: float
) -> tuple[Array, Array]:
    """Attained values and deviance, sorted by value; points that did not converge are dropped."""
    penalty = Penalty(value, wanted, STIFFNESS * scale / spread**2)
    problem = replace(setting.problem, penalty=penalty)
    solutions = minimise(problem, np.tile(optimum, (len(wanted), 1)), weights=setting.weights)
    theta = np.concatenate([solutions.theta[solutions.converged], optimum[None]])
    values = value(theta)
    predicted = predict_all(setting.problem, theta, slice(None))[0]
    residual = setting.problem.loss.residual(predicted, setting.problem.measured)[0]
    objective = (setting.weights * setting.problem.loss.rho(residual)).sum(1)
    order = np.argsort(values)
    return values[order], 2 * (objective - objective.min())[order] / scale


def _closer(values: Array, deviance: Array, crossing: float) -> Array:
    """Points [POINTS] from the last value well outside the interval on the one side to the first on the other."""
    inside = np.flatnonzero(deviance <= SHOWN * crossing)
    return np.linspace(values[max(inside[0] - 1, 0)], values[min(inside[-1] + 1, len(values) - 1)], POINTS)


def _crossings(values: Array, deviance: Array, estimate: float, crossing: float) -> tuple[float | None, float | None]:
    below, above = values <= estimate, values >= estimate
    return _outermost(values[below], deviance[below], crossing), _outermost(
        values[above][::-1], deviance[above][::-1], crossing
    )


def _outermost(values: Array, deviance: Array, crossing: float) -> float | None:
    """Where the deviance, walked from outside inwards, first falls below the crossing; None if it starts below."""
    inside = np.flatnonzero(deviance <= crossing)
    if not inside.size or inside[0] == 0:
        return None
    outer, inner = inside[0] - 1, inside[0]
    # The root of the deviance is nearly straight where the deviance is nearly a parabola.
    ends = np.sqrt(np.maximum(deviance[[inner, outer]], 0))
    share = (np.sqrt(crossing) - ends[0]) / (ends[1] - ends[0])
    return float(values[inner] + share * (values[outer] - values[inner]))
