"""A table of random values reads back with equal values from every format, and nothing hostile gives more than a sentence."""

import bz2
import csv
import gzip
import io
import json
import lzma
import re
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparselaw.errors import UserError
from sparselaw.runs import Runs, read_runs
from sparselaw.runs.formats.raw import Raw
from sparselaw.runs.readers import read_table

MANY = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
MOST = settings(MANY, max_examples=10_000)
NAMES = ("val_loss", "seed", "lr", "run", "num_params")

floats = st.floats(allow_nan=False, allow_infinity=False)
whole = st.integers(-(2**53), 2**53)
names = st.text("abz09_.-é", min_size=1, max_size=8).map("r".__add__) | st.sampled_from(["007", "r,1", 'r"x', "r;|x"])
rows = st.fixed_dictionaries(
    {"val_loss": floats, "seed": whole, "lr": floats | st.none(), "run": names, "num_params": st.integers(1, 2**53)}
)
tables = st.lists(rows, min_size=2, max_size=6).map(lambda found: pd.DataFrame(found, columns=list(NAMES)))


def written(cell: object) -> str:
    return "" if cell is None or cell != cell else repr(cell) if isinstance(cell, float) else str(cell)


def lines(frame: pd.DataFrame) -> list[list[str]]:
    """The cells as text: floats by their shortest representation."""
    cells = [[written(cell) for cell in frame[name].tolist()] for name in frame.columns]
    return [list(frame.columns), *(list(row) for row in zip(*cells, strict=True))]


def delimited(frame: pd.DataFrame, delimiter: str, end: str = "\n") -> bytes:
    sink = io.StringIO()
    csv.writer(sink, delimiter=delimiter, lineterminator=end).writerows(lines(frame))
    return sink.getvalue().encode()


def markdown(frame: pd.DataFrame) -> bytes:
    header, *rest = [[cell.replace("|", "\\|") for cell in line] for line in lines(frame)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] * len(header), *rest]).encode()


def records(frame: pd.DataFrame) -> list[dict]:
    return json.loads(json.dumps(frame.astype(object).where(frame.notna(), None).to_dict("records")))


