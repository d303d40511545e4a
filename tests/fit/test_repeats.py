"""Runs of equal settings are counted, and the columns in which they differ are named."""

import numpy as np
import pytest

from sparselaw.fit.repeats import Repeats, repeats_of
from sparselaw.runs import Runs


@pytest.fixture
def with_columns(table):
    """Three settings of three, two and one runs, with other columns."""

    def build(**columns) -> Runs:
        runs = table([0.0] * 6, [1e6] * 3 + [2e6] * 2 + [4e6], [1e9] * 6, np.linspace(3, 2, 6))
        return Runs.from_frame(runs.table.assign(**columns), name="simulated")

    return build


def test_runs_of_one_setting_are_counted(with_columns):
    assert repeats_of(with_columns()) == Repeats(3, 2, 3, num_seeds=0, varied=(), num_alike=2)
    assert repeats_of(with_columns(seed=[1, 2, 3, 1, 2, 1])).num_seeds == 3


def test_a_table_without_repeats(sweep):
    assert repeats_of(sweep()) == Repeats(64, 0, 1, num_seeds=0, varied=(), num_alike=0)


def test_choices_that_differ_within_a_setting_are_named(with_columns):
    """The first setting has two runs of one learning rate, the second has none."""
    found = repeats_of(with_columns(lr=[0.1, 0.1, 0.2, 0.1, 0.2, 0.1], batch=[8, 8, 8, 8, 8, 16]))
    assert (found.varied, found.num_alike) == (("lr",), 1)


def test_a_column_that_follows_from_another_is_not_named(with_columns):
    found = repeats_of(with_columns(flops=[1, 1, 1, 1, 2, 1], recipe=list("aabaca"), name=list("xxyxzx")))
    assert found.varied == ("recipe",)


def test_measurements_seeds_and_names_of_runs_are_no_choices(with_columns):
    found = repeats_of(with_columns(seconds=np.arange(6.0), run_id=list("aababb"), seed=[1, 2, 1, 1, 2, 1]))
    assert (found.varied, found.num_alike) == ((), 2)


def test_empty_cells_are_a_value_of_their_own(with_columns):
    found = repeats_of(with_columns(init=[None, None, "dense", None, "dense", None]))
    assert (found.varied, found.num_alike) == (("init",), 1)
