"""A number with its bootstrap interval: the question is answered for the fitted parameters and for every draw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from sparselaw.fit.result import Fit, interval
from sparselaw.laws import Array

Quantity = Callable[[Array], Array]


@dataclass(frozen=True)
class Estimate:
    """A number with its bootstrap interval; low and high are None where the fit has no draws."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def bounds(self) -> list[float] | None:
        return None if self.low is None or self.high is None else [self.low, self.high]


@dataclass(frozen=True)
class Estimates:
    """Turns a function of parameters [..., p] into an `Estimate` from the fitted values and the draws."""

    fitted: Fit
    confidence: float

    def __call__(self, quantity: Quantity) -> Estimate:
        # Beyond a double is infinitely far, and a draw that says nothing is NaN.
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            draws = quantity(self.fitted.draws) if len(self.fitted.draws) else None
            return self.of(float(quantity(self.fitted.values)), draws)

    def of(self, value: float, draws: Array | None) -> Estimate:
        """An estimate from a value and what every draw [num_draws] says; NaN for a draw that says nothing."""
        draws = np.empty(0) if draws is None else draws[~np.isnan(draws)]
        if not len(draws):
            return Estimate(value)
        # An unreachable draw is infinitely far: quantiles by rank, since inf cannot be interpolated.
        return Estimate(value, *(interval if np.isfinite(draws).all() else _ranked)(draws, self.confidence))


def flat_record(answer: Any) -> dict[str, Any]:
    """The fields of an answer, a dataclass, by name: every estimate as its value, with NAME_interval beside it."""
    record: dict[str, Any] = {}
    for name in (field.name for field in fields(answer)):
        value = getattr(answer, name)
        if isinstance(value, Estimate):
            record |= {name: value.value, f"{name}_interval": value.bounds}
        else:
            record[name] = value
    return record


def _ranked(draws: Array, confidence: float) -> tuple[float, float]:
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2], method="closest_observation")
    return float(low), float(high)
