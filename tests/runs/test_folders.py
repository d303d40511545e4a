import json

import pytest

from sparselaw.errors import UserError
from sparselaw.runs import read_runs
from sparselaw.runs.folders import parse_result, runs_in, scan

RESULT = {
    "status": "finished",
    "nonzero_params": 1000,
    "sparsity": 0.75,
    "data": 50_000,
    "data_unit": "tokens",
    "loss": 2.5,
    "loss_unit": "nats",
    "width": 16,
    "seconds": 3.5,
    "versions": {"torch": "2.13"},
}


def leave(folder, name, *, result=None, failed=None, config=True):
    run = folder / name
    run.mkdir(parents=True)
    if config:
        (run / "config.json").write_text(json.dumps({"seed": 3}))
    if result:
        (run / "result.json").write_text(json.dumps(RESULT | result))
    if failed:
        (run / "failed.json").write_text(json.dumps({"reason": failed}))
    return run


@pytest.fixture
def folder(tmp_path):
    leave(tmp_path, "a", result={"loss": 2.5})
    leave(tmp_path, "b", result={"loss": 2.25, "sparsity": 0.0})
    leave(tmp_path, "c", result={"status": "diverged", "loss": None})
    leave(tmp_path, "d", failed="no more memory")
    leave(tmp_path, "e")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes.txt").write_text("not a run")
    return tmp_path


def test_every_run_is_in_one_state(folder):
    states = scan(str(folder))
    assert {s.name: s.state for s in states} == {
        "a": "finished", "b": "finished", "c": "diverged", "d": "failed", "e": "unfinished",
    }  # fmt: skip
    assert [s.reason for s in states] == ["", "", "", "no more memory", ""]
    assert states[0].config == {"seed": 3}


def test_the_finished_runs_are_a_table(folder):
    runs = read_runs(folder)
    assert runs.table["run_id"].tolist() == ["a", "b"]
    assert runs.loss.tolist() == [2.5, 2.25]
    assert runs.sparsity.tolist() == [0.75, 0]
    assert runs.data_unit == "tokens"
    assert runs.table["width"].tolist() == [16, 16]
    assert not {"versions", "status"} & set(runs.table.columns)
    assert any("not in the table: 1 diverged, 1 failed, 1 unfinished" in sentence for sentence in runs.warnings)


def test_a_table_of_a_folder_survives_as_a_file(folder, tmp_path):
    runs = runs_in(str(folder))
    runs.write(tmp_path / "runs.csv")
    again = read_runs(tmp_path / "runs.csv")
    assert again.loss.tolist() == runs.loss.tolist()
    assert again.data_unit == "tokens"
    assert again.table["run_id"].tolist() == ["a", "b"]


def test_the_same_over_an_address(folder):
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.put(str(folder), "/sweep", recursive=True)
    try:
        assert scan("memory://sweep") == scan(str(folder))
        assert runs_in("memory://sweep").loss.tolist() == [2.5, 2.25]
    finally:
        memory.rm("/sweep", recursive=True)


@pytest.mark.parametrize("length", range(0, len(json.dumps(RESULT)), 7))
def test_no_part_of_a_result_is_a_result(length):
    assert parse_result(json.dumps(RESULT)[:length].encode()) is None


@pytest.mark.parametrize("content", [b"[]", b"{}", b"3", b'{"status": "finished"}', b"\xff\xfe"])
def test_other_content_is_no_result(content):
    assert parse_result(content) is None


def test_a_damaged_mark_still_marks(tmp_path):
    run = leave(tmp_path, "a", failed="something")
    (run / "failed.json").write_text("{")
    (state,) = scan(str(tmp_path))
    assert (state.state, state.reason) == ("failed", "unknown")


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda folder: None, r"holds no finished run; train some"),
        (lambda folder: leave(folder, "a"), r"holds no finished run \(1 unfinished\)"),
        (
            lambda folder: [
                leave(folder, "a", result={"width": 8}),
                leave(folder, "b", result={"data_unit": "images"}),
            ],
            r"holds runs on images and on tokens",
        ),
    ],
    ids=["empty", "unfinished", "mixed"],
)
def test_a_folder_without_a_table_says_why(tmp_path, make, complaint):
    make(tmp_path)
    with pytest.raises(UserError, match=complaint):
        read_runs(tmp_path)


@pytest.mark.parametrize(
    ("source", "complaint"),
    [("nowhere", "cannot be read as a folder of runs"), ("nothing://there", "cannot be opened")],
)
def test_a_place_that_is_not_there(tmp_path, source, complaint):
    with pytest.raises(UserError, match=complaint):
        scan(source if "://" in source else str(tmp_path / source))


def test_columns_are_for_files(folder):
    with pytest.raises(UserError, match="leave columns out"):
        read_runs(folder, columns={"loss": "val"})
