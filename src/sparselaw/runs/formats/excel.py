"""Excel workbooks (.xlsx): the one sheet with a table."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from typing import Any

from sparselaw.errors import UserError, first_line
from sparselaw.runs.columns import shown
from sparselaw.runs.formats.raw import Raw, raw_table

Sheet = dict[int, list[Any]]
MOST_ROWS = 2**20


def read_excel(content: bytes, where: str) -> Raw:
    """The cells of the sheet that has a table; rows have Excel's numbers.

    Raises:
        UserError: it is damaged, several sheets have tables, or openpyxl is not installed.
    """
    try:
        import openpyxl
    except ImportError as error:
        raise UserError(
            f"{where} is an Excel file, which needs openpyxl; pip install openpyxl, or save it as CSV."
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and validations that are not read
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            sheets = {sheet.title: dict(_rows(sheet)) for sheet in book.worksheets}
    except Exception as error:  # a broken file makes openpyxl raise nearly anything
        raise UserError(f"{where} cannot be read as Excel ({first_line(error)}); save it as CSV.") from error
    return _table(_chosen(sheets, where), where)


def _rows(sheet: Any) -> Iterator[tuple[int, list[Any]]]:
    """The rows with content, without empty cells at their end."""
    sheet.reset_dimensions()  # some programs write wrong ones
    for at, row in enumerate(sheet.iter_rows(values_only=True), 1):
        if at > MOST_ROWS:
            raise ValueError("more rows than Excel has")
        width = max((k for k, cell in enumerate(row, 1) if cell is not None), default=0)
        if width:
            yield at, list(row[:width])


def _chosen(sheets: dict[str, Sheet], where: str) -> Sheet:
    tables = [name for name, rows in sheets.items() if len(rows) > 1]
    if len(tables) > 1:
        raise UserError(f"{where} has tables in several sheets ({', '.join(map(shown, tables))}); keep one of them.")
    if not tables:
        raise UserError(f"{where} holds no runs; give a table with one row per run.")
    return sheets[tables[0]]


def _table(sheet: Sheet, where: str) -> Raw:
    rows = dict(sheet)
    header = rows.pop(min(rows))
    for at, cells in rows.items():
        if len(cells) > len(header):
            raise UserError(f"{where}, row {at} has {len(cells)} cells, but the header has {len(header)}; correct it.")
        cells.extend([None] * (len(header) - len(cells)))
    columns = zip(header, zip(*rows.values(), strict=True), strict=True)
    return raw_table(
        (("" if name is None else " ".join(str(name).split()), list(cells)) for name, cells in columns),
        list(rows),
        where,
    )
