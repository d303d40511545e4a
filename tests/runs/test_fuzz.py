"""Whatever a file holds, reading it ends in checked runs or in one sentence: no other error, and no warning."""

import io
import json
import re
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sparselaw.errors import UserError
from sparselaw.runs import COLUMNS, Runs, read_runs

ENDINGS = st.sampled_from([".csv", ".json", ".parquet", ".tsv", ".gz", ""])
TABLE = pd.DataFrame(
    {
        "run_id": ["a", "b", "é"],
        "nonzero_params": [1_000_000, 2_000_000, 2_000_000],
        "sparsity": [0.0, 0.5, 0.75],
        "data": [2e9, 2e9, 4e9],
        "loss": [3.5, 3.25, 3.125],
    }
)


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


VALID = {
    ".csv": TABLE.to_csv(index=False).encode(),
    ".json": TABLE.to_json(orient="records").encode(),
    ".JSON": TABLE.to_json().encode(),
    ".parquet": parquet(pa.Table.from_pandas(TABLE)),
}


def read_or_refuse(content: bytes, ending: str) -> bool:
    """Whether `content` is a table of runs; fails on anything but checked runs or one sentence."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"runs{ending}"
        path.write_bytes(content)
        try:
            runs = read_runs(path)
        except UserError as error:
            refusal = str(error)
        else:
            assert_checked(runs)
            return True
    assert re.fullmatch(r"[^\n\r]{10,700}\.", refusal), refusal
    assert path.name in refusal or "may both be" in refusal
    return False


def assert_checked(runs: Runs) -> None:
    assert list(runs.table.columns[:4]) == list(COLUMNS)
    assert (runs.table.dtypes.iloc[:4] == np.float64).all()
    assert runs.table.columns.is_unique
    assert list(runs.table.index) == list(range(len(runs)))
    assert len(runs) > 0
    assert ((runs.sparsity >= 0) & (runs.sparsity < 1)).all()
    for values in (runs.nonzero_params, runs.data, runs.loss):
        assert (np.isfinite(values) & (values > 0)).all()


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=300), ENDINGS)
@example(b"PAR1", ".parquet")
@example(b"\xef\xbb\xbf", ".csv")
@example(b"\n\n,", ".csv")
@example(b"[{}]", ".json")
@example(b"{}", ".json")
@example(b'{"a": {}}', ".json")
@example(b'[{"\\ud800": "\\ud800"}]', ".json")
@example(b"1" * 5000, ".json")
@example(b'{"a":' * 50_000, ".json")
@example(b"[" * 50_000, ".csv")
def test_any_bytes(content, ending):
    read_or_refuse(content, ending)


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=200), ENDINGS)
def test_any_text(text, ending):
    read_or_refuse(text.encode("utf-8", "surrogatepass"), ending)


edits = st.lists(
    st.tuples(
        st.integers(0, 10_000),
        st.integers(0, 12),
        st.binary(max_size=12) | st.sampled_from([b'"', b"\n", b"\xff", b"1e400", b",,"]),
    ),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, max_examples=500)
@given(st.sampled_from(sorted(VALID)), edits)
def test_valid_files_with_some_bytes_changed(ending, edits):
    content = VALID[ending]
    for start, length, replacement in edits:
        start %= len(content) + 1
        content = content[:start] + replacement + content[start + length :]
    read_or_refuse(content, ending)


CELLS = st.one_of(
    st.sampled_from(
        ["1e6", "0.5", "1.3B", "300e9", "3.5", "", " ", "0", "-0", "-1", "75", "50%", "True", "null", "3,5"]
    ),
    st.sampled_from(
        ["nan", "inf", "-inf", "1e400", "1e-400", "0x10", "1_000", "１", "٣", "1e+", "+1", ".5", "5.", "1;2"]
    ),
    st.sampled_from(["a\nb", "a\r\nb", "\r", '"', '""', "\u2028", "\u00a0", "\x85", "1\u00a0", "1" * 400, "1" * 5000]),
    st.floats().map(repr),
    st.integers().map(str),
    st.text(max_size=8),
)


@settings(deadline=None, max_examples=200)
@given(st.data(), st.sampled_from([",", ";", "\t"]), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_csv_of_any_cells(data, delimiter, end, quoted):
    header = data.draw(st.permutations([*COLUMNS, data.draw(CELLS)]))
    rows = data.draw(st.lists(st.lists(CELLS, min_size=5, max_size=5), max_size=3))
    quote = ('"{}"' if quoted else "{}").format
    lines = [
        delimiter.join(quote(cell.replace('"', '""') if quoted else cell) for cell in row) for row in [header, *rows]
    ]
    read_or_refuse(end.join(lines).encode("utf-8", "surrogatepass"), ".csv")


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers().map(lambda k: k * 10**320),
    st.floats(),
    st.sampled_from([0.5, 1e6, 1e9, 3.5, "1.3B", "0.5"]),
    CELLS,
    st.text(st.characters(), max_size=5),
)
NESTED = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
NAMES = st.sampled_from([*COLUMNS, *COLUMNS, "seed", "", "__index_level_0__"])


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.dictionaries(NAMES, VALUES) | st.fixed_dictionaries(dict.fromkeys(COLUMNS, VALUES)), max_size=3)
    | st.dictionaries(NAMES, st.lists(VALUES, min_size=2, max_size=2) | st.dictionaries(st.text(max_size=2), VALUES))
    | NESTED
)
def test_json_of_anything(value):
    read_or_refuse(json.dumps(value).encode(), ".json")


ARRAYS = st.sampled_from(
    [
        pa.array([1.5, 2.5]),
        pa.array([0.5, None]),
        pa.array([1, 2**63 - 1]),
        pa.array([1, 2**64 - 1], pa.uint64()),
        pa.array([1, 2], pa.int8()),
        pa.array([0.5, 0.25], pa.float16()),
        pa.array([True, None]),
        pa.array(["0.5", "0.25"]).dictionary_encode(),
        pa.array(["1B", None], pa.large_string()),
        pa.array([None, None]),
        pa.array([b"1", b"\xff"]),
        pa.array([1, 10**17], pa.decimal128(38, 2)),
        pa.array([1, -(2**31)], pa.date32()),
        pa.array([1, 2**40], pa.timestamp("s")),
        pa.array([1, 2**62], pa.timestamp("us", tz="UTC")),
        pa.array([1, 2], pa.time64("ns")),
        pa.array([1, 2], pa.duration("ms")),
        pa.array([[1.0], [2.0]]),
        pa.array([{"a": 1}, {"a": None}]),
        pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64())),
    ]
)


@settings(deadline=None, max_examples=200)
@given(st.lists(ARRAYS, min_size=4, max_size=4), st.lists(st.tuples(NAMES, ARRAYS), max_size=2))
def test_parquet_of_any_columns(required, others):
    columns = [*zip(COLUMNS, required, strict=True), *others]
    table = pa.Table.from_arrays([array for _, array in columns], names=[name for name, _ in columns])
    read_or_refuse(parquet(table), ".parquet")


def test_the_unharmed_files_are_read():
    assert all(read_or_refuse(content, ending) for ending, content in VALID.items())
