"""What a fit minimises: a robust, possibly asymmetric loss of residuals in L or in ln L.

    rho(r) = w(r) r^2 / 2                    where |r| <= delta
    rho(r) = w(r) delta (|r| - delta / 2)    elsewhere

with r = predicted - measured and w(r) = 2 tau where the law is too low (r < 0), 2 (1 - tau) where it is too high. delta = inf
is least squares, a tiny delta least absolute deviations, tau the quantile: the share of runs to lie below the law.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparselaw.errors import UserError, arg, choice

Array = NDArray[np.floating]
ABSOLUTE = 1e-7  # nats: far below any noise, so that rho / delta is |r| to within 5e-8


@dataclass(frozen=True)
class Loss:
    """rho above; `log` takes residuals in ln L; `quantile` is tau, the share of runs expected below the law."""

    delta: float = 0.01
    log: bool = False
    quantile: float = 0.5

    def __post_init__(self) -> None:
        if not self.delta > 0:
            raise UserError(f"{arg('delta')} is {self.delta:g}; give a positive number.")
        if not 0 < self.quantile < 1:
            raise UserError(f"{arg('quantile')} is {self.quantile:g}; give a number between 0 and 1.")

    @property
    def scale(self) -> float:
        """Factor on the reported objective: 1, or 1 / delta for absolute deviations, so that it is the mean of |r|."""
        return 1 / self.delta if self.delta == ABSOLUTE else 1.0

    def residual(self, predicted: Array, measured: Array) -> tuple[Array, Array]:
        """r and dr/d(predicted); r is inf where the logarithm does not exist."""
        if not self.log:
            return predicted - measured, np.ones_like(predicted)
        positive = predicted > 0
        safe = np.where(positive, predicted, 1.0)
        return np.where(positive, np.log(safe / measured), np.inf), 1 / safe

    def side(self, residual: Array) -> Array:
        """w(r), 1 everywhere for the median."""
        return np.where(residual < 0, 2 * self.quantile, 2 * (1 - self.quantile))

    def rho(self, residual: Array) -> Array:
        size = np.abs(residual)
        inside = np.minimum(size, self.delta)
        return self.side(residual) * inside * (size - inside / 2)

    def weight(self, residual: Array) -> Array:
        """rho'(r) / r, the weight of a run in reweighted least squares."""
        size = np.abs(residual)
        return self.side(residual) * (self.delta / np.maximum(size, self.delta) if np.isfinite(self.delta) else 1.0)

    def curvature(self, residual: Array) -> Array:
        """rho''(r): zero beyond delta."""
        return self.side(residual) * (np.abs(residual) <= self.delta)


PUBLISHED_LOSS = {"t5-c4": "huber-log", "vit-jft": "huber"}
DELTAS = {
    "huber": 0.01,
    "huber-log": 0.001,
    "squared": np.inf,
    "squared-log": np.inf,
    "absolute": ABSOLUTE,
    "absolute-log": ABSOLUTE,
}


def loss_function(
    runs: str, loss: Loss | str | None = None, *, delta: float | None = None, quantile: float = 0.5
) -> Loss:
    """The loss function that runs of that name are fitted with.

    Args:
        runs: name of the runs: a published sweep has a loss function of its own, others take huber-log.
        loss: another one, or its name.
        delta: of Huber's loss; the usual one of `DELTAS` if None.
        quantile: tau.

    Raises:
        UserError: an unknown name, a delta for a loss that has none, impossible numbers.
    """
    if isinstance(loss, Loss):
        return loss
    name = loss or PUBLISHED_LOSS.get(runs, "huber-log")
    if name not in DELTAS:
        raise UserError(f"{arg('loss')} is {name!r}; {choice(name, DELTAS)}")
    if delta is not None and not name.startswith("huber"):
        raise UserError(f"The loss {name} has no delta; give {arg('delta')} with huber or huber-log only.")
    return Loss(DELTAS[name] if delta is None else delta, log=name.endswith("-log"), quantile=quantile)
