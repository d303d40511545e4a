"""Cells as read: objects become columns, lists are left out, and nothing grows without a limit."""

import pytest

from sparselaw.errors import UserError
from sparselaw.runs.formats import raw
from sparselaw.runs.formats.raw import NoTableError, from_records, raw_table, without_lists


def cells(table: raw.Raw) -> dict[str, list]:
    return {name: table.frame[name].tolist() for name in table.frame.columns}


def test_objects_become_columns_with_dotted_names() -> None:
    table = from_records([{"config": {"n": 1, "opt": {"lr": 0.1}}}, {"config": {"n": 2, "opt": {"lr": 0.5}}}], "r.json")
    assert cells(table) == {"config.n": [1, 2], "config.opt.lr": [0.1, 0.5]}


def test_what_an_object_lacks_is_empty() -> None:
    table = from_records([{"config": {"name": "007"}}, {"config": {}}, {}], "r.json")
    assert table.frame["config.name"].isna().tolist() == [False, True, True]
    assert table.frame["config.name"][0] == "007"


def test_cells_that_are_partly_objects_stay_for_the_check() -> None:
    assert cells(from_records([{"loss": 3.5}, {"loss": {"mean": 3}}], "r")) == {"loss": [3.5, {"mean": 3}]}


def test_objects_are_not_followed_without_end() -> None:
    deep: dict = {}
    for _ in range(400):
        deep = {"a": deep, "b": 1}
    names = list(from_records([deep], "r").frame.columns)
    assert max(name.count(".") for name in names) == raw.DEEPEST


def test_columns_without_a_name_are_dropped() -> None:
    assert cells(raw_table([("", [0]), ("__index_level_0__", [0]), ("n", [7])], [1], "r")) == {"n": [7]}
    assert len(raw_table([("", [0])], [1], "r").frame) == 0


def test_whole_numbers_are_exact() -> None:
    assert cells(raw_table([("n", [2**53, 2**53 - 1]), ("m", [2**70, 1])], [1, 2], "r")) == {
        "n": [2**53, 2**53 - 1],
        "m": [2**70, 1],
    }


def test_columns_of_lists_are_left_out_and_named() -> None:
    table = from_records([{"n": 1, "tags": ["a"], "hosts": [1]}, {"n": 2, "tags": None, "hosts": []}], "r")
    kept = without_lists(table, ())
    assert cells(kept) == {"n": [1, 2]}
    assert kept.said == ("columns of lists are left out: 'tags', 'hosts'",)
    assert without_lists(from_records([{"n": 1}], "r"), ()).said == ()


def test_lists_that_are_asked_for_stay_for_the_check(read, refusal) -> None:
    text = '[{"N": 1e6, "D": 1e9, "loss": [3.5]}]'
    assert refusal(text, "r.json") == "r.json, row 1, column 'loss': [3.5] is not a number; correct or remove it."
    text = '[{"N": 1e6, "D": 1e9, "curve": [3.5], "val_loss": 3.25}]'
    assert read(text, "r.json").taken[0] == "columns of lists are left out: 'curve'"
    assert "column 'curve': [3.5] is not a number" in refusal(text, "r.json", columns={"loss": "curve"})


def test_a_row_that_is_no_object_is_refused() -> None:
    with pytest.raises(NoTableError, match=r"^r, row 2 is not a record; write every run as \{column: value, ...\}\.$"):
        from_records([{}, 3], "r")


def test_a_table_has_a_limit(monkeypatch) -> None:
    monkeypatch.setattr(raw, "MOST_CELLS", 10)
    assert len(from_records([{"a": 1, "b": 2}] * 5, "r").frame) == 5
    with pytest.raises(UserError, match=r"^r has more than 2 columns in 5 rows; keep those of the law\.$"):
        from_records([{"a": 1, "b": 2, "c": 3}] * 5, "r")
    with pytest.raises(UserError, match="has more than 2 columns in 5 rows"):
        from_records([{"a": {"b": 1, "c": 2, "d": 3}}] * 5, "r")
