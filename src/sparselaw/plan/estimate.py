"""A number with its bootstrap interval: the question is answered for the fitted parameters and for every draw.

An answer that follows the priors of the draws more than the runs is not determined by these: then there is no interval.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from sparselaw.fit.resampling import kinds_of_priors, most_followed, share_of_prior
from sparselaw.fit.result import Fit, interval
from sparselaw.laws import Array, PowerLaw

FREE = 0.5  # an answer is free if the priors make more than this share of its spread over the draws
STEP = 1e-4  # of ln(parameter), for slopes
Quantity = Callable[[Array], Array]


@dataclass(frozen=True)
class Estimate:
    """A number with its bootstrap interval.

    Attributes:
        value: for the fitted parameters.
        low, high: ends of the interval; None where (nearly) all draws agree, the fit has no draws, or the runs do not
            determine it.
        open_question: the kind of runs that would determine it: "sizes", "durations" or "sparsities"; None if these do.
    """

    value: float
    low: float | None = None
    high: float | None = None
    open_question: str | None = None

    @property
    def bounds(self) -> list[float] | None:
        return None if self.low is None or self.high is None else [self.low, self.high]

    @property
    def known(self) -> float | None:
        """The value; None if the runs do not determine it."""
        return None if self.open_question else self.value


@dataclass(frozen=True)
class Estimates:
    """Turns a function of parameters [..., p] into an `Estimate` from the fitted values and the draws."""

    fitted: Fit
    confidence: float

    def __call__(self, quantity: Quantity) -> Estimate:
        # Beyond a double is infinitely far, and a draw that says nothing is NaN.
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return self.of(float(quantity(self.fitted.values)), self.drawn(quantity))

    def drawn(self, quantity: Quantity) -> Array | None:
        """What every draw says [num_draws]; None without draws."""
        return quantity(self.fitted.draws) if len(self.fitted.draws) else None

    def of(self, value: float, draws: Array | None) -> Estimate:
        """An estimate from a value and what every draw [num_draws] says; NaN for a draw that says nothing."""
        known = np.empty(0) if draws is None else draws[~np.isnan(draws)]
        if draws is None or not len(known):
            return Estimate(value)
        boot = self.fitted.bootstrap
        if boot is not None and len(boot.centres) == len(draws) and isinstance(self.fitted.law, PowerLaw):
            centres = boot.centres[~np.isnan(draws)]
            if share_of_prior(known, centres) > FREE:
                kinds = kinds_of_priors(self.fitted.law, self.fitted.pinned)
                return Estimate(value, open_question=kinds[most_followed(known, centres)])
        # An unreachable draw is infinitely far: quantiles by rank, since inf cannot be interpolated.
        low, high = (interval if np.isfinite(known).all() else _ranked)(known, self.confidence)
        return Estimate(value) if low == high else Estimate(value, low, high)

    def of_run(self, value: float, draws: Array | None, compute: float) -> Estimate:
        """The loss of a new run of so many weights, zeros included, times data: the law's band, its noise and its misfit."""
        band, spread = self.of(value, draws), self.fitted.spread
        if spread is None or draws is None or band.open_question or not value > 0:
            return band
        reach = NormalDist().inv_cdf((1 + self.confidence) / 2) * float(spread.at(compute))
        low, high = band.bounds or (value, value)
        below, above = np.log(max(value / low, 1.0)), np.log(max(high / value, 1.0))
        return Estimate(
            value, value * float(np.exp(-np.hypot(below, reach))), value * float(np.exp(np.hypot(above, reach)))
        )


def _ranked(draws: Array, confidence: float) -> tuple[float, float]:
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2], method="closest_observation")
    return float(low), float(high)


@dataclass(frozen=True)
class Sensitivity:
    """How an answer depends on one parameter of the law.

    Attributes:
        name: of the parameter.
        slope: change of the answer for a change of ln(parameter) by 1.
        explained: squared correlation of the answer with the rank of the parameter over the draws; parameters are correlated,
            so these do not add up to 1. None without draws or spread.
    """

    name: str
    slope: float
    explained: float | None


def sensitivities(fitted: Fit, quantity: Quantity, answers: Array | None) -> tuple[Sensitivity, ...]:
    """How `quantity` depends on each parameter, the one that explains most of `answers`, over the draws, first."""
    values = fitted.values
    steps = STEP * np.diag(values)
    slopes = (quantity(values + steps) - quantity(values - steps)) / (2 * STEP)
    found = [
        Sensitivity(name, float(slopes[k]), _explained(fitted.draws[:, k], answers))
        for k, name in enumerate(fitted.law.names)
        if name not in fitted.pinned
    ]
    return tuple(sorted(found, key=lambda s: -abs(s.slope) if s.explained is None else -s.explained))


def _explained(draws: Array, answers: Array | None) -> float | None:
    if answers is None:
        return None
    known = ~np.isnan(answers)
    draws, answers = draws[known], answers[known]
    if len(answers) < 3 or np.ptp(answers) < 1e-9 or np.ptp(draws) == 0:
        return None
    return float(np.corrcoef(draws.argsort(kind="stable").argsort(), answers)[0, 1] ** 2)
