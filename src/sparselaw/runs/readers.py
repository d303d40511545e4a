"""Reads runs from CSV, JSON and Parquet: a complete table, or one sentence on what is wrong with the file.

The format follows from the content, and from the ending of the name if the content leaves it open. Messages count CSV rows
as a spreadsheet does (the header is row 1), rows of JSON and Parquet from 1, and name rows of pandas' column form by key.
"""

from __future__ import annotations

import codecs
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
from sparselaw.runs.check import Array, checked_table, doubts, rows_where, shown
from sparselaw.runs.folders import is_address, runs_in
from sparselaw.runs.published import PUBLISHED, published_bytes, published_frame
from sparselaw.runs.table import Runs, as_runs, unit_of

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
_EXCEL = re.compile(r"\A\s*\"?sep=([,;\t|])\"?[ \t]*\r?\n", re.IGNORECASE)
# Numbers as people write them; a minus may be that of Unicode.
_UNUSUAL = re.compile(r"[,\u00a0\u202f\u2009\u2212]|[0-9] [0-9]")
_MINUS = re.compile(r"\u2212[0-9].*")
_SPACED = re.compile(r"[-\u2212]?[0-9]{1,3}(?:[\u00a0\u202f\u2009 ][0-9]{3})+(?:[.,][0-9]+)?")
_DECIMAL_COMMA = re.compile(r"-?(?:[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})|0,[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+)%?")
_DECIMAL_POINT = re.compile(r"-?[0-9]+\.(?:[0-9]{1,2}|[0-9]{4,})(?:[eE][+-]?[0-9]+)?%?")
_COMMA_GROUPS = re.compile(r"-?[0-9]{1,3}(?:(?:,[0-9]{3}){2,}|(?:,[0-9]{3})+\.[0-9]+)%?")
_WITH_COMMAS = re.compile(r"-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?%?")
_WITH_DECIMAL_COMMA = re.compile(r"-?(?:[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+)(?:,[0-9]+)?(?:[eE][+-]?[0-9]+)?%?")
_LINES = re.compile(r"\s*\{[^\n]*\}[ \t]*\r?\n\s*\{")  # a record a line
_INDEX = re.compile(r"|__index_level_[0-9]+__")


def read_runs(source: str | Path, *, columns: Mapping[str, str] | None = None, where: str | None = None) -> Runs:
    """Reads runs from a CSV, JSON (records, or pandas' column form) or Parquet file, a folder of runs, or a published sweep.

    Columns without a name, such as the index that pandas writes, are dropped. A column data_unit says what D counts.

    Args:
        source: path of a file; path or address (s3://...) of a folder of runs; or `t5-c4` or `vit-jft`, which are
            downloaded once, checked and cached, or read from the folder that the environment variable
            SPARSELAW_DATASETS names.
        columns: maps nonzero_params, sparsity, data, loss (or total_params, density, flops, unique_data, run) to columns of the
            file or expressions over them, such as {"data": "tokens_b * 1e9"}; usual names are recognised.
        where: a condition on the columns that rows must meet, such as `status == 'finished'`.

    Raises:
        UserError: naming file, row, column and value of the first mistake.
    """
    if isinstance(source, str) and source in PUBLISHED:
        return as_runs(_published(source), where=where)
    path = Path(source)
    if is_address(str(source)) or os.path.isdir(path):
        if columns:
            raise UserError(
                f"{source} is a folder of runs, which needs no names of columns; leave {arg('columns')} out."
            )
        return as_runs(runs_in(str(source)), where=where)
    frame, rows = read_table(_content(path), str(path))
    frame, rows, left_out = rows_where(frame, rows, where)
    table, taken = checked_table(frame, str(path), rows=rows, columns=columns)
    said = (*left_out, *taken)
    return Runs(table, path.name, data_unit=unit_of(table, taken), warnings=doubts(table, rows), taken=said)


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
    if where.lower().endswith((".jsonl", ".ndjson")) or _LINES.match(text):
        return _read_json_lines(text, where)
    if where.lower().endswith((".parquet", ".pq")):
        raise UserError(f"{where} is not a Parquet file; give its name the ending of its format.")
    if text.lstrip()[0] in "[{" or where.lower().endswith(".json"):
        return _read_json(text, where)
    return _read_csv(text, where)


