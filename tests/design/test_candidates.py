"""Candidates for runs, and the grid that a design has to beat: counts as people write them, inside limits and budget."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw.cost import Cost
from sparselaw.counts import format_count, parse_count
from sparselaw.design import Limits
from sparselaw.design.candidates import candidates, factorial
from sparselaw.errors import UserError

SMALL = Limits((1e6, 1.6e7), (1e9, 8e9), (0.0, 0.5, 0.75))
BAD_LIMITS = {
    "reversed": ((1e8, 1e6), (1e9, 1e10), (0.5,), 1),
    "zero": ((0.0, 1e6), (1e9, 1e10), (0.5,), 1),
    "no sparsity": ((1e6, 1e7), (1e9, 1e10), (), 1),
    "sparsity": ((1e6, 1e7), (1e9, 1e10), (1.0,), 1),
    "seeds": ((1e6, 1e7), (1e9, 1e10), (0.5,), 0),
}


@pytest.mark.parametrize("case", BAD_LIMITS)
def test_impossible_limits(case: str) -> None:
    with pytest.raises(UserError):
        Limits(*BAD_LIMITS[case])


def test_one_size_and_one_duration() -> None:
    runs = candidates(Limits((1e6, 1e6), (1e9, 1e9), (0.0, 0.5)), 1e18, Cost())
    assert list(zip(runs.nonzero_params, runs.sparsity, runs.data, strict=True)) == [(1e6, 0, 1e9), (1e6, 0.5, 1e9)]


@given(low=st.floats(1e3, 1e9), reach=st.floats(1, 1e4))
@settings(deadline=None, max_examples=50)
def test_candidates_are_what_the_sweep_file_says(low: float, reach: float) -> None:
    runs = candidates(Limits((low, low * reach), (1e9, 2e9), (0.0,)), 1e60, Cost())
    sizes = np.unique(runs.nonzero_params)
    assert [parse_count(format_count(size)) for size in sizes] == sizes.tolist()
    assert low * 0.995 <= sizes.min() <= sizes.max() <= low * reach * 1.006
    assert (sizes[1:] / sizes[:-1] < 1.44).all()


@pytest.mark.parametrize("budget", [1e18, 3e18, 1e19, 1e22])
def test_the_grid_costs_the_budget(budget: float) -> None:
    grid = factorial(SMALL, budget, Cost())
    full = factorial(SMALL, 1e30, Cost())
    assert len(full) == 36  # at the limits, as often as seeds allow
    assert len(factorial(replace(SMALL, max_seeds=3), 1e30, Cost())) == 3 * 36
    assert grid.flops.sum() <= budget
    if grid.flops.sum() < 0.99 * budget:
        assert grid.nonzero_params.max() == pytest.approx(1.6e7)
    assert grid.nonzero_params.min() == pytest.approx(1e6)
    assert len(factorial(SMALL, 1e17, Cost())) == 0


def test_a_budget_that_pays_for_no_run_is_refused() -> None:
    with pytest.raises(UserError, match="cheapest run"):
        candidates(SMALL, 1.0, Cost())
