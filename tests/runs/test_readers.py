"""What the readers accept, and the one sentence for everything else."""

import io
import json
import os
import re
import subprocess
import sys
import time
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sparselaw.errors import UserError
from sparselaw.runs import read_runs

CSV = "run_id,nonzero_params,sparsity,data,loss\na,1e6,0,2e9,3.5\nb,2e6,0.5,2e9,3.25\n"
RECORDS = [
    {"run_id": "a", "nonzero_params": 1e6, "sparsity": 0, "data": 2e9, "loss": 3.5},
    {"run_id": "b", "nonzero_params": 2_000_000, "sparsity": 0.5, "data": "2B", "loss": 3.25},
]
COLUMNS = {name: [record[name] for record in RECORDS] for name in RECORDS[0]}


def parquet(table):
    sink = io.BytesIO()
    pq.write_table(table if isinstance(table, pa.Table) else pa.table(table), sink)
    return sink.getvalue()


def numeric(**changes):
    columns = {"nonzero_params": [1e6, 2e6], "sparsity": [0.0, 0.5], "data": [2e9, 2e9], "loss": [3.5, 3.25]}
    return {**columns, **changes}


@pytest.mark.parametrize(
    ("content", "name"),
    [
        pytest.param(CSV, "runs.csv", id="csv"),
        pytest.param(CSV, "runs", id="csv-by-content"),
        pytest.param("\ufeff" + CSV.replace("\n", "\r\n"), "runs.csv", id="csv-excel"),
        pytest.param(CSV.replace("\n", "\r"), "runs.csv", id="csv-old-mac"),
        pytest.param(CSV.replace(",", ";"), "runs.csv", id="semicolons"),
        pytest.param(CSV.replace(",", "\t"), "runs.tsv", id="tabs"),
        pytest.param(CSV.replace(",", " , "), "runs.csv", id="spaces"),
        pytest.param(CSV.replace("\n", "\n\n"), "runs.csv", id="blank-lines"),
        pytest.param(CSV.replace("1e6", '"1,0e6"').replace(",0e6", "M"), "runs.csv", id="quoted-count"),
        pytest.param("\n".join(f"{i - 1 if i else ''},{x}" for i, x in enumerate(CSV.split())), "r.csv", id="index"),
        pytest.param(json.dumps(RECORDS), "runs.json", id="records"),
        pytest.param("\ufeff " + json.dumps(RECORDS), "runs.txt", id="records-by-content"),
        pytest.param(json.dumps(COLUMNS), "runs.json", id="lists"),
        pytest.param(
            json.dumps({k: dict(zip("97", v, strict=True)) for k, v in COLUMNS.items()}), "r.json", id="pandas"
        ),
        pytest.param(parquet({**numeric(), "run_id": ["a", "b"]}), "runs.parquet", id="parquet"),
        pytest.param(parquet({**numeric(), "run_id": ["a", "b"]}), "runs.csv", id="parquet-by-content"),
        pytest.param(
            parquet(pa.Table.from_pandas(pd.DataFrame({**numeric(), "run_id": ["a", "b"]}, index=[3, 9]))),
            "r",
            id="parquet-index",
        ),
        pytest.param(
            parquet(
                {
                    **numeric(data=[Decimal(2 * 10**9)] * 2, loss=pa.array([3.5, 3.25], pa.float16())),
                    "run_id": ["a", "b"],
                }
            ),
            "runs.parquet",
            id="parquet-decimal-half",
        ),
        pytest.param(
            parquet({**numeric(nonzero_params=pa.array(["1M", "2M"]).dictionary_encode()), "run_id": ["a", "b"]}),
            "runs.parquet",
            id="parquet-categorical",
        ),
    ],
)
def test_reads(read, content, name):
    runs = read(content, name)
    assert runs.name == name
    assert runs.warnings == ()
    np.testing.assert_array_equal(runs.nonzero_params, [1e6, 2e6])
    np.testing.assert_array_equal(runs.sparsity, [0, 0.5])
    np.testing.assert_array_equal(runs.data, [2e9, 2e9])
    np.testing.assert_array_equal(runs.loss, [3.5, 3.25])
    assert list(runs.table.columns) == ["nonzero_params", "sparsity", "data", "loss", "run_id"]
    assert [text.strip() for text in runs.table["run_id"]] == ["a", "b"]


