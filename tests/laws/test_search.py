"""The search over sparsities against fine grids, for smooth functions, kinks and jumps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw.laws.search import MAX_SPARSITY, least_value, lowest_point, range_within, rising_root, scan_points

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
