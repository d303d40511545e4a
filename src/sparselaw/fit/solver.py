"""Batched Levenberg-Marquardt for robust regression in a box: many problems of one law solved together.

Problems share the runs and differ in starting values and run weights. Each minimises F(theta) = sum_i w_i rho(r_i(theta)).
Far from the optimum a step uses the reweighted curvature rho'(r)/r, which majorises F (Holland and Welsch 1977); close to
it the true rho''(r), which converges quadratically. Convergence is judged afterwards, by one test that is the same for
every problem and blind to how it got there: the decrease that a full majorising Newton step promises, relative to F.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from sparselaw.fit.losses import Loss
from sparselaw.laws import Features, Law

Array = NDArray[np.floating]
Bools = NDArray[np.bool_]
Rows = NDArray[np.intp]

RELATIVE_DECREASE = 1e-9  # a problem has converged when no step promises to lower F by more than this share of it
LOCAL = 1e-3  # below this promised share of F the true curvature is tried
PATIENCE = 3  # majorising steps after a true-curvature step that failed
MAX_ITERATIONS = 500
CHUNK = 2**19  # derivatives held at once, in numbers (4 MB: it stays in cache)


@dataclass(frozen=True)
class Penalty:
    """stiffness / 2 * (quantity(theta) - wanted)^2 added to F: quantity maps [batch, p] to [batch], wanted is [batch]."""

    quantity: Callable[[Array], Array]
    wanted: Array
    stiffness: float

    @staticmethod
    def derivative(quantity: Callable[[Array], Array], theta: Array, problem: Problem) -> Array:
        """Central differences [batch, p], one-sided at a bound."""
        columns = []
        for k in range(theta.shape[1]):
            step = np.zeros_like(theta)
            step[:, k] = 1e-6 * np.maximum(np.abs(theta[:, k]), 1e-3)
            ahead = np.clip(theta + step, problem.lower, problem.upper)
            behind = np.clip(theta - step, problem.lower, problem.upper)
            width = ahead[:, k] - behind[:, k]
            change = quantity(ahead) - quantity(behind)
            columns.append(np.where(width > 0, change / np.where(width > 0, width, 1.0), 0.0))
        return np.stack(columns, axis=1)


@dataclass(frozen=True)
class Prior:
    """sum_k precision_k / 2 * (theta_k - centre_k)^2 added to F: precision is [p] or [batch, p], centre [batch, p]."""

    precision: Array
    centre: Array


@dataclass(frozen=True)
class Problem:
    """A law at given runs: features and measured loss [num_runs], the loss function, and a box [num_parameters]."""

    law: Law
    features: Features
    measured: Array
    loss: Loss
    lower: Array
    upper: Array
    penalty: Penalty | None = None
    prior: Prior | None = None


@dataclass(frozen=True)
class Solutions:
    """Per problem: parameters [batch, p], F [batch], share of F a further step promises [batch], iterations [batch]."""

    theta: Array
    objective: Array
    promised: Array
    iterations: NDArray[np.int64]

    @property
    def converged(self) -> Bools:
        return self.promised <= RELATIVE_DECREASE

    def select(self, rows: Bools) -> Solutions:
        """Some of the problems."""
        return Solutions(self.theta[rows], self.objective[rows], self.promised[rows], self.iterations[rows])

    def joined(self, other: Solutions) -> Solutions:
        """These problems and others."""
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(Solutions))
        return Solutions(*map(np.concatenate, pairs))


@dataclass
class _State:
    """F, its gradient [batch, p] and the two curvatures [batch, p, p] (majorising, true) at theta."""

    theta: Array
    objective: Array
    gradient: Array
    majorising: Array
    true: Array

    def put(self, rows: Rows, other: _State, chosen: Bools) -> None:
        for name in ("theta", "objective", "gradient", "majorising", "true"):
            getattr(self, name)[rows[chosen]] = getattr(other, name)[chosen]


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


def minimise(problem: Problem, start: Array, *, weights: Array, max_iterations: int = MAX_ITERATIONS) -> Solutions:
    """Minimise from every row of `start`.

    Args:
        problem: the runs, law, loss function and box.
        start: starting values in solver coordinates [batch, p]; clipped to the box.
        weights: non-negative weights of the runs, [num_runs] or [batch, num_runs].
        max_iterations: steps after which a problem stops.
    """
    # Small matrix products gain nothing from threads, and two fits side by side would fight for the cores.
    with _blas().limit(limits=1, user_api="blas"), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return _minimise(problem, start, np.broadcast_to(weights, (len(start), len(problem.measured))), max_iterations)


def _minimise(problem: Problem, start: Array, weights: Array, max_iterations: int) -> Solutions:
    state = _expand(problem, np.clip(start, problem.lower, problem.upper), weights, np.arange(len(start)))
    batch = len(start)
    # Column 0 damps majorising steps, column 1 steps with the true curvature: each learns its own trust.
    damping, growth = np.full((batch, 2), 1e-2), np.full((batch, 2), 2.0)
    finished = ~np.isfinite(state.objective)
    iterations, trusted_from = np.zeros(batch, dtype=np.int64), np.zeros(batch, dtype=np.int64)
    for _ in range(max_iterations):
        rows = np.flatnonzero(~finished)
        if rows.size == 0:
            break
        iterations[rows] += 1
        local = (iterations[rows] >= trusted_from[rows]) & (_promised(problem, state, rows) < LOCAL)
        kind = local.astype(np.intp)
        step, predicted = _step(problem, state, rows, damping[rows, kind], local)
        trial = _expand(problem, state.theta[rows] + step, weights[rows], rows)
        worth = _finite(trial) & (predicted > 0)
        ratio = np.where(worth, (state.objective[rows] - trial.objective) / np.where(worth, predicted, 1.0), -1.0)
        accepted = ratio > 1e-4
        state.put(rows, trial, accepted)
        failed = rows[local & ~accepted]
        trusted_from[failed] = iterations[failed] + PATIENCE
        _update_damping(damping, growth, (rows, kind), accepted, ratio)
        finished[rows] = (_promised(problem, state, rows) <= RELATIVE_DECREASE / 100) | (damping[rows, 0] > 1e12)
    promised = _promised(problem, state, np.arange(batch))
    return Solutions(state.theta, state.objective, promised, iterations)


def _update_damping(damping: Array, growth: Array, at: tuple[Rows, Rows], accepted: Bools, ratio: Array) -> None:
    """Nielsen's rule: shrink after a good step, grow ever faster after bad ones."""
    shrink = np.maximum(0.1, 1 - (2 * np.clip(ratio, 0, 1) - 1) ** 3)
    damping[at] = np.maximum(np.where(accepted, damping[at] * shrink, damping[at] * growth[at]), 1e-15)
    growth[at] = np.where(accepted, 2.0, 2 * growth[at])


