"""Which runs are left out of a fit in turn: each level of N, D and S, the largest ones, and the far corner.

Where a quantity has many levels, bins of them are left out, so that a table of any size has at most some thirty hold-outs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from sparselaw.fit.levels import Levels, bin_index, levels_of
from sparselaw.laws import Array
from sparselaw.runs import Runs
from sparselaw.words.forms import count, level

MIN_LEVELS = 3  # a rolling hold-out fits at least this many levels
CORNER = "largest N and largest D"
Split = tuple[str, NDArray[np.bool_]]
FORMS: dict[str, Callable[[float], str]] = {"N": count, "D": count, "S": level}


def hold_outs(runs: Runs) -> Iterator[Split]:
    """Names and masks [num_runs] of left-out runs: each level of N, D and S; the largest, rolling; the far corner."""
    values = {"N": runs.nonzero_params, "D": runs.data, "S": runs.sparsity}
    for name, column in values.items():
        yield from _each(name, column)
    for name, column in values.items():
        yield from _rolling(name, column)
    size, data = bin_index(runs.nonzero_params), bin_index(runs.data)
    corner = (size == size.max()) | (data == data.max())
    if size.max() > 0 and data.max() > 0 and not corner.all():
        yield CORNER, corner


def _each(name: str, column: Array) -> Iterator[Split]:
    """Every level or bin, if there are several."""
    levels, index = levels_of(column), bin_index(column)
    number = len(levels.bins)
    for k in range(number if number > 1 else 0):
        which = _span(name, levels, k) if levels.is_binned else f"level {k + 1} of {number}"
        yield f"{name} {which}", index == k


def _rolling(name: str, column: Array) -> Iterator[Split]:
    """All above a level or bin, where at least two are."""
    levels, index = levels_of(column), bin_index(column)
    for k in range(MIN_LEVELS, len(levels.bins) - 1):
        below = FORMS[name](levels.bins[k - 1].high) if levels.is_binned else f"level {k}"
        yield f"{name} above {below}", index >= k


def _span(name: str, levels: Levels, k: int) -> str:
    low, high = FORMS[name](levels.bins[k].low), FORMS[name](levels.bins[k].high)
    return low if low == high else f"{low} to {high}"
