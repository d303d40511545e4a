"""The sparsity at which something is lowest: a scan finds the valleys, bisection of the slope the bottom of each to rounding.

A law may have several valleys: dense models may be best beside sparse ones, and where a cost has kinks or jumps there are more.
All bottoms are compared, with one another and with the points of the scan. The scan is finer near S = 0, where a law may rise
as a root of S does, and where there are kinks; it includes the kinks. u = -ln(1-S) throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from sparselaw.laws.power import Array

MAX_SPARSITY = 0.999
SCAN = 64
FINE_SCAN = 160  # where there are kinks
NEAR_DENSE = 18  # further points of a scan below the first even one
SHRINK = 0.6  # each of them of the one before
LOW_POINTS = 3  # valleys that are searched
RANGE_SCAN = 1500  # for the ranges that are as good
CLOSER_SCANS = 2
EQUAL = 1e-12  # relative difference of values that is rounding
CLOSEST_SCANS = 5  # of 64 points: to 1e-10
BISECTIONS = 54

Function = Callable[[Array], Array]
Pieces = tuple[tuple[float, float], ...]


def lowest_point(
    value: Function, slope: Function, *, levels: Sequence[float] = (), kinks: Sequence[float] = ()
) -> Array:
    """S in [0, MAX_SPARSITY] at which `value` is lowest, shape [...]; of several the smallest.

    Args:
        value: of sparsities [g] or [..., g], gives [..., g]; inf or NaN where there is no answer.
        slope: d value / du, likewise; only its sign is used, and NaN stands for no answer.
        levels: the only sparsities to choose from, if any.
        kinks: the sparsities where value or slope are not smooth.
    """
    if levels:
        return np.array(levels)[_known(value(np.array(levels))).argmin(-1)]
    grid = scan_points(kinks)
    tried = _known(value(grid))
    candidates = np.concatenate([grid[tried.argmin(-1)][..., None], _bottoms(slope, grid, tried, kinks)], -1)
    best = _known(value(candidates)).argmin(-1)[..., None]
    return np.take_along_axis(candidates, best, -1)[..., 0]


def scan_points(kinks: Sequence[float] = ()) -> Array:
    """The sparsities that are tried first: even in u, more of them near S = 0, and the kinks."""
    even = np.linspace(0, -np.log1p(-MAX_SPARSITY), FINE_SCAN if kinks else SCAN)
    grid = -np.expm1(-np.concatenate([even, even[1] * SHRINK ** np.arange(1, NEAR_DENSE + 1)]))
    grid[len(even) - 1] = MAX_SPARSITY
    return np.union1d(grid, [s for s in kinks if s < MAX_SPARSITY])


def least_value(value: Function, *, levels: Sequence[float] = (), kinks: Sequence[float] = ()) -> Array:
    """The least of `value` where S > 0, without its slope: by a scan and closer ones around its low points; of levels exactly.

    Nothing is tried between 0 and the next point of a scan, where a small difference of losses is lost to rounding.
    """
    if levels:
        return value(np.array(levels)).min(-1)
    grid = scan_points(kinks)[1:]
    tried = value(grid)
    least, (low, high) = tried.min(-1), _around_lows(grid, tried)
    for _ in range(CLOSER_SCANS):
        closer = np.linspace(low, high, SCAN, axis=-1)
        tried = value(closer.reshape(*low.shape[:-1], -1)).reshape(closer.shape)
        least = np.minimum(least, tried.min((-1, -2)))  # a closer scan may miss a kink
        lowest = tried.argmin(-1)[..., None]
        low, high = (np.take_along_axis(closer, np.clip(lowest + k, 0, SCAN - 1), -1)[..., 0] for k in (-1, 1))
    return least


def lowest_of_scan(value: Function, *, levels: Sequence[float] = (), kinks: Sequence[float] = ()) -> float:
    """The S in [0, MAX_SPARSITY] at which a function [g] is lowest, from its values alone: a scan, and closer ones."""
    grid = np.array(levels) if levels else np.union1d(scan_points(kinks), np.linspace(0, MAX_SPARSITY, RANGE_SCAN))
    tried = _known(value(grid))
    k = int(np.argmax(tried <= tried.min() + EQUAL * abs(tried.min())))  # the first of equal ones
    best, lowest, low, high = grid[k], tried[k], grid[max(k - 1, 0)], grid[min(k + 1, len(grid) - 1)]
    for _ in range(0 if levels else CLOSEST_SCANS):
        closer = np.linspace(low, high, SCAN)
        tried = _known(value(closer))
        k = int(tried.argmin())
        if tried[k] < lowest - EQUAL * abs(lowest):
            best, lowest = closer[k], tried[k]
        low, high = closer[max(k - 1, 0)], closer[min(k + 1, SCAN - 1)]
    return float(best)


def _known(values: Array) -> Array:
    """Values with inf for NaN: neither is an answer."""
    return np.where(np.isnan(values), np.inf, values)


def _around_lows(grid: Array, tried: Array) -> tuple[Array, Array]:
    """The neighbours of the lowest low points of a scan, [..., k] each."""
    outside = np.full((*tried.shape[:-1], 1), np.inf)
    around = np.concatenate([outside, tried, outside], -1)
    lows = _lowest(tried, (tried <= around[..., :-2]) & (tried < around[..., 2:]))
    return grid[np.maximum(lows - 1, 0)], grid[np.minimum(lows + 1, len(grid) - 1)]


def _lowest(heights: Array, is_wanted: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The places [..., k] of the lowest of the heights that are wanted: as many as there are anywhere, at most LOW_POINTS."""
    count = min(max(int(is_wanted.sum(-1).max()), 1), LOW_POINTS)
    wanted = np.where(is_wanted, heights, np.inf)
    return np.argsort(wanted, -1)[..., :count] if count > 1 else wanted.argmin(-1)[..., None]