def excel(frame: pd.DataFrame) -> bytes:
    book = openpyxl.Workbook()
    for row in [list(NAMES), *(list(record.values()) for record in records(frame))]:
        book.active.append(row)
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def binary(write: Callable[[pd.DataFrame, io.BytesIO], object], frame: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    write(frame, sink)
    return sink.getvalue()


def zipped(content: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("runs.csv", content)
    return sink.getvalue()


def as_json(found: object) -> bytes:
    return json.dumps(found).encode()


def by_columns(frame: pd.DataFrame) -> dict[str, list]:
    found = records(frame)
    return {name: [record[name] for record in found] for name in NAMES}


FORMATS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "commas": lambda frame: delimited(frame, ","),
    "semicolons": lambda frame: delimited(frame, ";", "\r\n"),
    "tabs": lambda frame: delimited(frame, "\t"),
    "bars": lambda frame: delimited(frame, "|"),
    "UTF-16": lambda frame: delimited(frame, ",").decode().encode("utf-16"),
    "Markdown": markdown,
    "records": lambda frame: as_json(records(frame)),
    "lines": lambda frame: b"\n".join(map(as_json, records(frame))),
    "columns": lambda frame: as_json(by_columns(frame)),
    "index": lambda frame: as_json({str(k): record for k, record in enumerate(records(frame))}),
    "split": lambda frame: as_json({"columns": NAMES, "data": [list(r.values()) for r in records(frame)]}),
    "schema": lambda frame: as_json({"schema": {"fields": []}, "data": records(frame)}),
    "object": lambda frame: as_json({"version": 1, "runs": records(frame)}),
    "nested": lambda frame: as_json([{"run": r.pop("run"), "a": {"b": r}} for r in records(frame)]),
    "Parquet": lambda frame: binary(pd.DataFrame.to_parquet, frame),
    "Feather": lambda frame: binary(pd.DataFrame.to_feather, frame),
    "Excel": excel,
    "gzip": lambda frame: gzip.compress(delimited(frame, ",")),
    "bzip2": lambda frame: bz2.compress(delimited(frame, ",")),
    "xz": lambda frame: lzma.compress(as_json(records(frame))),
    "zstd": lambda frame: zstandard.compress(delimited(frame, ",")),
    "zip": lambda frame: zipped(delimited(frame, ",")),
}
"""A writer of each format."""
ROOMS = {
    "text": ("commas", "semicolons", "tabs", "bars", "UTF-16", "Markdown"),
    "JSON": ("records", "lines", "columns", "index", "split", "schema", "object", "nested"),
    "binary": ("Parquet", "Feather", "Excel"),
    "compressed": ("gzip", "bzip2", "xz", "zstd", "zip"),
}


def expected_of(name: str, frame: pd.DataFrame) -> dict[str, list]:
    """The cells that a format can hold: openpyxl writes floats with 16 digits."""
    cells = {column: [None if cell != cell else cell for cell in frame[column].tolist()] for column in NAMES}
    if name == "Excel":
        for column in ("val_loss", "lr"):
            cells[column] = [None if cell is None else float(f"{cell:.16g}") for cell in cells[column]]
    return cells


def check_round_trip(name: str, frame: pd.DataFrame) -> None:
    found = read_table(FORMATS[name](frame), "runs").frame
    found.columns = [column.removeprefix("a.b.") for column in found.columns]
    cells = {column: [None if cell != cell else cell for cell in found[column].tolist()] for column in NAMES}
    expected = expected_of(name, frame)
    assert cells == expected, name
    if name != "Excel" and isinstance(cells["val_loss"][0], float):
        assert [*map(repr, cells["val_loss"])] == [*map(repr, expected["val_loss"])], name  # the sign of zero too


def test_every_format_is_in_a_room() -> None:
    assert sorted(FORMATS) == sorted(name for room in ROOMS.values() for name in room)


@pytest.mark.parametrize("room", ROOMS)
@MANY
@given(frame=tables)
def test_values_read_back_equal(room: str, frame: pd.DataFrame) -> None:
    for name in ROOMS[room]:
        check_round_trip(name, frame)


@pytest.mark.slow
@pytest.mark.parametrize("room", ROOMS)
@MOST
@given(frame=tables)
def test_values_read_back_equal_many_times(room: str, frame: pd.DataFrame) -> None:
    for name in ROOMS[room]:
        check_round_trip(name, frame)


@MANY
@given(frame=tables)
def test_tables_that_pandas_prints(frame: pd.DataFrame) -> None:
    text = frame.assign(run="x", lr=1.0)
    printed = pd.DataFrame(lines(text)[1:], columns=list(NAMES)).to_string()
    found = read_table(printed.encode(), "runs").frame
    assert found["val_loss"].tolist() == frame["val_loss"].tolist()
    assert found["seed"].tolist() == frame["seed"].tolist()


CELL = st.sampled_from(
    [
        "1e6",
        "0.5",
        "1.3B",
        "",
        " ",
        "007",
        "nan",
        "-",
        "|",
        "a b",
        "loss 3",
        "x=1",
        "---",
        "1 000",
        "1,5",
        '"',
        "\\",
        "\n",
        "\0",
    ]
)
HEADER = st.sampled_from(
    [
        "N",
        "D",
        "loss",
        "Step",
        "Value",
        "Wall time",
        "a - loss",
        "a - loss__MIN",
        "a - loss__MAX",
        "run",
        "",
        "columns",
        "data",
    ]
)
END = st.sampled_from(["\n", "\r\n", "\r", "\n\n"])
DELIMITER = st.sampled_from([",", ";", "\t", "|", " ", "  ", " | ", "=", ": "])


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """Tables in any dialect, of any cells."""
    width = draw(st.integers(1, 5))
    delimiter, end = draw(DELIMITER), draw(END)
    found = [draw(st.lists(HEADER, min_size=width, max_size=width))]
    for kind in draw(st.lists(st.sampled_from(["row", "rule", "longer"]), max_size=5)):
        cell = st.just("---") if kind == "rule" else CELL
        length = width + (kind == "longer")
        found.append(draw(st.lists(cell, min_size=length, max_size=length)))
    start = draw(st.sampled_from(["", "# c\n", "sep=;\n", "text\n\n", "\ufeff"]))
    return (start + end.join(map(delimiter.join, found))).encode()


KEY = st.sampled_from(
    [
        "N",
        "D",
        "loss",
        "val_loss",
        "columns",
        "index",
        "data",
        "schema",
        "fields",
        "log_history",
        "eval_loss",
        "runs",
        "0",
        "1",
    ]
) | st.text(max_size=2)
VALUE = st.recursive(
    st.none() | st.booleans() | whole | st.floats() | st.sampled_from(["1e6", "x", "1.3B"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEY, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = (
    VALUE | st.lists(st.dictionaries(KEY, VALUE, max_size=4), max_size=3) | st.dictionaries(KEY, VALUE, max_size=4)
)
STARTS = st.sampled_from(
    [
        b"PAR1",
        b"ARROW1\0\0",
        b"\x1f\x8b\x08",
        b"BZh9",
        b"\xfd7zXZ\0",
        b"PK\3\4",
        b"PK\5\6",
        b"\x28\xb5\x2f\xfd",
        b"\x80\4",
        b"{'",
        b"",
    ]
)
SMALL = pd.DataFrame(
    {"val_loss": [3.5, 3.25], "seed": [1, 2], "lr": [0.1, None], "run": ["a", "b"], "num_params": [10, 20]}
)
WRITTEN = {name: write(SMALL) for name, write in FORMATS.items()}
EDIT = st.tuples(st.integers(0, 10**6), st.integers(0, 9), st.binary(max_size=6))


@st.composite
def edited(draw: st.DrawFn) -> bytes:
    """A file of any format with some bytes changed, or without its end."""
    content = WRITTEN[draw(st.sampled_from(sorted(WRITTEN)))]
    for start, length, new in draw(st.lists(EDIT, max_size=3)):
        start %= len(content) + 1
        content = content[:start] + new + content[start + length :]
    return content[: draw(st.integers(1, len(content) + 1))]


hostile = st.one_of(
    st.binary(max_size=200),
    st.tuples(STARTS, st.binary(max_size=100)).map(b"".join),
    texts(),
    OBJECTS.map(as_json),
    edited(),
)
ENDING = st.sampled_from(["", ".csv", ".json", ".jsonl", ".gz", ".zip", ".xlsx", ".feather", ".parquet", ".md", ".txt"])


def check_sentence(error: UserError) -> None:
    assert re.fullmatch(r"[^\n\r]{10,1000}\.", str(error)), str(error)


def check_hostile(content: bytes, ending: str) -> None:
    try:
        found = read_table(content, f"runs{ending}")
    except UserError as error:
        check_sentence(error)
    else:
        assert isinstance(found, Raw)
        assert len(found.frame) == len(found.rows)
        assert all("\n" not in sentence for sentence in found.said)


def check_hostile_folder(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder) / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        try:
            found = read_runs(folder)
        except UserError as error:
            check_sentence(error)
        else:
            assert isinstance(found, Runs)
            assert len(found) > 0


PLACES = st.sampled_from(
    [
        "a.csv",
        "b.json",
        "c.jsonl",
        "a/metrics.csv",
        "a/config.json",
        "b/results.json",
        "b/trainer_state.json",
        "c/x.csv.gz",
        "d.pt",
    ]
)
GOOD = st.sampled_from(
    [
        b"step,N,D,loss\n1,1e6,1e9,3.5\n2,1e6,2e9,\n",
        b'{"N": 1e6, "D": 1e9, "loss": 3.5}',
        b'{"lr": 0.1, "tags": [1]}',
        b'{"log_history": [{"eval_loss": 3.5, "step": 1}]}',
    ]
)
folders = st.dictionaries(PLACES, GOOD | hostile, max_size=4)


@MANY
@given(hostile, ENDING)
def test_hostile_files_end_in_a_table_or_a_sentence(content: bytes, ending: str) -> None:
    check_hostile(content, ending)


@MANY
@given(folders)
def test_hostile_folders_end_in_runs_or_a_sentence(files: dict[str, bytes]) -> None:
    check_hostile_folder(files)


@pytest.mark.slow
@MOST
@given(hostile, ENDING)
def test_many_hostile_files(content: bytes, ending: str) -> None:
    check_hostile(content, ending)


@pytest.mark.slow
@MOST
@given(folders)
def test_many_hostile_folders(files: dict[str, bytes]) -> None:
    check_hostile_folder(files)
