"""The sparsity at which something is lowest: a scan brackets the lowest point, bisection of the slope finds it to rounding.

Where a cost has kinks or jumps there may be several low points: the scan is then finer and includes the kinks themselves, and
the lowest few points are refined on both sides. u = -ln(1-S) throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sparselaw.laws.power import Array

MAX_SPARSITY = 0.999
SCAN = 64
FINE_SCAN = 160  # where there are kinks
LOW_POINTS = 3  # refined where there are kinks
RANGE_SCAN = 1500  # for the range around the lowest
CLOSER_SCANS = 2
BISECTIONS = 54

Function = Callable[[Array], Array]


def lowest_point(
    value: Function, slope: Function, *, levels: Sequence[float] = (), kinks: Sequence[float] = ()
) -> Array:
    """S in [0, MAX_SPARSITY] at which `value` is lowest, shape [...].

    Args:
        value: of sparsities [g] or [..., g], gives [..., g]; inf where there is no answer.
        slope: d value / du, likewise; only its sign is used, and NaN stands for no answer.
        levels: the only sparsities to choose from, if any.
        kinks: the sparsities where value or slope are not smooth.
    """
    if levels:
        return np.array(levels)[value(np.array(levels)).argmin(-1)]
    grid = scan_points(kinks)
    tried = value(grid)
    if kinks:
        return _lowest_of_several(value, slope, grid, tried, kinks)
    lowest = tried.argmin(-1)[..., None]
    ends = grid[np.maximum(lowest - 1, 0)], grid[np.minimum(lowest + 1, len(grid) - 1)]
    candidates = np.concatenate([_stationary(slope, *ends, grid[lowest]), grid[lowest]], -1)
    return _best_of(value, candidates)


def scan_points(kinks: Sequence[float] = ()) -> Array:
    """The sparsities that are tried first: even in u, and the kinks."""
    grid = -np.expm1(-np.linspace(0, -np.log1p(-MAX_SPARSITY), FINE_SCAN if kinks else SCAN))
    grid[-1] = MAX_SPARSITY
    return np.union1d(grid, [s for s in kinks if s < MAX_SPARSITY])


def least_value(value: Function, *, levels: Sequence[float] = (), kinks: Sequence[float] = ()) -> Array:
    """The least of `value`, without its slope: by a scan and closer ones around its lowest point; of levels exactly."""
    if levels:
        return value(np.array(levels)).min(-1)
    grid = scan_points(kinks)
    least = np.array(np.inf)
    for _ in range(CLOSER_SCANS):
        tried = value(grid)
        least = np.minimum(least, tried.min(-1))  # a closer scan may miss a kink
        lowest, grid = tried.argmin(-1)[..., None], np.broadcast_to(grid, tried.shape)
        last = grid.shape[-1] - 1
        low, high = (np.take_along_axis(grid, np.clip(lowest + k, 0, last), -1)[..., 0] for k in (-1, 1))
        grid = np.linspace(low, high, SCAN, axis=-1)
    return np.minimum(least, value(grid).min(-1))


def _lowest_of_several(value: Function, slope: Function, grid: Array, tried: Array, kinks: Sequence[float]) -> Array:
    """The best of the lowest local minima of the scan, and kinks, and of the stationary points beside them.

    A kink need not be a minimum to have one beside it: towards its lower side the value may rise before the kink and fall after.
    """
    outside = np.full((*tried.shape[:-1], 1), np.inf)
    neighbours = np.concatenate([outside, tried, outside], -1)
    is_low = (tried <= neighbours[..., :-2]) & (tried <= neighbours[..., 2:]) | np.isin(grid, kinks)
    lows = np.argsort(np.where(is_low, tried, np.inf), -1)[..., :LOW_POINTS]
    at, before, after = (grid[np.clip(lows + k, 0, len(grid) - 1)] for k in (0, -1, 1))
    sides = np.concatenate([before, at], -1), np.concatenate([at, after], -1), np.concatenate([at, at], -1)
    candidates = np.concatenate([_stationary(slope, *sides), at], -1)
    return _best_of(value, candidates)


def _best_of(value: Function, candidates: Array) -> Array:
    """Of candidates [..., k] the one at which `value` is lowest; NaN, where there is no answer, is never that one."""
    tried = value(candidates)
    best = np.where(np.isnan(tried), np.inf, tried).argmin(-1)[..., None]
    return np.take_along_axis(candidates, best, -1)[..., 0]


def _stationary(slope: Function, low: Array, high: Array, known: Array) -> Array:
    """Where the slope turns positive between sparsities [..., g]; where there is none, towards one `known` to have it."""
    end = -np.log1p(-high)
    below = np.nextafter(high, 0.0)  # at a kink the slope is that of this side

    def by_u(u: Array) -> Array:
        S = np.clip(-np.expm1(-u), np.minimum(low, below), below)
        found = slope(S)
        return np.where(np.isnan(found), np.where(known > S, -1.0, 1.0), found)

    u = rising_root(by_u, -np.log1p(-low), end)
    return np.where(u >= end, high, np.maximum(-np.expm1(-u), low))


def rising_root(function: Function, low: Array, high: Array) -> Array:
    """Where a function goes from negative to positive on [low, high]; an end if it does not change sign. Bisection."""
    # np.array: a copy that may be written to, whatever the shape.
    low, high = np.array(low, dtype=float), np.array(high, dtype=float)
    always_rising, always_falling = function(low) >= 0, function(high) <= 0
    start, end = low.copy(), high.copy()
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        falling = function(middle) < 0
        low, high = np.where(falling, middle, low), np.where(falling, high, middle)
    return np.where(always_rising, start, np.where(always_falling, end, (low + high) / 2))


def range_within(
    value: Function, best: float, allowed: float, *, levels: Sequence[float] = (), kinks: Sequence[float] = ()
) -> tuple[float, float]:
    """The range of S around `best` whose value [g] is at most `allowed`; the outermost such levels for a law with levels."""
    if levels:
        near = np.array([S for S in levels if value(np.array([S]))[0] <= allowed or best == S])
        return float(near.min()), float(near.max())
    return _last_within(value, best, 0.0, allowed, kinks), _last_within(value, best, MAX_SPARSITY, allowed, kinks)


def _last_within(value: Function, best: float, end: float, allowed: float, kinks: Sequence[float]) -> float:
    """From best towards end, the last S before the value exceeds what is allowed; it peaks at kinks and before jumps."""
    peaks = np.array(
        [S for kink in kinks for S in (np.nextafter(kink, 0.0), kink) if min(best, end) < S < max(best, end)]
    )
    even = -np.expm1(-np.linspace(-np.log1p(-best), -np.log1p(-end), RANGE_SCAN)[1:-1])
    tried = np.union1d([best, end], np.concatenate([even, peaks]))
    tried = tried if end > best else tried[::-1]
    excess = value(tried) > allowed
    excess[0] = False
    if not excess.any():
        return end
    inside, outside = tried[excess.argmax() - 1], tried[excess.argmax()]
    for _ in range(BISECTIONS):
        middle = (inside + outside) / 2
        if value(np.array([middle]))[0] > allowed:
            outside = middle
        else:
            inside = middle
    return float(inside)
