"""Parquet and Feather files, and the sentence for each that is damaged."""

import io
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from sparselaw.errors import UserError
from sparselaw.runs.formats.arrow import read_arrow

FRAME = pd.DataFrame({"N": [2**53, 1], "loss": [0.1, 5e-324], "run": ["007", None]})


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def feather(table: pa.Table, **options) -> bytes:
    sink = io.BytesIO()
    pyarrow.feather.write_feather(table, sink, **options)
    return sink.getvalue()


@pytest.mark.parametrize("write", [parquet, feather])
def test_values_come_through_exactly(write) -> None:
    found = read_arrow(write(pa.Table.from_pandas(FRAME)), "r")
    assert found.frame["N"].tolist() == [2**53, 1]
    assert found.frame["loss"].tolist() == [0.1, 5e-324]
    assert found.frame["run"].tolist()[0] == "007"
    assert found.frame["run"].isna().tolist() == [False, True]
    assert list(found.rows) == [1, 2]


@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
def test_feather_is_told_by_its_content(read, compression: str) -> None:
    table = pa.table({"N": [1e6], "D": [1e9], "loss": [3.5]})
    assert read(feather(table, compression=compression), "runs").loss.tolist() == [3.5]


@pytest.mark.parametrize("write", [parquet, feather])
def test_objects_become_columns_and_lists_are_left_out(read, write) -> None:
    table = pa.table({"N": [1e6], "D": [1e9], "loss": [3.5], "config": [{"lr": 0.1, "tags": ["a"]}], "curve": [[1.0]]})
    runs = read(write(table), "r.parquet")
    np.testing.assert_array_equal(runs.table["config.lr"], [0.1])
    assert runs.taken[0] == "columns of lists are left out: 'config.tags', 'curve'"


@pytest.mark.parametrize("write", [parquet, feather])
def test_no_part_of_a_file_is_a_file(write) -> None:
    content = write(pa.Table.from_pandas(FRAME))
    kind = "Parquet" if write is parquet else "Feather"
    for length in range(6, len(content), 97):
        with pytest.raises(UserError, match=rf"^r cannot be read as {kind} \(.*\); give another file\.$"):
            read_arrow(content[:length], "r")


def test_without_pyarrow(refusal, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    sentence = "r is a Feather file, which needs pyarrow; install it, or give CSV or JSON."
    assert refusal(b"ARROW1\0\0", "r") == sentence


def test_a_name_does_not_make_a_feather_file(refusal) -> None:
    assert refusal("a,b\n", "r.feather") == "r.feather is not a Feather file; give its name the ending of its format."
