"""Which rows are kept, counted by hand."""

import numpy as np
import pandas as pd
import pytest

from sparselaw.errors import UserError
from sparselaw.runs import Runs

SWEEP = pd.DataFrame(
    {
        "nonzero_params": [1e6] * 6 + [2e6] * 2,
        "sparsity": [0.0] * 3 + [0.5] * 3 + [0.0, 0.5],
        "data": [1e9] * 8,
        "loss": [3.3, 3.1, 3.2, 3.05, np.nan, 3.0, 2.9, 2.8],
        "lr": [1, 2, 3, 1, 2, 3, 1, 1],
        "seed": [0, 1, 2, 3, 4, 5, 6, 7],
    }
)
LOGS = pd.DataFrame(
    {
        "run": ["a", "b", "a", "b", "a"],
        "nonzero_params": [1e6, 2e6, 1e6, 2e6, 1e6],
        "sparsity": 0.0,
        "data": [1e9, 1e9, 3e9, 2e9, 2e9],
        "loss": [3.5, 3.4, 3.1, 3.2, 3.3],
    }
)


def test_the_best_run_of_each_cell() -> None:
    runs = Runs.from_frame(SWEEP, name="x", best_of="cell")
    assert runs.loss.tolist() == [3.1, 3.0, 2.9, 2.8]
    assert runs.table["lr"].tolist() == [2, 3, 1, 1]
    assert "1 of 8 rows are left out: they have no finite loss" in runs.taken
    assert "the best of 7 runs is kept for each of 4 cells of equal N, S and D" in runs.taken
    assert runs.warnings == ()


def test_the_best_run_of_a_column() -> None:
    runs = Runs.from_frame(SWEEP.dropna(), name="x", best_of="lr")
    assert runs.table["lr"].tolist() == [2, 3, 1]
    assert runs.loss.tolist() == [3.1, 3.0, 2.8]


@pytest.mark.parametrize("column", ["run", "run_id"])
def test_the_last_checkpoint_of_each_training_is_that_of_the_most_data(column: str) -> None:
    runs = Runs.from_frame(LOGS.rename(columns={"run": column}), name="x", last_of="run")
    assert runs.table[column].tolist() == ["a", "b"]
    assert runs.data.tolist() == [3e9, 2e9]
    assert "the last of 5 checkpoints is kept for each of 2 values of " + column in runs.taken


def test_of_equal_data_the_last_row_is_kept() -> None:
    runs = Runs.from_frame(LOGS.assign(data=1e9), name="x", last_of="run")
    assert runs.loss.tolist() == [3.2, 3.3]


def test_checkpoints_are_told() -> None:
    told = Runs.from_frame(LOGS, name="x").taken
    assert (
        "5 rows are checkpoints of 2 trainings (run), resampled together; --last-of run keeps the last of each" in told
    )


def test_rows_of_a_file_keep_their_names_after_some_are_left_out() -> None:
    odd = LOGS.assign(data=[1e9, 1e9, 3e9, 2e9, 5.0])
    told = Runs.from_frame(odd, name="x", where="run == 'a'").warnings
    assert any("data is 5 in row 5 (below 1000 in 1 of 3 runs)" in sentence for sentence in told)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            {"best_of": "group"},
            r"best_of is 'group', which is no column \('nonzero_params', .*\); give cell or a column\.",
        ),
        ({"last_of": "trial"}, r"last_of is 'trial', which is no column .*; give the run, such as run\."),
        ({"where": "loss"}, "'loss' is no condition"),
        ({"where": "lr > 9"}, "No row meets 'lr > 9'"),
    ],
)
def test_a_choice_that_means_nothing_is_one_sentence(asked: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Runs.from_frame(SWEEP.dropna(), name="x", **asked)
