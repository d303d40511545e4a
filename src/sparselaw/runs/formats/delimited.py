"""Tables as text: CSV in the dialects that people have, and tables drawn in text.

Rows have the numbers of a spreadsheet: the header is row 1, and blank lines count.
"""

from __future__ import annotations

import csv
import io
import re

from sparselaw.errors import UserError
from sparselaw.runs.formats.drawn import Grid, aligned, drawn
from sparselaw.runs.formats.exports import as_table
from sparselaw.runs.formats.foreign import LOG, has_log_lines, opens_as_log
from sparselaw.runs.formats.numerals import PLAIN, inferred, plainly
from sparselaw.runs.formats.raw import Raw, raw_table

_EXCEL = re.compile(r"\A\s*\"?sep=([,;\t|])\"?[ \t]*\r?\n", re.IGNORECASE)
_DELIMITERS = ",;\t|"


def read_delimited(text: str, where: str) -> Raw:
    """The cells of a table in text.

    Raises:
        UserError: it is no table, or a row has other cells than the header.
    """
    grid = as_table(_grid(text, where))
    header, body = grid.header, grid.lines
    cells = zip(*plainly(list(body.values())), strict=True) if body else [()] * len(header)
    columns = [(name.strip(), inferred(column)) for name, column in zip(header, cells, strict=True)]
    return raw_table(columns, list(body), where, grid.said)


def _grid(text: str, where: str) -> Grid:
    if opens_as_log(text):
        raise UserError(LOG.format(where))
    try:
        text = _without_comments(text)
        grid = drawn(text, where) or aligned(text) or _separated(text, where)
        for at, line in grid.lines.items():
            if len(line) != len(grid.header):
                raise UserError(
                    f"{where}, row {at} has {len(line)} cells, but the header has {len(grid.header)}; correct it."
                )
    except UserError as error:
        if has_log_lines(text):
            raise UserError(LOG.format(where)) from error
        raise
    if len(grid.header) == 1 and has_log_lines(text):
        raise UserError(LOG.format(where))
    return grid


def _separated(text: str, where: str) -> Grid:
    """The header, and all other lines that are not blank by their row in the file."""
    lines: list[list[str]] = []
    given = _EXCEL.match(text)
    text = _EXCEL.sub("\n", text, count=1)
    delimiter = given[1] if given else max(_DELIMITERS, key=text.lstrip().partition("\n")[0].count)
    try:
        lines.extend(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise UserError(f"{where}, after row {len(lines)}, is not CSV ({error}); correct it there.") from error
    if delimiter == "|":
        lines = [[cell.strip() for cell in line] for line in lines]
    numbered = {at: line for at, line in enumerate(lines, 1) if line}
    if not numbered:
        raise UserError(f"{where} is empty; give a table with one row per run.")
    return Grid(numbered.pop(min(numbered)), numbered)


def _without_comments(text: str) -> str:
    """The text with blank lines for the comments at its start; the last of them is the header where numbers follow it."""
    lines = text.splitlines(keepends=True)
    start = next((k for k, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")), 0)
    if not start:
        return text
    line = lines[start].strip()
    first = re.split(r"[,;\t|]", line) if any(mark in line for mark in _DELIMITERS) else line.split()
    heads = [k for k in range(start) if lines[k].strip()]
    kept = heads[-1:] if any(PLAIN.fullmatch(cell.strip().strip('"')) for cell in first) else []
    blank = ["\n" if k not in kept else lines[k].lstrip().lstrip("#").lstrip() for k in range(start)]
    return "".join([*blank, *lines[start:]])
