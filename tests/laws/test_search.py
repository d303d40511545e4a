"""The search over sparsities against fine grids, for smooth functions, kinks and jumps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw.laws.search import (
    MAX_SPARSITY,
    least_value,
    lowest_point,
    piece_with,
    pieces_within,
    range_within,
    rising_root,
    scan_points,
)

FINE = -np.expm1(-np.linspace(0, -np.log1p(-MAX_SPARSITY), 200_001))


@given(at=st.floats(0, 0.99), steep=st.floats(0.1, 50), scale=st.floats(1e-6, 1e6))
@settings(deadline=None, max_examples=100)
def test_a_smooth_minimum_is_found_to_rounding(at: float, steep: float, scale: float) -> None:
    u = -np.log1p(-at)
    found = lowest_point(lambda S: scale * (steep * (-np.log1p(-S) - u)) ** 2, lambda S: scale * (-np.log1p(-S) - u))
    assert found == pytest.approx(at, abs=1e-9)


@given(kink=st.floats(0.05, 0.95), before=st.floats(-3, 3), after=st.floats(-3, 3), bend=st.floats(0.1, 5))
@settings(deadline=None, max_examples=100)
def test_with_a_kink_nothing_on_a_fine_grid_is_lower(kink: float, before: float, after: float, bend: float) -> None:
    def value(S: np.ndarray) -> np.ndarray:
        u, at = -np.log1p(-S), -np.log1p(-kink)
        return bend * (u - 1) ** 2 + np.where(u < at, before * (u - at), after * (u - at))

    def slope(S: np.ndarray) -> np.ndarray:
        return 2 * bend * (-np.log1p(-S) - 1) + np.where(kink > S, before, after)

    found = float(lowest_point(value, slope, kinks=[kink]))
    assert value(np.array(found)) <= value(np.append(FINE, kink)).min() + 1e-9


def test_levels_are_the_only_choice() -> None:
    levels = (0.0, 0.5, 0.75)
    assert lowest_point(lambda S: (S - 0.6) ** 2, lambda S: S - 0.6, levels=levels) == 0.5
    assert range_within(lambda S: (S - 0.6) ** 2, 0.5, 0.03, levels=levels) == (0.5, 0.75)


def test_a_root_is_bracketed_or_an_end() -> None:
    low, high = np.zeros(3), np.ones(3)
    roots = rising_root(lambda x: x - np.array([0.3, -1.0, 2.0]), low, high)
    assert roots == pytest.approx([0.3, 0.0, 1.0], abs=1e-15)


@given(best=st.floats(0.05, 0.9), width=st.floats(1e-4, 0.05))
@settings(deadline=None, max_examples=50)
def test_the_range_ends_where_the_value_is_what_is_allowed(best: float, width: float) -> None:
    low, high = range_within(lambda S: np.abs(S - best), best, width)
    assert (low, high) == pytest.approx((max(best - width, 0), best + width), abs=1e-12)


def test_the_scan_holds_its_ends_and_the_kinks() -> None:
    grid = scan_points((0.123, 0.9999))
    assert grid[0] == 0
    assert grid[-1] == MAX_SPARSITY
    assert 0.123 in grid
    assert 0.9999 not in grid


@pytest.mark.parametrize("drop", [0.3, 2 / 3])
def test_the_least_value_at_a_jump_is_that_of_the_jump(drop: float) -> None:
    found = least_value(lambda S: np.where(drop <= S, 1 + S - drop, 2.0), kinks=[drop])
    assert found == pytest.approx(1, abs=1e-15)


def two_valleys(S: np.ndarray) -> np.ndarray:
    """Lowest at 0.2 (0) and at 0.8 (0.001), 0.36 between them."""
    return np.minimum((S - 0.2) ** 2 * 4, (S - 0.8) ** 2 * 4 + 0.001)


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        (0.0004, ((0.19, 0.21),)),
        (0.0101, ((0.2 - 0.0101**0.5 / 2, 0.2 + 0.0101**0.5 / 2), (0.8 - 0.0091**0.5 / 2, 0.8 + 0.0091**0.5 / 2))),
        (2.0, ((0.0, MAX_SPARSITY),)),
    ],
    ids=["one", "two", "all"],
)
def test_ranges_that_are_as_good_fall_into_pieces(allowed: float, expected: tuple) -> None:
    found = pieces_within(two_valleys, 0.2, allowed)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert piece_with(0.2, found) == found[0]


def test_levels_with_a_worse_one_between_are_two_pieces() -> None:
    worth = dict(zip((0.0, 0.5, 0.75, 0.875), (1.0, 1.5, 1.0, 1.01), strict=True))
    found = pieces_within(lambda S: np.array([worth[s] for s in S]), 0.0, 1.05, levels=tuple(worth))
    assert found == ((0.0, 0.0), (0.75, 0.875))
