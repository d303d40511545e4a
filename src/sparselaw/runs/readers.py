"""Reads runs from files and folders: a complete table, or one sentence on what is wrong.

The format follows from the content, and from the ending of the name if the content leaves it open. Messages count rows of CSV
and Excel as a spreadsheet does (the header is row 1), rows of JSON and Parquet from 1, name rows of pandas' column form by key,
and rows of a folder of logs by row and run.

| module of `formats` | reads |
|---|---|
| delimited, drawn, exports, numerals | CSV and other tables in text |
| jsons, shapes | JSON and JSON Lines |
| arrow, excel | Parquet, Feather, Excel |
| archives | compressed files |
| logs, log_tables, log_files, log_losses | folders of logs |
| foreign | nothing: it says what a file is instead |
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sparselaw.errors import UserError, arg
from sparselaw.runs.folders import is_address, runs_in
from sparselaw.runs.formats.archives import is_workbook, unpacked
from sparselaw.runs.formats.arrow import ARROW, PARQUET, read_arrow
from sparselaw.runs.formats.delimited import read_delimited
from sparselaw.runs.formats.excel import read_excel
from sparselaw.runs.formats.foreign import refuse_foreign
from sparselaw.runs.formats.jsons import is_json, read_json
from sparselaw.runs.formats.log_tables import is_sweep
from sparselaw.runs.formats.logs import logs_in
from sparselaw.runs.formats.raw import Raw, without_lists
from sparselaw.runs.published import PUBLISHED, published_bytes, published_frame
from sparselaw.runs.reading import Reading, recorded_table
from sparselaw.runs.table import Runs, chosen

_FORMATS = {".parquet": "Parquet", ".pq": "Parquet", ".feather": "Feather", ".arrow": "Arrow", ".xlsx": "Excel"}


def read_runs(
    source: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    where: str | None = None,
    last_of: str | None = None,
    best_of: str | None = None,
    loss_unit: str | None = None,
    within: str | None = None,
) -> Runs:
    """Reads runs from a file (CSV, JSON, JSON Lines, Parquet, Feather, Excel), a folder of runs or logs, or a published sweep.

    Files may be compressed. Columns without a name, such as the index that pandas writes, are dropped; so are columns of lists.
    A column data_unit says what D counts. The rows of a folder of logs have the name of their run in the column `run`.

    Args:
        source: path of a file; path or address (s3://...) of a folder of runs or logs; or `t5-c4` or `vit-jft`, which are
            downloaded once, checked and cached, or read from the folder that the environment variable
            SPARSELAW_DATASETS names.
        columns: maps nonzero_params, sparsity, data, loss (or total_params, density, flops, unique_data, run) to columns of the
            file or expressions over them, such as {"data": "tokens_b * 1e9"}; usual names are recognised.
        where: a condition on the columns that rows must meet, such as `status == 'finished'`.
        last_of: column of trainings, such as "run", of whose rows (checkpoints) the last is kept.
        best_of: "cell" of equal N, S and D, or a column, of whose equal values the run of the lowest loss is kept.
        loss_unit: of the losses, which are converted to nats; see `Runs.from_frame`.
        within: column, runs with other values of which are not compared for `best_of`.

    Raises:
        UserError: naming file, row, column and value of the first mistake.
    """
    if isinstance(source, str) and source in PUBLISHED:
        return chosen(_published(source), Reading(None, where, last_of, best_of, loss_unit, within))
    path, reading = Path(source), Reading(columns, where, last_of, best_of, loss_unit, within)
    if is_address(str(source)) or os.path.isdir(path):
        return _in_folder(str(source), reading)
    content = _content(path)
    if followed := recorded_table(content, path):
        path, earlier = followed
        reading, content = reading.over(earlier), _content(path)
    runs = _checked(read_table(content, str(path)), reading, str(path), path.name)
    return replace(runs, source={"path": str(path.resolve())} | reading.given)


def _in_folder(source: str, reading: Reading) -> Runs:
    """The runs of a sweep, or those of logs."""
    try:
        runs = runs_in(source)
    except UserError:
        folder = source.rstrip("/")
        logs = None if is_sweep(source) else logs_in(folder, reading.columns or {}, read_table)
        if logs is None:
            raise
        return _checked(logs, reading, folder, folder.rsplit("/", 1)[-1])
    if reading.columns:
        raise UserError(f"{source} is a folder of runs, which needs no names of columns; leave {arg('columns')} out.")
    return chosen(runs, reading)


def _checked(raw: Raw, reading: Reading, where: str, name: str) -> Runs:
    frame, rows, said = without_lists(raw, (reading.columns or {}).values())
    runs = Runs.read(reading, frame, where, rows, name=name)
    return replace(runs, taken=(*said, *runs.taken))


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
    raw = read_table(published_bytes(entry), entry.file)
    return Runs.from_frame(published_frame(entry, raw.frame), name=name, data_unit=entry.data_unit)


def _content(path: Path) -> bytes:
    try:
        if path.is_file():
            return path.read_bytes()
        if path.exists():
            raise UserError(f"{path} is not a regular file; copy the table into one.")
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); give another file.") from error
    raise UserError(f"{path} is neither a file nor a folder; give one, or a published sweep ({', '.join(PUBLISHED)}).")


def read_table(content: bytes, where: str) -> Raw:
    """The cells of a file, the name of each row for messages, and what was decided on the way.

    Args:
        content: bytes of the file, compressed or not.
        where: name of the file, for its format and for messages.

    Raises:
        UserError: if the content is not a table.
    """
    content, name = unpacked(content, where, where)
    refuse_foreign(content, name, where)
    if content.startswith((PARQUET, ARROW)):
        return read_arrow(content, where)
    if is_workbook(content):
        return read_excel(content, where)
    text = _text(content, where)
    if (ending := Path(name).suffix.lower()) in _FORMATS:
        raise UserError(f"{where} is not a {_FORMATS[ending]} file; give its name the ending of its format.")
    return read_json(text, name, where) if is_json(text, name) else read_delimited(text, where)


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
