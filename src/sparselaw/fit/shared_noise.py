"""Least squares whose runs share part of their noise in blocks, as runs of one shape and seed do.

    residual of run i = noise of its block + noise of its own,   variances s_b^2 and s_r^2

Runs that start from the same weights and see the same data in the same order are lucky or unlucky together: their
differences are far surer than each of them. s_r^2 is the mean square left when every block has a level of its own,
s_b^2 what the sum of squares without such levels has beyond it (Henderson 1953, method 3); below 0 counts as 0. How
far an estimate may be off, in units of its standard error, is read off simulations of the model with these variances, in
which the variances are estimated again: Student's t where there are no blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparselaw.laws import Array

NUM_DRAWS = 4000


@dataclass(frozen=True)
class Deviations:
    """Standard deviations of the two parts of the noise."""

    of_runs: float
    of_blocks: float


class SharedNoise:
    """The noise of a least-squares fit of n runs by p coefficients."""

    def __init__(self, jacobian: Array, residuals: Array, blocks: NDArray[np.intp]) -> None:
        """Estimates the variances.

        Args:
            jacobian: derivatives of the predictions by the coefficients at the optimum, [n, p], n > p.
            residuals: [n].
            blocks: number of each run's block, [n].
        """
        self._basis, self._triangle = np.linalg.qr(jacobian)
        self._members = (blocks[:, None] == np.unique(blocks)).astype(float)
        self._levels = _orthonormal(np.hstack([self._basis, self._members]))
        self._variances = self._estimate(residuals[None])[0]

    @property
    def deviations(self) -> Deviations:
        """Of runs and of blocks; 0 for blocks where each run is one."""
        return Deviations(*np.sqrt(self._variances).tolist())

    def reach(self, slopes: Array, level: float, *, together: bool = False) -> Array:
        """Half widths [k] of intervals of slopes @ coefficients.

        Args:
            slopes: [k, p].
            level: of each interval, or of all of them `together`.
            together: whether all intervals are to hold at once.
        """
        weights = np.linalg.solve(self._triangle.T, slopes.T).T @ self._basis.T  # of each run's noise in the estimates
        rng = np.random.default_rng(0)
        own = rng.standard_normal((NUM_DRAWS, len(self._basis)))
        shared = rng.standard_normal((NUM_DRAWS, self._members.shape[1])) @ self._members.T
        noise = np.sqrt(self._variances) @ np.stack([own, shared]).reshape(2, -1)
        noise = noise.reshape(own.shape)
        drawn = self._estimate(noise - noise @ self._basis @ self._basis.T)
        t = np.abs(noise @ weights.T) / self._errors(weights, drawn)
        quantile = np.quantile(t.max(axis=1), level) if together else np.quantile(t, level, axis=0)
        return quantile * self._errors(weights, self._variances[None])[0]

    def _errors(self, weights: Array, variances: Array) -> Array:
        """Standard errors [draws, k] for variances [draws, 2]."""
        shares = np.stack([(weights**2).sum(axis=1), ((weights @ self._members) ** 2).sum(axis=1)])
        errors = np.sqrt(variances @ shares)
        return np.where(errors > 0, errors, 1.0)

    def _estimate(self, residuals: Array) -> Array:
        """Variances [draws, 2] of residuals [draws, n]."""
        num_runs, num_coefficients = self._basis.shape
        total = (residuals**2).sum(axis=1)
        alone = total / (num_runs - num_coefficients)
        freedom = num_runs - self._levels.shape[1]
        if not freedom:  # every run is a block
            return np.stack([alone, np.zeros_like(alone)], axis=1)
        runs = ((residuals - residuals @ self._levels @ self._levels.T) ** 2).sum(axis=1) / freedom
        coverage = num_runs - ((self._members.T @ self._basis) ** 2).sum()  # trace of blocks seen through the residuals
        blocks = (total - runs * (num_runs - num_coefficients)) / coverage
        return np.stack([np.where(blocks > 0, runs, alone), np.maximum(blocks, 0)], axis=1)


def _orthonormal(columns: Array) -> Array:
    """A basis of the space that columns [n, k] span, [n, rank]."""
    left, singular, _ = np.linalg.svd(columns, full_matrices=False)
    return left[:, singular > 1e-9 * singular[0]]
