"""Paired gains against differences taken by hand and SciPy's paired t-test, and their coverage in simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

from sparselaw.errors import UserError
from sparselaw.fit.pairs import paired_gain
from sparselaw.runs import Runs


def runs(dense: list[float], sparse: list[float]) -> Runs:
    """Runs of one size and sparsity 0 and 0.75 with a seed for each, the sparse ones a little smaller."""
    seeds = list(range(len(dense)))
    rows = [(1e6, 0.0, 2e9, loss, seed) for loss, seed in zip(dense, seeds, strict=True)]
    rows += [(0.995e6, 0.75, 2e9, loss, seed) for loss, seed in zip(sparse, seeds[::-1], strict=True)]
    return Runs.from_frame(pd.DataFrame(rows, columns=["nonzero_params", "sparsity", "data", "loss", "seed"]), name="x")


def test_a_mean_of_differences_with_the_interval_of_a_paired_t_test() -> None:
    dense, sparse = [3.0, 3.1, 3.3, 2.9], [2.8, 3.05, 2.95, 2.85]
    found = paired_gain(runs(dense, sparse), 0.75)
    tested = ttest_rel(dense, sparse[::-1])
    assert found.gains.tolist() == pytest.approx(np.subtract(dense, sparse[::-1]).tolist()[::-1])
    assert found.mean == pytest.approx(np.mean(np.subtract(dense, sparse)))
    assert (found.low, found.high) == pytest.approx(tuple(tested.confidence_interval(0.95)))


def test_runs_of_other_sizes_data_or_seeds_are_no_pairs() -> None:
    table = runs([3.0, 3.1, 3.3], [2.8, 2.9, 3.0]).table
    for column, change in (("nonzero_params", 1.1), ("data", 2.0), ("seed", 7)):
        is_sparse = table["sparsity"] > 0
        changed = table[column] + change if column == "seed" else table[column] * change
        other = table.assign(**{column: table[column].where(~is_sparse, changed)})
        with pytest.raises(UserError, match=r"0 pairs of a dense run and one of sparsity 0\.75 with equal"):
            paired_gain(Runs.from_frame(other, name="x"), 0.75)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng, held = np.random.default_rng(0), 0
    for _ in range(300):
        common = rng.normal(3, 0.1, 6)
        found = paired_gain(runs(list(common + 0.1), list((common + rng.normal(0, 0.03, 6))[::-1])), 0.75)
        held += found.low <= 0.1 <= found.high
    assert 273 <= held <= 297