def test_other_columns_are_kept_as_they_were(read):
    runs = read(
        'loss,nonzero_params,sparsity,data,seed,lr,tag,note\n3,1e6,0,1e9,7,1e-3,007,"a\nb"\n2,1e6,.5,1e9,8,,1,\n'
    )
    assert runs.table["seed"].dtype == np.int64
    np.testing.assert_array_equal(runs.table["lr"], [1e-3, np.nan])
    assert list(runs.table["tag"]) == ["007", "1"]
    assert list(runs.table["note"]) == ["a\nb", ""]


def test_columns_are_mapped_and_the_mapped_one_wins(read):
    runs = read(
        "n,sparsity,data,loss,val\n1M,0,1e9,9,3\n2M,0.5,1e9,9,2\n", columns={"nonzero_params": "n", "loss": "val"}
    )
    assert list(runs.table.columns) == ["nonzero_params", "sparsity", "data", "loss"]
    np.testing.assert_array_equal(runs.loss, [3, 2])


PERCENT = "if it is in percent, write 75% as 0.75, or give sparsity=NAME/100 in columns"
CELL = "correct or remove it."
FILL = 'fill it, or leave such runs out with where "loss > 0".'


def advice(problem):
    return FILL if "empty" in problem else CELL


@pytest.mark.parametrize(
    ("cell", "column", "problem"),
    [
        ("", "loss", "is empty or NaN"),
        ("abc", "loss", "'abc' is not a number"),
        ("1.3B", "loss", "'1.3B' is not a number"),
        ("0x10", "loss", "'0x10' is not a number"),
        ("1_000", "loss", "'1_000' is not a number"),
        ("３", "loss", "'３' is not a number"),
        ("٣", "loss", "'٣' is not a number"),
        ("True", "loss", "'True' is not a number"),
        ('"3,5"', "loss", "'3,5' is not a number"),
        ("nan", "loss", "is empty or NaN"),
        ("inf", "loss", "'inf' is not a number"),
        ("1e400", "loss", "inf is not finite"),
        ("-1e400", "loss", "-inf is not finite"),
        ("0", "loss", "0 is not positive"),
        ("-2", "data", "-2 is not positive"),
        ("0", "nonzero_params", "0 is not positive"),
        ("1e-400", "nonzero_params", "0 is not positive"),
        ("many", "nonzero_params", "'many' is not a count such as 1.3B or 4.2e21"),
        ("1", "sparsity", "1 is outside [0, 1), the fraction of zeros"),
        ("-0.1", "sparsity", "-0.1 is outside [0, 1), the fraction of zeros"),
        ("75", "sparsity", f"75 is outside [0, 1), the fraction of zeros; {PERCENT}"),
        ("50 %", "loss", "'50 %' is not a number"),
        ("x" * 200, "loss", f"'{'x' * 17}...{'x' * 18}' is not a number"),
    ],
)
def test_bad_cell_of_csv(refusal, cell, column, problem):
    values = {"nonzero_params": "1e6", "sparsity": "0.5", "data": "1e9", "loss": "3"}
    good, bad = ",".join(values.values()), ",".join({**values, column: cell}.values())
    expected = f"runs.csv, row 3, column '{column}': {problem}; {advice(problem)}"
    assert refusal(f"{','.join(values)}\n{good}\n{bad}\n") == expected


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("null", "is empty or NaN"),
        ("NaN", "is empty or NaN"),
        ("Infinity", "inf is not finite"),
        ("1e400", "inf is not finite"),
        ("1" + "0" * 400, "is too large for a number"),
        ("true", "True is not a number"),
        ('"3 nats"', "'3 nats' is not a number"),
        ("[3]", "[3] is not a number"),
        ('{"mean": 3}', "{'mean': 3} is not a number"),
        ("-3", "-3 is not positive"),
        ('"\\ud800"', "'\\ud800' is not a number"),
    ],
)
@pytest.mark.parametrize("form", ["records", "lists", "pandas"])
def test_bad_cell_of_json(refusal, form, cell, problem):
    good = {"nonzero_params": "1e6", "sparsity": "0.5", "data": "1e9", "loss": "3"}
    rows = [good, {**good, "loss": cell}]
    if form == "records":
        text = "[" + ",".join("{" + ",".join(f'"{k}": {v}' for k, v in row.items()) + "}" for row in rows) + "]"
    else:
        column = "[{}, {}]" if form == "lists" else '{{"7": {}, "x": {}}}'
        text = "{" + ",".join(f'"{k}": {column.format(*(r[k] for r in rows))}' for k in good) + "}"
    row = "'x'" if form == "pandas" else 2
    assert refusal(text, "runs.json") == f"runs.json, row {row}, column 'loss': {problem}; {advice(problem)}"


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        pytest.param([3.5, None], "is empty or NaN", id="null"),
        pytest.param([3.5, float("inf")], "inf is not finite", id="inf"),
        pytest.param(pa.array([True, True]), "True is not a number", id="bool"),
        pytest.param(
            pa.array([1, 2], pa.timestamp("s")), "Timestamp('1970-01-01 00:00:01') is not a number", id="time"
        ),
        pytest.param(pa.array([1, 2], pa.date32()), "datetime.date(1970, 1, 2) is not a number", id="date"),
        pytest.param([[3.5], [3.25]], "[3.5] is not a number", id="nested"),
        pytest.param([b"3", b"2"], "b'3' is not a number", id="bytes"),
        pytest.param([Decimal("3.5"), None], "is empty or NaN", id="decimal-null"),
        pytest.param(pa.array([3.5, -1], pa.float32()), "-1 is not positive", id="float32"),
    ],
)
def test_bad_cell_of_parquet(refusal, cells, problem):
    row = 2 if any(mark in problem for mark in ("empty", "inf", "positive")) else 1
    sentence = refusal(parquet(numeric(loss=cells)), "runs.parquet")
    assert sentence == f"runs.parquet, row {row}, column 'loss': {problem}; {advice(problem)}"


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        pytest.param("", "r.csv", "r.csv is empty; give a table with one row per run.", id="empty"),
        pytest.param(" \n\n", "r.json", "r.json is empty; give a table with one row per run.", id="blank"),
        pytest.param(CSV.split()[0], "r.csv", "r.csv holds no runs; give a table with one row per run.", id="header"),
        pytest.param("[]", "r.json", "r.json holds no runs;", id="no-records"),
        pytest.param("{}", "r.json", "r.json holds no runs;", id="no-columns"),
        pytest.param(json.dumps({name: [] for name in COLUMNS}), "r.json", "r.json holds no runs;", id="no-rows"),
        pytest.param(
            CSV.replace("loss", "val"),
            "r.csv",
            "r.csv has no column 'loss' (its columns: 'run_id', 'nonzero_params', 'sparsity', 'data', 'val'); "
            "give its name, or an expression over columns, with columns={'loss': NAME}.",
            id="missing-column",
        ),
        pytest.param(CSV.replace("run_id", "loss"), "r.csv", "r.csv has two columns named 'loss'; rename", id="twice"),
        pytest.param(
            CSV + "c,1e6\n", "r.csv", "r.csv, row 4 has 2 cells, but the header has 5; correct it.", id="short"
        ),
        pytest.param(CSV + "c,1,1,1,1,1\n", "r.csv", "r.csv, row 4 has 6 cells, but the header has 5;", id="long"),
        pytest.param(
            CSV + '"c,1e6,0',
            "r.csv",
            "r.csv, after row 3, is not CSV (unexpected end of data); correct it there.",
            id="quote",
        ),
        pytest.param(CSV + "x" * 200_000, "r.csv", "r.csv, after row 3, is not CSV (field larger", id="huge-cell"),
        pytest.param(
            "hello world\n!\n", "r.csv", "r.csv has no column 'nonzero_params' (its columns: 'hello world')", id="prose"
        ),
        pytest.param(CSV.encode("utf-16")[:-1], "r.csv", "r.csv is not UTF-16 text (byte", id="half of UTF-16"),
        pytest.param(CSV.replace("a", "é").encode("latin-1"), "r.csv", "r.csv is not UTF-8 text", id="latin-1"),
        pytest.param(b"\0\1\2\3", "r.csv", "r.csv is not text; give a CSV, JSON or Parquet file.", id="binary"),
        pytest.param(
            CSV,
            "r.parquet",
            "r.parquet is not a Parquet file; give its name the ending of its format.",
            id="fake-parquet",
        ),
        pytest.param(b"PAR1PAR1", "r.parquet", "r.parquet cannot be read as Parquet (", id="broken-parquet"),
        pytest.param(b"PK\3\4", "r.xlsx", "r.xlsx is a damaged zip or Excel file (File is not a zip", id="excel"),
        pytest.param(CSV, "r.json", "r.json is not JSON (Expecting value", id="csv-as-json"),
        pytest.param(
            '[{"loss": 1, "loss": 2}]', "r.json", "r.json is not JSON ('loss' is given twice)", id="twice-json"
        ),
        pytest.param(DEEP, "r.json", "r.json is nested too deeply for a table; give records or columns.", id="deep"),
        pytest.param(
            json.dumps([RECORDS[0]]).replace("3.5", "[" * 900 + "]" * 900),
            "r.json",
            "r.json, row 1, column 'loss': [[[...]]] is not a number; correct or remove it.",
            id="deep-cell",
        ),
        pytest.param("[1, 2]", "r.json", "r.json, row 1 is not a record; write every run as {column: value", id="list"),
        pytest.param(
            "3.5", "r.json", "r.json holds no table; give records [{...}, ...] or columns {...}.", id="scalar"
        ),
        pytest.param(
            '{"a": [1], "b": [1, 2]}', "r.json", "r.json, column 'b' has other rows than the first", id="ragged"
        ),
        pytest.param('{"a": {"0": 1}, "b": {"1": 2}}', "r.json", "r.json, column 'b' has other rows", id="other-rows"),
        pytest.param(
            json.dumps([{**RECORDS[0], "tag": [1]}, {**RECORDS[1], "tag": 1}]),
            "r.json",
            "r.json, row 1, column 'tag': [1] is nested, but a cell must hold one value;",
            id="nested",
        ),
        pytest.param(
            json.dumps([*RECORDS, {"loss": 3}]),
            "r.json",
            "r.json, row 3, column 'nonzero_params': is empty or NaN",
            id="sparse",
        ),
    ],
)
def test_refuses(refusal, content, name, sentence):
    found = refusal(content, name)
    assert found.startswith(sentence)
    assert found.endswith(".")
    assert "\n" not in found


