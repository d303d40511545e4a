"""Runs that a design may choose from, and the factorial grid that it is compared with.

Both lie in the same box of sizes and durations, at the same sparsities; counts are rounded to three digits, as people write them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from sparselaw.cost.training import Cost
from sparselaw.counts import format_count, parse_count
from sparselaw.errors import UserError, arg, require_at_least
from sparselaw.fit.result import Fit
from sparselaw.laws import Array, PowerLaw

USUAL = (0.0, 0.5, 0.75, 0.875)  # sparsities of a sweep
REACH = 4.0  # by how much new runs may be larger, and longer, than those of the fit
STEP = 2**0.5  # neighbouring sizes, and durations, of candidates differ by at most this factor
GRID_SIZES, GRID_DURATIONS = 4, 3  # of the paper's language grid (Frantar et al. 2023, arXiv 2309.08520)
BISECTIONS = 60


@dataclass(frozen=True)
class Limits:
    """What new runs may be: [lowest, highest] N and D, sparsities, and how many seeds of one (N, S, D).

    For a fit that was resampled by cell, whose runs of one (N, S) share their noise, `max_seeds` counts the runs of one (N, S).
    """

    nonzero_params: tuple[float, float]
    data: tuple[float, float]
    sparsities: tuple[float, ...]
    max_seeds: int = 1

    def __post_init__(self) -> None:
        for name, (low, high) in {"nonzeros": self.nonzero_params, "data": self.data}.items():
            if not 0 < low <= high < np.inf:
                raise UserError(f"{arg(name)} is {low:g} to {high:g}; give two positive numbers, the lower one first.")
        if not self.sparsities or not all(0 <= S < 1 for S in self.sparsities):
            raise UserError(
                f"{arg('sparsities')} has {', '.join(map(str, self.sparsities)) or 'none'}; give numbers in [0, 1), such as 0.5."
            )
        require_at_least(1, max_seeds=self.max_seeds)


def limits_around(fitted: Fit) -> Limits:
    """From the smallest of the fitted runs to four times the largest, at their sparsities; at the usual ones too if few or no
    dense one.

    A law that ignores sparsity needs dense runs only.
    """
    (low_N, high_N), (low_D, high_D) = fitted.domain.nonzero_params, fitted.domain.data
    sparsities = fitted.domain.sparsity
    if isinstance(fitted.law, PowerLaw) and not fitted.law.knows_sparsity:
        sparsities = (0.0,)
    elif len(sparsities) < 3 or 0.0 not in sparsities:  # which do not tell how the loss changes between them
        sparsities = tuple(sorted({*sparsities, *USUAL}))
    return Limits((low_N, REACH * high_N), (low_D, REACH * high_D), sparsities)


@dataclass(frozen=True)
class Candidates:
    """Single runs: N, S, D and training FLOPs of each, [num_candidates]."""

    nonzero_params: Array
    sparsity: Array
    data: Array
    flops: Array

    def __len__(self) -> int:
        return len(self.flops)

    def select(self, chosen: NDArray[np.generic]) -> Candidates:
        """Those where `chosen`, booleans or positions, holds."""
        return Candidates(*(column[chosen] for column in self._columns))

    def joined(self, other: Candidates) -> Candidates:
        """These, then the others."""
        return Candidates(*map(np.concatenate, zip(self._columns, other._columns, strict=True)))

    @property
    def _columns(self) -> tuple[Array, ...]:
        return self.nonzero_params, self.sparsity, self.data, self.flops


def candidates(limits: Limits, budget: float, cost: Cost) -> Candidates:
    """All runs on a grid of `limits`, at most a factor of sqrt(2) apart, that the budget pays for.

    Raises:
        UserError: it pays for none.
    """
    sizes, durations = (_ladder(*span) for span in (limits.nonzero_params, limits.data))
    runs = _crossed(sizes, np.unique(limits.sparsities), durations, cost)
    affordable = runs.flops <= budget
    if not affordable.any():
        cheapest = format_count(float(runs.flops.min()))
        raise UserError(
            f"{arg('budget')} is {format_count(budget)} FLOPs and the cheapest run takes {cheapest}; give more, or allow smaller "
            f"or shorter runs with {arg('nonzeros')} and {arg('data')}."
        )
    return runs.select(affordable)


def factorial(limits: Limits, budget: float, cost: Cost) -> Candidates:
    """The grid in the manner of the paper that costs `budget`: 4 sizes x the sparsities x 3 durations.

    It starts at the smallest size and duration; the largest of both shrink together until the grid costs the budget; without a
    run if even then it costs more. A grid at the limits that costs less is repeated, as far as the budget and the seeds go.
    """

    def grid(reach: float) -> Candidates:
        sizes, durations = (
            np.geomspace(low, low * (high / low) ** reach, number)
            for (low, high), number in zip(
                (limits.nonzero_params, limits.data), (GRID_SIZES, GRID_DURATIONS), strict=True
            )
        )
        return _crossed(sizes, np.unique(limits.sparsities), durations, cost)

    full = grid(1.0)
    repeats = min(limits.max_seeds, int(budget / full.flops.sum()))
    if repeats:
        return full.select(np.repeat(np.arange(len(full)), repeats))
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if grid(middle).flops.sum() <= budget else (low, middle)
    return grid(low) if low > 0 else full.select(np.arange(0))


def _ladder(low: float, high: float) -> Array:
    """Geometric steps of at most `STEP`, of three digits; the ends are inside the limits to that rounding."""
    steps = ceil(round(np.log(high / low) / np.log(STEP), 6))
    return np.unique([parse_count(format_count(float(value))) for value in np.geomspace(low, high, steps + 1)])


def _crossed(sizes: Array, sparsities: Array, durations: Array, cost: Cost) -> Candidates:
    N, S, D = (axis.ravel() for axis in np.meshgrid(sizes, sparsities, durations, indexing="ij"))
    return Candidates(N, S, D, cost.flops(S, N, D))
