import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw.errors import UserError
from sparselaw.runs import Runs, read_runs


def frame(**changes):
    columns = {
        "nonzero_params": [1e6, 1e6, 2e6, 2e6],
        "sparsity": [0.0, 0.5, 0.5, 0.5],
        "data": [1e9, 1e9, 1e9, 2e9],
        "loss": [3.5, 3.4, 3.3, 3.2],
    }
    return pd.DataFrame({**columns, **changes})


def test_from_frame_checks_and_leaves_the_frame_alone():
    given_frame = frame(seed=[1, 2, 3, 4], nonzero_params=["1M", "1M", "2M", "2e6"]).sample(frac=1, random_state=0)
    before = given_frame.copy()
    runs = Runs.from_frame(given_frame, name="mine", data_unit="tokens")
    pd.testing.assert_frame_equal(given_frame, before)
    assert (runs.name, runs.data_unit, runs.loss_unit, len(runs)) == ("mine", "tokens", "nats", 4)
    assert list(runs.table.index) == [0, 1, 2, 3]
    assert list(runs.table["seed"]) == list(before["seed"])
    np.testing.assert_array_equal(runs.loss, before["loss"])
    assert {array.dtype for array in (runs.nonzero_params, runs.sparsity, runs.data, runs.loss)} == {np.dtype(float)}


def test_runs_are_frozen_and_their_arrays_are_copies():
    runs = Runs.from_frame(frame(), name="mine")
    with pytest.raises(dataclasses.FrozenInstanceError):
        runs.name = "other"  # pyrefly: ignore[read-only]
    runs.loss[:] = 0
    np.testing.assert_array_equal(runs.loss, [3.5, 3.4, 3.3, 3.2])


def test_select_keeps_what_is_known():
    runs = Runs.from_frame(frame(seed=[1, 2, 3, 4]), name="mine", data_unit="tokens")
    some = runs.select(runs.sparsity > 0)
    assert (some.name, some.data_unit, list(some.table["seed"]), list(some.table.index)) == (
        "mine",
        "tokens",
        [2, 3, 4],
        [0, 1, 2],
    )
    again = runs.select([3, 3, 0])
    np.testing.assert_array_equal(again.loss, [3.2, 3.2, 3.5])


def test_cells_are_model_shapes():
    runs = Runs.from_frame(frame(), name="mine")
    np.testing.assert_array_equal(runs.cells(), [0, 1, 2, 2])
    rounding = frame(nonzero_params=[1e6, 1e6, 2e6, 2e6 * (1 + 1e-12)])
    np.testing.assert_array_equal(Runs.from_frame(rounding, name="mine").cells(), [0, 1, 2, 2])


@pytest.mark.parametrize("ending", [".csv", ".json", ".parquet"])
@pytest.mark.parametrize("published", ["t5_c4", "vit_jft"])
def test_published_tables_survive_writing(tmp_path, request, published, ending):
    runs = request.getfixturevalue(published)
    path = tmp_path / f"runs{ending}"
    runs.write(path)
    pd.testing.assert_frame_equal(read_runs(path).table, runs.table, check_exact=True)
    assert list(tmp_path.iterdir()) == [path]


positive = st.floats(min_value=1e-300, max_value=1e300)
rows = st.tuples(
    positive,
    st.floats(min_value=0, max_value=1, exclude_max=True),
    positive,
    positive,
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")).map(lambda text: f"x{text}"),
)
names = ["nonzero_params", "sparsity", "data", "loss", "seed", "lr", 'note, "with" signs']


@settings(deadline=None, max_examples=60)
@given(st.lists(rows, min_size=1, max_size=4), st.sampled_from([".csv", ".json", ".parquet"]))
def test_any_table_survives_writing(tmp_path_factory, cells, ending):
    runs = Runs.from_frame(pd.DataFrame(cells, columns=pd.Index(names)), name="mine")
    path = tmp_path_factory.mktemp("written") / f"runs{ending}"
    runs.write(path)
    back = read_runs(path)
    assert back.warnings == runs.warnings or ending == ".csv"
    pd.testing.assert_frame_equal(back.table, runs.table, check_exact=True, check_dtype=False)


@pytest.mark.parametrize("note", [["a", 1, b"b", None], [10**30, 1, 2, 3]], ids=["mixed", "huge"])
def test_writing_is_all_or_nothing(tmp_path, note):
    path = tmp_path / "runs.parquet"
    runs = Runs.from_frame(frame(), name="mine")
    runs.write(path)
    mixed = Runs.from_frame(frame(note=pd.Series(note, dtype=object)), name="mine")
    with pytest.raises(UserError, match=r"^Runs cannot be written to .*\.$"):
        mixed.write(path)
    assert list(tmp_path.iterdir()) == [path]
    np.testing.assert_array_equal(read_runs(path).loss, runs.loss)


@pytest.mark.parametrize("name", ["runs", "runs.xlsx"])
def test_unknown_ending_is_refused(tmp_path, name):
    with pytest.raises(UserError, match=r"end its name in \.csv, \.json, \.parquet\.$"):
        Runs.from_frame(frame(), name="mine").write(tmp_path / name)


def test_missing_folder_is_told(tmp_path):
    with pytest.raises(UserError, match=r"^Runs cannot be written to .*non-existent directory"):
        Runs.from_frame(frame(), name="mine").write(tmp_path / "nowhere" / "runs.csv")


def test_a_file_in_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(UserError, match=r"^Runs cannot be written to "):
        Runs.from_frame(frame(), name="mine").write(tmp_path / "taken" / "runs.csv")