def test_wrong_mapping_is_told(refusal):
    assert refusal(CSV, columns={"loss": "val"}).endswith("'data', 'loss'); correct columns.")
    assert refusal(CSV, columns={"seed": "run_id"}) == (
        "'seed' cannot be mapped to a column; give one of nonzero_params, sparsity, data, loss, total_params, density, "
        "flops, unique_data, run."
    )
    sentence = refusal(CSV.replace("3.25", "x").replace("loss", "val"), columns={"loss": "val"})
    assert sentence == f"runs.csv, row 3, column 'val': 'x' is not a number; {CELL}"


def test_blank_lines_and_quoted_newlines_count_as_a_spreadsheet_counts(refusal):
    text = 'note,nonzero_params,sparsity,data,loss\n"a\nb",1e6,0,1e9,3\n\nc,1e6,0,1e9,x\n'
    assert refusal(text).startswith("runs.csv, row 4, column 'loss'")


@pytest.mark.parametrize("source", ["nowhere.csv", "t5"])
def test_no_such_file(source):
    with pytest.raises(UserError, match=r"a file nor a folder; give one, or a published sweep \(t5-c4, vit-jft\)\.$"):
        read_runs(source)


@pytest.mark.parametrize("source", ["a\0b", "x" * 5000])
def test_no_such_path(source):
    with pytest.raises(UserError, match=r"\.$"):
        read_runs(source)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no FIFOs")
