"""Values within 1% are one level, and more than eight levels are grouped into bins of equally many."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparselaw.fit.levels import Level, Levels, bin_index, count_levels, level_index, levels_of


def test_values_within_a_percent_are_one_level():
    values = np.array([4.0, 1.0, 1.009, 2.0, 1.0])
    np.testing.assert_array_equal(level_index(values), [2, 0, 0, 1, 0])
    assert count_levels(values) == 3
    assert levels_of(values) == Levels((Level(1.0, 1.009, 3), Level(2.0, 2.0, 1), Level(4.0, 4.0, 1)), 3)


def test_few_levels_are_not_binned():
    levels = levels_of(np.arange(1.0, 9.0))
    assert [one.num_runs for one in levels.bins] == [1] * 8
    assert not levels.is_binned
    assert levels.span == (1.0, 8.0)


def test_many_levels_are_binned():
    """Nine levels: the first bin holds two."""
    levels = levels_of(np.array([*range(1, 10), 9.0]))
    assert levels.bins[0] == Level(1.0, 2.0, 2)
    assert levels.bins[-1] == Level(9.0, 9.0, 2)
    assert len(levels.bins) == 8
    assert levels.num_distinct == 9
    assert levels.is_binned


@given(st.lists(st.floats(1e-6, 1e12), min_size=1, max_size=60))
def test_bins_share_the_levels_evenly_and_hold_each_run_once(given):
    values = np.array(given)
    level, index, levels = level_index(values), bin_index(values), levels_of(values)
    held = [len(np.unique(level[index == k])) for k in range(len(levels.bins))]
    assert sum(held) == levels.num_distinct
    assert max(held) - min(held) <= 1
    assert sum(one.num_runs for one in levels.bins) == len(values)
    assert all(a.high < b.low for a, b in zip(levels.bins, levels.bins[1:], strict=False))


@pytest.mark.parametrize("values", [[0.0], [0.0, 0.0]], ids=str)
def test_a_single_level(values):
    assert levels_of(np.array(values)) == Levels((Level(0.0, 0.0, len(values)),), 1)