def _text(content: bytes, where: str) -> str:
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise UserError(
            f"{where} is not {encoding.removesuffix('-sig').upper()} text (byte {error.start}); save it as UTF-8."
        ) from error
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
    cells = zip(*_plainly(list(body.values())), strict=True) if body else [()] * len(header)
    columns = [(name.strip(), _inferred(column)) for name, column in zip(header, cells, strict=True)]
    return _frame(columns, where), list(body)


def _csv_lines(text: str, where: str) -> tuple[list[str], dict[int, list[str]]]:
    """The header, and all other lines that are neither blank nor a comment by their row in the file."""
    lines: list[list[str]] = []
    text = _without_comments(text)
    given = _EXCEL.match(text)
    text = _EXCEL.sub("\n", text, count=1)
    delimiter = given[1] if given else max(",;\t", key=text.lstrip().partition("\n")[0].count)
    try:
        lines.extend(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise UserError(f"{where}, after row {len(lines)}, is not CSV ({error}); correct it there.") from error
    numbered = {at: line for at, line in enumerate(lines, 1) if line}
    if not numbered:
        raise UserError(f"{where} is empty; give a table with one row per run.")
    return numbered.pop(min(numbered)), numbered


def _without_comments(text: str) -> str:
    """The text with blank lines for the comments at its start; the last of them is the header where numbers follow it."""
    lines = text.splitlines(keepends=True)
    start = next((k for k, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")), 0)
    if not start:
        return text
    first = [cell.strip().strip('"') for cell in re.split(r"[,;\t]", lines[start].strip())]
    heads = [k for k in range(start) if lines[k].strip()]
    kept = heads[-1:] if any(_PLAIN.fullmatch(cell) for cell in first) else []
    blank = ["\n" if k not in kept else lines[k].lstrip().lstrip("#").lstrip() for k in range(start)]
    return "".join([*blank, *lines[start:]])


def _plainly(lines: list[list[str]]) -> list[list[str]]:
    """The cells with numbers written as programs write them, where the table as a whole tells how they are written here.

    Commas are decimal if a cell has one that cannot group thousands, and group thousands if a cell has several, or one before
    a point. If the cells disagree, or none tells, they stay as they are.
    """
    if not _UNUSUAL.search("\0".join("\0".join(line) for line in lines)):
        return lines
    spaced = [[_grouped(cell) for cell in line] for line in lines]
    decimal = any(_DECIMAL_COMMA.fullmatch(cell) for line in spaced for cell in line)
    grouped = any(_COMMA_GROUPS.fullmatch(cell) for line in spaced for cell in line)
    if decimal and not any(_DECIMAL_POINT.fullmatch(cell) for line in spaced for cell in line) and not grouped:
        return [[_from_comma(cell) for cell in line] for line in spaced]
    if grouped and not decimal:
        return [[cell.replace(",", "") if _WITH_COMMAS.fullmatch(cell) else cell for cell in line] for line in spaced]
    return spaced


def _grouped(cell: str) -> str:
    """A number without the spaces between its thousands, and with a plain minus; other text as it is."""
    text = cell.strip()
    if _SPACED.fullmatch(text):
        text = re.sub(r"\s", "", text)
    return text.replace("\u2212", "-") if _MINUS.fullmatch(text) else (text if text != cell.strip() else cell)


def _from_comma(cell: str) -> str:
    text = cell.strip()
    return text.replace(".", "").replace(",", ".") if _WITH_DECIMAL_COMMA.fullmatch(text) else cell


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


def _read_json_lines(text: str, where: str) -> tuple[DataFrame, Rows]:
    records, rows = [], []
    for at, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                records.append(json.loads(line, object_pairs_hook=_distinct))
            except (ValueError, RecursionError) as error:
                raise UserError(f"{where}, line {at} is not JSON ({error}); write one record a line.") from error
            rows.append(at)
    frame, _ = _from_records(records, where)
    return frame, rows


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
