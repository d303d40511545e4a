"""Reads runs from CSV, JSON and Parquet: a complete table, or one sentence on what is wrong with the file.

The format follows from the content, and from the ending of the name if the content leaves it open. Messages count CSV rows
as a spreadsheet does (the header is row 1), rows of JSON and Parquet from 1, and name rows of pandas' column form by key.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sparselaw.errors import UserError, arg, first_line
from sparselaw.runs.check import Array, checked_table, doubts, shown
from sparselaw.runs.folders import is_address, runs_in
from sparselaw.runs.published import PUBLISHED, published_bytes, published_frame
from sparselaw.runs.table import Runs, unit_of

if TYPE_CHECKING:
    from pandas import DataFrame

Rows = Sequence[int] | Sequence[str]

ARCHIVES = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip or Excel",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
# Numbers as programs write them, so that a run named 007 stays text.
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_INDEX = re.compile(r"|__index_level_[0-9]+__")


def read_runs(source: str | Path, *, columns: Mapping[str, str] | None = None) -> Runs:
    """Reads runs from a CSV, JSON (records, or pandas' column form) or Parquet file, a folder of runs, or a published sweep.

    Columns without a name, such as the index that pandas writes, are dropped. A column data_unit says what D counts.

    Args:
        source: path of a file; path or address (s3://...) of a folder of runs; or `t5-c4` or `vit-jft`, which are
            downloaded once, checked and cached, or read from the folder that the environment variable
            SPARSELAW_DATASETS names.
        columns: maps those of nonzero_params, sparsity, data and loss that the file names differently to its names.

    Raises:
        UserError: naming file, row, column and value of the first mistake.
    """
    if isinstance(source, str) and source in PUBLISHED:
        return _published(source)
    path = Path(source)
    if is_address(str(source)) or os.path.isdir(path):
        if columns:
            raise UserError(
                f"{source} is a folder of runs, which needs no names of columns; leave {arg('columns')} out."
            )
        return runs_in(str(source))
    where = str(path)
    frame, rows = read_table(_content(path), where)
    table = checked_table(frame, where, rows=rows, columns=columns)
    return Runs(table, path.name, data_unit=unit_of(table), warnings=doubts(table, rows))


def read_all(sources: Sequence[str], *, columns: Mapping[str, str] | None = None) -> Runs:
    """The runs of several sources in one table; a column that a source lacks is empty for its runs.

    Raises:
        UserError: as in `read_runs`, or if the sources count D in different units.
    """
    import pandas as pd

    parts = [read_runs(source, columns=columns) for source in sources]
    if len(units := {part.data_unit for part in parts}) > 1:
        raise UserError(
            f"{' and '.join(sources)} count data in {' and '.join(sorted(units))}; give runs with one unit."
        )
    if len(parts) == 1:
        return parts[0]
    table = pd.concat([part.table for part in parts], ignore_index=True)
    name = " + ".join(part.name for part in parts)
    return Runs.from_frame(table, name=name, data_unit=parts[0].data_unit, loss_unit=parts[0].loss_unit)


def _published(name: str) -> Runs:
    entry = PUBLISHED[name]
    frame, _ = read_table(published_bytes(entry), entry.file)
    return Runs.from_frame(published_frame(entry, frame), name=name, data_unit=entry.data_unit)


def _content(path: Path) -> bytes:
    try:
        if path.is_file():
            return path.read_bytes()
        if path.exists():
            raise UserError(f"{path} is not a regular file; copy the table into one.")
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); give another file.") from error
    raise UserError(f"{path} is neither a file nor a folder; give one, or a published sweep ({', '.join(PUBLISHED)}).")


def read_table(content: bytes, where: str) -> tuple[DataFrame, Rows]:
    """The cells of a file, and the name of each row for messages.

    Args:
        content: bytes of the file.
        where: name of the file, for its format and for messages.

    Raises:
        UserError: if the content is not a table.
    """
    if content.startswith(b"PAR1"):
        return _read_parquet(content, where)
    for magic, kind in ARCHIVES.items():
        if content.startswith(magic):
            raise UserError(f"{where} is a {kind} file; unpack or export it as CSV, JSON or Parquet.")
    text = _text(content, where)
    if where.lower().endswith((".parquet", ".pq")):
        raise UserError(f"{where} is not a Parquet file; give its name the ending of its format.")
    if text.lstrip()[0] in "[{" or where.lower().endswith(".json"):
        return _read_json(text, where)
    return _read_csv(text, where)


def _text(content: bytes, where: str) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{where} is not UTF-8 text (byte {error.start}); save it as UTF-8.") from error
    if "\0" in text:
        raise UserError(f"{where} is not text; give a CSV, JSON or Parquet file.")
    if not text.strip():
        raise UserError(f"{where} is empty; give a table with one row per run.")
    return text


def _read_csv(text: str, where: str) -> tuple[DataFrame, Rows]:
    header, body = _csv_lines(text, where)
    for at, line in body.items():
        if len(line) != len(header):
            raise UserError(f"{where}, row {at} has {len(line)} cells, but the header has {len(header)}; correct it.")
    cells = zip(*body.values(), strict=True) if body else [()] * len(header)
    columns = [(name.strip(), _inferred(column)) for name, column in zip(header, cells, strict=True)]
    return _frame(columns, where), list(body)


def _csv_lines(text: str, where: str) -> tuple[list[str], dict[int, list[str]]]:
    """The header, and all other lines that are not blank by their row in the file."""
    lines: list[list[str]] = []
    delimiter = max(",;\t", key=text.lstrip().partition("\n")[0].count)
    try:
        lines.extend(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise UserError(f"{where}, after row {len(lines)}, is not CSV ({error}); correct it there.") from error
    numbered = {at: line for at, line in enumerate(lines, 1) if line}
    return numbered.pop(min(numbered)), numbered


def _inferred(cells: Sequence[str]) -> Array | NDArray[np.int64] | NDArray[np.object_]:
    """The cells as numbers if every cell with content is a plain number, else as text."""
    whole = True
    for cell in cells:
        match = _PLAIN.fullmatch(cell)
        if cell and match is None:
            return np.array(cells, dtype=object)
        # lastindex is set for a fraction or an exponent; 18 digits always fit an int64.
        whole = whole and match is not None and match.lastindex is None and len(cell) < 19
    if whole:
        return np.array(cells, dtype=np.int64)
    return np.array([float(cell) if cell else np.nan for cell in cells])


def _read_json(text: str, where: str) -> tuple[DataFrame, Rows]:
    try:
        found = json.loads(text, object_pairs_hook=_distinct)
    except RecursionError as error:
        raise UserError(f"{where} is nested too deeply for a table; give records or columns.") from error
    except ValueError as error:
        raise UserError(f"{where} is not JSON ({error}); give records or columns.") from error
    if isinstance(found, list):
        return _from_records(found, where)
    if isinstance(found, dict):
        return _from_columns(found, where)
    raise UserError(f"{where} holds no table; give records [{{...}}, ...] or columns {{...}}.")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{shown(next(n for n in names if names.count(n) > 1))} is given twice")
    return found


def _from_records(records: list[Any], where: str) -> tuple[DataFrame, Rows]:
    for at, record in enumerate(records, 1):
        if not isinstance(record, dict):
            raise UserError(f"{where}, row {at} is not a record; write every run as {{column: value, ...}}.")
    names = dict.fromkeys(name for record in records for name in record)
    return _frame([(name, [r.get(name) for r in records]) for name in names], where), range(1, len(records) + 1)


def _from_columns(found: dict[str, Any], where: str) -> tuple[DataFrame, Rows]:
    """Reads columns given as lists, or as {row: value} as pandas writes them."""
    columns: dict[str, dict[int | str, Any]] = {}
    for name, cells in found.items():
        if not isinstance(cells, dict | list):
            raise UserError(f"{where} holds no table; give records [{{...}}, ...] or columns {{...}}.")
        columns[name] = cells if isinstance(cells, dict) else dict(enumerate(cells, 1))
    rows = list(next(iter(columns.values()), {}))
    for name, cells in columns.items():
        if cells.keys() != set(rows):
            raise UserError(
                f"{where}, column {shown(name)} has other rows than the first column; give all columns the same rows."
            )
    frame = _frame([(name, [cells[row] for row in rows]) for name, cells in columns.items()], where)
    return frame, [shown(row) for row in rows]


def _frame(columns: list[tuple[str, Any]], where: str) -> DataFrame:
    from pandas import DataFrame

    named = [(name, cells) for name, cells in columns if not _INDEX.fullmatch(name)]
    try:
        return DataFrame(dict(enumerate(cells for _, cells in named))).set_axis([name for name, _ in named], axis=1)
    except UnicodeEncodeError as error:
        raise UserError(f"{where} holds text that is not valid Unicode; correct it.") from error


def _read_parquet(content: bytes, where: str) -> tuple[DataFrame, Rows]:
    try:
        from pyarrow import BufferReader
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise UserError(f"{where} is a Parquet file, which needs pyarrow; install it, or give CSV or JSON.") from error
    try:
        table = ParquetFile(BufferReader(content)).read()
        columns = [(n, c.to_pandas()) for n, c in zip(table.column_names, table.columns, strict=True)]
    except Exception as error:  # a broken file makes pyarrow raise nearly anything
        raise UserError(f"{where} cannot be read as Parquet ({first_line(error)}); give another file.") from error
    return _frame(columns, where), range(1, len(table) + 1)
