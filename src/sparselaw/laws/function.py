"""A law of the user's own, from one NumPy function of S, N, D and its parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparselaw.errors import UserError
from sparselaw.laws.power import NATURAL, Array, Features, Parameter, Units, split


@dataclass(frozen=True)
class FunctionLaw:
    """A law of the user's own: `function(S, N, D, *parameters) -> loss`, written with NumPy.

    Derivatives are by complex step, exact to rounding, where the function is analytic, else by central differences.
    """

    name: str
    parameters: tuple[Parameter, ...]
    function: Callable[..., Array]
    analytic: bool = True

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(p.name for p in self.parameters)

    @cached_property
    def linear(self) -> NDArray[np.bool_]:
        return np.zeros(len(self.parameters), dtype=bool)

    def features(self, S: ArrayLike, N: ArrayLike, D: ArrayLike, *, units: Units = NATURAL) -> Features:
        return {"S": np.asarray(S, dtype=float), "N": np.asarray(N, dtype=float), "D": np.asarray(D, dtype=float)}

    def evaluate(self, theta: Sequence[Array], features: Features) -> tuple[Array, list[Array]]:
        return self._loss(theta, features), [self._derivative(theta, features, k) for k in range(len(theta))]

    def _loss(self, theta: Sequence[Array], features: Features) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(self.function(features["S"], features["N"], features["D"], *theta))

    def _derivative(self, theta: Sequence[Array], features: Features, k: int) -> Array:
        if self.analytic:
            step = 1e-30
            return self._loss(_shifted(theta, k, 1j * step), features).imag / step
        step = 6e-6 * np.maximum(np.abs(theta[k]), 1e-3)
        ahead, behind = (self._loss(_shifted(theta, k, sign * step), features) for sign in (1, -1))
        return (ahead - behind) / (2 * step)

    def to_solver(self, parameters: ArrayLike, units: Units) -> Array:
        return np.array(parameters, dtype=float)

    def from_solver(self, theta: ArrayLike, units: Units) -> Array:
        return np.array(theta, dtype=float)

    def predict(self, parameters: ArrayLike, S: ArrayLike, N: ArrayLike, D: ArrayLike) -> Array:
        """As `PowerLaw.predict`."""
        return self._loss(split(np.asarray(parameters, dtype=float)), self.features(S, N, D)).real

    def jacobian(self, parameters: ArrayLike, S: ArrayLike, N: ArrayLike, D: ArrayLike) -> Array:
        """As `PowerLaw.jacobian`, exact to rounding if the function is analytic."""
        columns = self.evaluate(split(np.asarray(parameters, dtype=float)), self.features(S, N, D))[1]
        return np.stack(np.broadcast_arrays(*columns), axis=-1)


def _shifted(theta: Sequence[Array], k: int, step: complex | Array) -> list[Any]:
    return [value + step if j == k else value for j, value in enumerate(theta)]


def from_function(function: Callable[..., Array]) -> FunctionLaw:
    """A law from one function `f(S, N, D, a=1.0, b=0.3, ...)`; the defaults say where the parameters are about.

    Starting values are drawn between 1/5 and 5 times the defaults; parameters are >= 0 unless the fit is told otherwise.

    Raises:
        UserError: the first three arguments are not S, N, D, a parameter has no default, or the function fails.
    """
    arguments = list(inspect.signature(function).parameters.values())
    if [a.name for a in arguments[:3]] != ["S", "N", "D"] or len(arguments) < 4:
        raise UserError(
            f"The law {function.__name__} must take S, N, D and at least one parameter, in this order; correct it."
        )
    missing = [a.name for a in arguments[3:] if a.default is inspect.Parameter.empty]
    if missing:
        raise UserError(
            f"Parameter {missing[0]} of the law {function.__name__} has no default; give one, near which fits start."
        )
    parameters = tuple(_parameter(a.name, _default(function, a)) for a in arguments[3:])
    law = FunctionLaw(function.__name__, parameters, function)
    _try_out(law)
    return law if _complex_step_works(law) else replace(law, analytic=False)


def _default(function: Callable[..., Array], argument: inspect.Parameter) -> float:
    try:
        value = float(argument.default)
    except (TypeError, ValueError):
        value = np.nan
    if not np.isfinite(value):
        raise UserError(
            f"The default of {argument.name} in the law {function.__name__} is not a finite number; correct it."
        )
    return value


def _parameter(name: str, default: float) -> Parameter:
    start = (default / 5, default * 5) if default > 0 else (5 * default, default / 5) if default < 0 else (0.0, 1.0)
    return Parameter(name, lower=0.0 if default >= 0 else -np.inf, start=start)


def _trial(law: FunctionLaw) -> tuple[list[Array], Features]:
    """Parameters and runs to try a law at."""
    features = law.features(np.array([0.0, 0.5, 0.9]), np.array([1e6, 1e7, 1e8]), np.array([1e9, 1e10, 1e9]))
    return [np.asarray(sum(p.start) / 2) for p in law.parameters], features


def _try_out(law: FunctionLaw) -> None:
    theta, features = _trial(law)
    try:
        np.broadcast_to(law._loss(theta, features), features["S"].shape) + 1.0
    except Exception as error:  # a function of the user's own may raise anything
        reason = next(iter(str(error).splitlines()), "")
        raise UserError(
            f"The law {law.name} gives no loss for arrays S, N, D ({type(error).__name__}: {reason}); correct it."
        ) from error


def _complex_step_works(law: FunctionLaw) -> bool:
    theta, features = _trial(law)
    try:
        exact = [law._derivative(theta, features, k) for k in range(len(theta))]
    except (TypeError, ValueError):
        return False
    differences = replace(law, analytic=False)
    return all(np.allclose(e, differences._derivative(theta, features, k), rtol=1e-4) for k, e in enumerate(exact))