def _finite(state: _State) -> Bools:
    return np.isfinite(state.objective) & np.isfinite(state.gradient).all(1) & np.isfinite(state.majorising).all((1, 2))


def _expand(problem: Problem, theta: Array, weights: Array, rows: Rows) -> _State:
    """F, gradient and curvatures at theta [batch, p], in chunks of runs so that memory stays flat."""
    batch, p = theta.shape
    state = _State(theta, np.zeros(batch), np.zeros((batch, p)), np.zeros((batch, p, p)), np.zeros((batch, p, p)))
    size = max(1, CHUNK // (batch * p))
    for begin in range(0, len(problem.measured), size):
        _add_runs(state, problem, slice(begin, begin + size), weights)
    if problem.penalty:
        _add_penalty(state, problem, problem.penalty, rows)
    if problem.prior:
        _add_prior(state, problem.prior, rows)
    return state


def _add_prior(state: _State, prior: Prior, rows: Rows) -> None:
    precision = np.broadcast_to(prior.precision, prior.centre.shape)[rows]
    away = state.theta - prior.centre[rows]
    state.objective += (precision * away**2).sum(1) / 2
    state.gradient += precision * away
    curvature = precision[:, :, None] * np.eye(precision.shape[1])
    state.majorising += curvature
    state.true += curvature


def _add_penalty(state: _State, problem: Problem, penalty: Penalty, rows: Rows) -> None:
    excess = penalty.quantity(state.theta) - penalty.wanted[rows]
    slope = Penalty.derivative(penalty.quantity, state.theta, problem)
    state.objective += penalty.stiffness / 2 * excess**2
    state.gradient += penalty.stiffness * excess[:, None] * slope
    curvature = penalty.stiffness * slope[:, :, None] * slope[:, None, :]
    state.majorising += curvature
    state.true += curvature


def _add_runs(state: _State, problem: Problem, runs: slice, weights: Array) -> None:
    loss, measured, w = problem.loss, problem.measured[runs], weights[:, runs]
    predicted, jacobian = predict_all(problem, state.theta, runs)
    residual, slope = loss.residual(predicted, measured)
    reweighted = w * loss.weight(residual)
    state.objective += (w * loss.rho(residual)).sum(1)
    state.gradient += np.matmul(jacobian, (reweighted * residual * slope)[:, :, None])[:, :, 0]
    transposed = jacobian.transpose(0, 2, 1)
    state.majorising += np.matmul(jacobian * (reweighted * slope**2)[:, None, :], transposed)
    state.true += np.matmul(jacobian * (w * loss.curvature(residual) * slope**2)[:, None, :], transposed)


def predict_all(problem: Problem, theta: Array, runs: slice) -> tuple[Array, Array]:
    """Loss [batch, num_runs] and derivatives [batch, p, num_runs] at theta [batch, p] for a slice of the runs."""
    features = {name: values[runs] for name, values in problem.features.items()}
    loss, columns = problem.law.evaluate([theta[:, k, None] for k in range(theta.shape[1])], features)
    jacobian = np.empty((len(theta), theta.shape[1], len(problem.measured[runs])))
    for k, column in enumerate(columns):
        jacobian[:, k, :] = column
    return np.broadcast_to(loss, (len(theta), jacobian.shape[2])), jacobian


def _held(problem: Problem, state: _State, rows: Rows) -> Bools:
    """Parameters [rows, p] at a bound that the gradient pushes against, and those that nothing depends on."""
    theta, gradient = state.theta[rows], state.gradient[rows]
    at_lower = (theta <= problem.lower) & (gradient > 0)
    at_upper = (theta >= problem.upper) & (gradient < 0)
    return at_lower | at_upper | (problem.lower == problem.upper)


def _newton(gradient: Array, curvature: Array, metric: Array, held: Bools, damping: Array) -> Array:
    """-(H + damping diag(metric))^-1 g over the parameters not held; in scaled coordinates, so units do not matter."""
    scale = np.where((metric > 0) & ~held, 1 / np.sqrt(np.maximum(metric, 1e-300)), 0.0)
    scaled = curvature * scale[:, :, None] * scale[:, None, :]
    ridge = np.where(scale > 0, damping[:, None] + 1e-13, 1.0)
    system = scaled + ridge[:, :, None] * np.eye(gradient.shape[1])
    return -scale * np.linalg.solve(system, (scale * gradient)[:, :, None])[:, :, 0]


def _step(problem: Problem, state: _State, rows: Rows, damping: Array, local: Bools) -> tuple[Array, Array]:
    """A step [rows, p] that stays in the box, and the decrease of F its model predicts [rows]."""
    theta, gradient, majorising = state.theta[rows], state.gradient[rows], state.majorising[rows]
    curvature = np.where(local[:, None, None], state.true[rows], majorising)
    metric = np.einsum("bii->bi", majorising)
    step = _newton(gradient, curvature, metric, _held(problem, state, rows), damping)
    step = np.clip(theta + step, problem.lower, problem.upper) - theta
    quadratic = np.einsum("bi,bij,bj->b", step, curvature, step)
    return step, -(gradient * step).sum(1) - quadratic / 2


def _promised(problem: Problem, state: _State, rows: Rows) -> Array:
    """The share of F a full majorising Newton step promises to remove; what rounding alone makes of F counts as none."""
    held = _held(problem, state, rows)
    gradient = np.where(held, 0.0, state.gradient[rows])
    majorising = state.majorising[rows]
    step = _newton(gradient, majorising, np.einsum("bii->bi", majorising), held, np.zeros(len(rows)))
    negligible = rounding(problem) / RELATIVE_DECREASE
    return np.abs((gradient * step).sum(1)) / 2 / np.maximum(state.objective[rows], negligible)


def rounding(problem: Problem) -> float:
    """What rounding alone makes of F, for run weights of mean 1."""
    return float(len(problem.measured) * problem.loss.rho(1e-13 * np.abs(problem.measured).max(keepdims=True))[0])
