"""Every shape of JSON with one table in it, value for value."""

import json

import pandas as pd
import pytest

from sparselaw.errors import UserError
from sparselaw.runs.formats.shapes import is_usual, shaped

CELLS = {"params": [1000000, 2**53], "run_name": ["007", "b"], "val_loss": [0.1, 3.25]}
RECORDS = [dict(zip(CELLS, row, strict=True)) for row in zip(*CELLS.values(), strict=True)]
FRAME = pd.DataFrame(CELLS)
NAMED = FRAME.drop(columns="run_name").set_axis(["007", "b"])


def orient(name: str, frame: pd.DataFrame = FRAME, **options) -> object:
    return json.loads(frame.to_json(orient=name, double_precision=15, **options))


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(RECORDS, id="records"),
        pytest.param(CELLS, id="columns"),
        pytest.param({"runs": RECORDS}, id="runs"),
        pytest.param({"name": "x", "version": 1, "results": RECORDS, "meta": {"a": 1}, "seeds": [1]}, id="only list"),
        pytest.param({"data": RECORDS}, id="data"),
        pytest.param(FRAME.to_dict("tight"), id="tight"),
        pytest.param(FRAME.to_dict("split", index=False), id="split without index"),
        pytest.param(FRAME.set_index("run_name").to_dict("index"), id="index of names"),
        pytest.param({"runs": FRAME.set_index("run_name").to_dict("index")}, id="index in an object"),
        pytest.param(FRAME.set_index("run_name").to_dict("tight"), id="tight with a named index"),
        *[pytest.param(orient(name), id=name) for name in ("split", "records", "index", "columns", "table")],
        pytest.param(orient("table", FRAME.set_index("run_name")), id="table with a named index"),
    ],
)
def test_a_table(found: object) -> None:
    table = shaped(found, "r.json")
    cells = table.frame.rename(columns={"run": "run_name"}).to_dict("list")
    assert {name: cells[name] for name in CELLS} == CELLS
    assert len(cells) == 3
    assert len(table.rows) == 2


@pytest.mark.parametrize(
    ("found", "rows"),
    [
        (orient("split", NAMED), ["'007'", "'b'"]),
        (orient("index", NAMED), ["'007'", "'b'"]),
        (orient("columns", NAMED), ["'007'", "'b'"]),
        (orient("records"), [1, 2]),
    ],
)
def test_rows_are_named_as_the_file_names_them(found: object, rows: list) -> None:
    assert list(shaped(found, "r.json").rows) == rows


def test_columns_that_nobody_knows_are_columns_as_ever() -> None:
    table = shaped({"a": {"x": 1, "y": 2}, "b": {"x": 3, "y": 4}}, "r.json")
    assert table.frame.to_dict("list") == {"a": [1, 2], "b": [3, 4]}


@pytest.mark.parametrize(
    ("found", "cells"),
    [
        ({"params": 1, "loss": 3.5, "tags": ["a"]}, {"params": [1], "loss": [3.5], "tags": [["a"]]}),
        ({"config": {"n": 1}, "results": {"loss": 3.5}}, {"config.n": [1], "results.loss": [3.5]}),
        ({"train": {"loss": 3}, "eval": {"loss": 3.5}}, {"train.loss": [3], "eval.loss": [3.5]}),
        ({"loss": 3.5, "layers": [{"n": 1}]}, {"loss": [3.5], "layers": [[{"n": 1}]]}),
        ({"n": 7, "val_loss": [3.5, 3.25], "step": [1, 2]}, {"n": [7, 7], "val_loss": [3.5, 3.25], "step": [1, 2]}),
        ({"n": 7, "loss": 3, "val_loss": [3.5, 3.25]}, {"n": [7], "loss": [3], "val_loss": [[3.5, 3.25]]}),
        ({"config": {"n": 7}, "history": {"loss": [3.5, 3]}}, {"config.n": [7, 7], "history.loss": [3.5, 3.0]}),
    ],
    ids=["scalars", "parts", "splits", "layers", "curve", "curve beside a loss", "history"],
)
def test_one_run(found: dict, cells: dict) -> None:
    assert shaped(found, "r.json").frame.to_dict("list") == cells


def test_what_is_beside_the_table_is_said() -> None:
    assert shaped({"name": "x", "runs": RECORDS}, "r").said == ("the table is 'runs'; left out beside it: 'name'",)
    assert shaped({"runs": RECORDS}, "r").said == ("the table is 'runs'",)
    assert shaped(RECORDS, "r").said == ()


STATE = {
    "epoch": 1.0,
    "total_flos": 123.0,
    "log_history": [
        {"loss": 3.5, "learning_rate": 0.1, "step": 10},
        {"eval_loss": 3.25, "epoch": 0.5, "num_input_tokens_seen": 9007199254740991, "step": 20},
        {"eval_loss": 3.125, "epoch": 1.0, "num_input_tokens_seen": 4000, "step": 40},
        {"train_runtime": 12.0, "train_loss": 3.0},
    ],
}


def test_a_trainer_state_gives_its_evaluations() -> None:
    table = shaped(STATE, "trainer_state.json")
    assert table.frame.to_dict("list") == {
        "eval_loss": [3.25, 3.125],
        "epoch": [0.5, 1.0],
        "num_input_tokens_seen": [9007199254740991, 4000],
        "step": [20, 40],
    }
    assert list(table.rows) == [2, 3]
    assert table.said == ("the rows are the entries of log_history with eval_loss",)


def test_a_trainer_state_without_evaluations_gives_its_losses() -> None:
    table = shaped({"log_history": STATE["log_history"][:1]}, "trainer_state.json")
    assert table.frame["loss"].tolist() == [3.5]


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            [[1, 2], [3, 4]],
            "r has rows without names of columns (pandas' orient 'values'); write it with orient='records'.",
        ),
        ({"train": RECORDS, "eval": RECORDS}, "r holds several tables ('train', 'eval'); keep one of them."),
        (3, "r holds no table; give records [{...}, ...] or columns {...}."),
        ([1], "r, row 1 is not a record; write every run as {column: value, ...}."),
        ({"columns": ["a"], "data": [[1], [1, 2]]}, "r, row 2 has 2 cells, but the list of columns has 1; correct it."),
        (
            {"columns": ["a"], "index": [0], "data": [[1], [2]]},
            "r has 2 rows, but its index has another length; correct it.",
        ),
        (
            {"log_history": [{"step": 1}]},
            "r has no loss in its log_history; give the state of a run that has been evaluated.",
        ),
        (
            {"a": {"0": 1}, "b": {"1": 2}},
            "r, column 'b' has other rows than the first column; give all columns the same rows.",
        ),
        (
            {"a": [1], "b": [1, 2]},
            "r, column 'b' has other rows than the first column; give all columns the same rows.",
        ),
    ],
)
def test_what_holds_no_table(found: object, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        shaped(found, "r")
    assert str(caught.value) == sentence


def test_usual_names() -> None:
    assert [is_usual(name) for name in ("loss", "Val-Loss", "config.num_params", "x", "0")] == [True] * 3 + [False] * 2
    assert not is_usual("params", "loss")
