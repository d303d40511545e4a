"""The levels of a quantity over runs: values within 1% are one, and many levels are grouped into bins of equally many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparselaw.laws import Array

ONE_LEVEL = 0.01  # relative distance up to which neighbouring values are one level
MOST_LEVELS = 8  # kept apart; more are binned


@dataclass(frozen=True)
class Level:
    """A level, or a bin of neighbouring ones: its lowest and highest value, and its number of runs."""

    low: float
    high: float
    num_runs: int


@dataclass(frozen=True)
class Levels:
    """The levels of a quantity, or bins of them where there are more than `MOST_LEVELS`, in ascending order."""

    bins: tuple[Level, ...]
    num_distinct: int

    @property
    def is_binned(self) -> bool:
        """Whether the bins hold several levels."""
        return self.num_distinct > len(self.bins)

    @property
    def span(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return self.bins[0].low, self.bins[-1].high


def levels_of(values: Array) -> Levels:
    """The levels of values [num_runs]."""
    index = bin_index(values)
    parts = [values[index == k] for k in range(int(index.max()) + 1)]
    return Levels(tuple(Level(float(p.min()), float(p.max()), len(p)) for p in parts), count_levels(values))


def bin_index(values: Array) -> NDArray[np.intp]:
    """The position of each value's bin among those of `levels_of` [num_runs]."""
    level, number = level_index(values), count_levels(values)
    return level if number <= MOST_LEVELS else level * MOST_LEVELS // number


def level_index(values: Array) -> NDArray[np.intp]:
    """The position 0, 1, ... of each value's level [num_runs]."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    steps = np.concatenate([[0], np.cumsum(np.diff(ordered) > ONE_LEVEL * ordered[:-1] + 1e-12)])
    index = np.empty(len(values), dtype=np.intp)
    index[order] = steps
    return index


def count_levels(values: Array) -> int:
    """How many levels values [num_runs] have."""
    return int(level_index(values).max()) + 1
