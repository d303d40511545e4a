"""The files of a folder that hold tables, and which folders are Sparselaw's own sweeps."""

import gzip
import json
import os

import pytest

from sparselaw.errors import UserError
from sparselaw.runs.formats.log_tables import files_in, is_sweep, paths_in, some
from sparselaw.runs.readers import read_table

RESULT = {
    "status": "finished",
    "nonzero_params": 1000,
    "sparsity": 0.75,
    "data": 5e4,
    "data_unit": "tokens",
    "loss": 2.5,
}
CONFIG = {"model": {}, "data": {}, "pruning": {}, "learning_rate": {}, "steps": 1}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"a/result.json": RESULT}, True),
        ({"a/result.json": RESULT | {"status": "diverged"}}, True),
        ({"a/failed.json": {"reason": "no more memory"}}, True),
        ({"a/config.json": CONFIG}, True),
        ({"config.json": CONFIG}, True),
        ({"result.json": RESULT}, True),
        ({"a/config.json": {"seed": 3}}, False),
        ({"a/result.json": {"loss": 3}}, False),
        ({"a/failed.json": {}}, False),
        ({"config.json": [1]}, False),
        ({"a.csv": 1}, False),
    ],
)
def test_sparselaws_own_sweeps(leave, files: dict, expected: bool) -> None:
    folder = leave({name: json.dumps(content) for name, content in files.items()})
    assert is_sweep(str(folder)) is expected


def tables(folder) -> tuple[dict, list[str]]:
    files, said = files_in(str(folder), paths_in(str(folder)), {}, read_table)
    return {"/".join(place): (file.kind.has_loss, file.kind.is_log) for place, file in files.items()}, said


def test_what_files_hold(leave) -> None:
    folder = leave(
        {
            "a.csv": "step,val_loss\n1,3.5\n",
            "b.jsonl.gz": gzip.compress(b'{"step": 1, "val_loss": 3.5}'),
            "c.json": '{"lr": 0.1}',
            "d.json.gz": gzip.compress(b'{"loss": 3.5}'),
            "e.json": '[{"loss": 3.5}, {"loss": 3}]',
            "f/trainer_state.json": '{"log_history": [{"eval_loss": 3.5}]}',
            "g.csv": "step,val_loss\n",
            "h.json": "[1, 2]",
            "i.csv": "",
            "plot.png": b"\x89PNG",
        }
    )
    assert tables(folder) == (
        {
            "a.csv": (True, True),
            "b.jsonl.gz": (True, True),
            "c.json": (False, False),
            "d.json.gz": (True, False),
            "e.json": (True, True),
            "f/trainer_state.json": (True, True),
            "g.csv": (False, True),
        },
        ["files that hold no table are left out: h.json, i.csv"],
    )


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.json", '{"loss": ', r"sweep/a\.json is not JSON \(Expecting value"),
        ("a/log.jsonl", '{"loss": 3}\n{"loss', r"sweep/a/log\.jsonl, line 2 is not JSON"),
        ("a.csv", "step,loss\n1,2,3\n", r"sweep/a\.csv, row 2 has 3 cells, but the header has 2; correct it\.$"),
        ("a.csv", "loss,loss\n1,2\n", r"sweep/a\.csv has two columns named 'loss'; rename or remove one\.$"),
        ("a.csv.gz", b"\x1f\x8b", r"sweep/a\.csv\.gz is a damaged gzip file"),
    ],
)
def test_a_damaged_file_is_named(leave, name: str, content: str | bytes, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        tables(leave({name: content}))


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every file")
def test_a_file_that_may_not_be_read(leave) -> None:
    folder = leave({"a.csv": "step,loss\n1,3\n"})
    (folder / "a.csv").chmod(0)
    with pytest.raises(UserError, match=r"a\.csv cannot be read \("):
        tables(folder)


def test_names_in_a_sentence() -> None:
    assert some(["a", "b"]) == "a, b"
    assert some(["a"] * 11) == ", ".join(["a"] * 10) + ", ..."