def _bottoms(slope: Function, grid: Array, tried: Array, kinks: Sequence[float]) -> Array:
    """The bottoms of the lowest valleys, [..., k]: between points where the slope goes from falling to rising."""
    with np.errstate(divide="ignore", invalid="ignore"):  # infinitely steep beside a jump, or out of reach
        after, before = _slopes(slope, grid, kinks)
    out = np.isinf(tried)
    falls, rises = (after < 0) | out, (before > 0) | out
    is_valley = falls[..., :-1] & rises[..., 1:] & ~(out[..., :-1] & out[..., 1:])
    at = _lowest(np.minimum(tried[..., :-1], tried[..., 1:]), is_valley)
    is_known = np.isfinite(np.take_along_axis(tried, at, -1))
    return _stationary(slope, grid[at], grid[at + 1], np.where(is_known, grid[at], grid[at + 1]))


def _slopes(slope: Function, grid: Array, kinks: Sequence[float]) -> tuple[Array, Array]:
    """The slopes after and before each point of a scan; they differ at kinks."""
    after = slope(grid)
    at = np.flatnonzero(np.isin(grid, kinks))
    if not len(at):
        return after, after
    before = after.copy()
    before[..., at] = slope(np.nextafter(grid[at], 0.0))
    return after, before


def _stationary(slope: Function, low: Array, high: Array, known: Array) -> Array:
    """Where the slope turns positive between sparsities [..., g]; where there is none, towards one `known` to have it."""
    end = -np.log1p(-high)
    below = np.nextafter(high, 0.0)  # at a kink the slope is that of this side

    def by_u(u: Array) -> Array:
        S = np.clip(-np.expm1(-u), np.minimum(low, below), below)
        found = slope(S)
        return np.where(np.isnan(found), np.where(known > S, -1.0, 1.0), found)

    with np.errstate(divide="ignore", invalid="ignore"):
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


def pieces_within(
    value: Function, best: float, allowed: float, *, levels: Sequence[float] = (), kinks: Sequence[float] = ()
) -> Pieces:
    """The ranges of S whose value [g] is at most `allowed`, one of which holds `best`; of levels, those without one between."""
    tried = np.array(sorted(levels)) if levels else _range_points(best, kinks)
    is_near = (value(tried) <= allowed) | (tried == best)
    first = np.flatnonzero(is_near & ~np.append(False, is_near[:-1]))
    last = np.flatnonzero(is_near & ~np.append(is_near[1:], False))
    low, high = tried[first], tried[last]
    if not levels:
        low = _edges(value, low, tried[np.maximum(first - 1, 0)], allowed)
        high = _edges(value, high, tried[np.minimum(last + 1, len(tried) - 1)], allowed)
    return tuple(zip(low.tolist(), high.tolist(), strict=True))


def range_within(
    value: Function, best: float, allowed: float, *, levels: Sequence[float] = (), kinks: Sequence[float] = ()
) -> tuple[float, float]:
    """The one of `pieces_within` that holds `best`."""
    return piece_with(best, pieces_within(value, best, allowed, levels=levels, kinks=kinks))


def piece_with(S: float, pieces: Pieces) -> tuple[float, float]:
    """The range that holds S."""
    return next(piece for piece in pieces if piece[0] <= S <= piece[1])


def _range_points(best: float, kinks: Sequence[float]) -> Array:
    """Sparsities even in u, those of the scan, and kinks and what is just before them, where a value peaks or jumps."""
    even = -np.expm1(-np.linspace(0, -np.log1p(-MAX_SPARSITY), RANGE_SCAN)[:-1])
    grid = scan_points(kinks)
    before = np.nextafter(grid[np.isin(grid, kinks)], 0.0)
    return np.unique(np.concatenate([even, grid, before, [best]]))


def _edges(value: Function, inside: Array, outside: Array, allowed: float) -> Array:
    """The last S [k] from inside to outside, of which one may be the other, before the value exceeds what is allowed."""
    for _ in range(BISECTIONS):
        middle = (inside + outside) / 2
        is_near = value(middle) <= allowed
        inside, outside = np.where(is_near, middle, inside), np.where(is_near, outside, middle)
    return inside