def test_fifo_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "fifo.csv")
    with pytest.raises(UserError, match=r"is not a regular file; copy the table into one\.$"):
        read_runs(tmp_path / "fifo.csv")


def test_parquet_without_pyarrow(refusal, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert (
        refusal(b"PAR1", "r.parquet")
        == "r.parquet is a Parquet file, which needs pyarrow; install it, or give CSV or JSON."
    )


def test_importing_runs_is_light():
    code = "import sys, sparselaw.runs; print([m for m in ('pandas', 'pyarrow', 'pooch', 'torch') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_hundred_thousand_runs_are_read_without_waiting(read):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "run_id": [f"run-{i}" for i in range(100_000)],
            "nonzero_params": rng.uniform(1e6, 1e9, 100_000),
            "sparsity": rng.uniform(0, 0.9, 100_000),
            "data": rng.uniform(1e9, 1e10, 100_000),
            "loss": rng.uniform(2, 3, 100_000),
        }
    )
    content = table.to_csv(index=False)
    start = time.process_time()
    runs = read(content)
    assert time.process_time() - start < 10.0  # a second or two here; minutes if it were quadratic
    np.testing.assert_array_equal(runs.loss, table["loss"])
    bad = re.sub(r"\nrun-99999,[^,]*", "\nrun-99999,x", content)
    with pytest.raises(UserError, match=r"row 100001, column 'nonzero_params': 'x' is not a count"):
        read(bad)
