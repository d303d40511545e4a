"""A table as a file has it: its cells, the name of each row for messages, and what was decided while it was read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sparselaw.errors import UserError
from sparselaw.runs.columns import COLUMNS, shown
from sparselaw.runs.rows import Rows

if TYPE_CHECKING:
    from pandas import DataFrame, Series

Column = tuple[str, Any]
DEEPEST = 20  # levels of objects that become dotted names
MOST_CELLS = 5 * 10**7
_INDEX = re.compile(r"|__index_level_[0-9]+__")
_NAME = re.compile(r"`([^`]+)`|([^\W\d]\w*)")
_LISTS = (list, tuple, set, np.ndarray)


class NoTableError(UserError):
    """What is well written but no table."""


class Raw(NamedTuple):
    """Cells as read, the name of each row for messages, and sentences on what was decided."""

    frame: DataFrame
    rows: Rows
    said: tuple[str, ...] = ()


def raw_table(columns: Iterable[Column], rows: Rows, where: str, said: Sequence[str] = ()) -> Raw:
    """A table of columns, each a name and a cell for each row: objects in cells become columns with dotted names.

    Columns without a name, such as the index that pandas writes, are dropped.

    Raises:
        UserError: it is too large, or text is not valid Unicode.
    """
    from pandas import DataFrame

    named: list[Column] = []
    for name, cells in columns:
        if not _INDEX.fullmatch(name):
            named.extend(_limited(flat(name, cells), len(named), len(rows), where))
    rows = rows if named else ()
    try:
        frame = DataFrame(dict(enumerate(cells for _, cells in named)), index=range(len(rows)))
        frame = frame.set_axis([name for name, _ in named], axis=1)
    except UnicodeEncodeError as error:
        raise UserError(f"{where} holds text that is not valid Unicode; correct it.") from error
    return Raw(frame, rows, tuple(said))


def from_records(records: Sequence[Any], where: str, rows: Rows | None = None, said: Sequence[str] = ()) -> Raw:
    """A table of objects, one for each row.

    Raises:
        NoTableError: a row is no object.
    """
    rows = range(1, len(records) + 1) if rows is None else rows
    for row, record in zip(rows, records, strict=True):
        if not isinstance(record, dict):
            raise NoTableError(f"{where}, row {row} is not a record; write every run as {{column: value, ...}}.")
    names = dict.fromkeys(name for record in records for name in record)
    return raw_table(((name, [record.get(name) for record in records]) for name in names), rows, where, said)


def _limited(columns: Iterable[Column], before: int, num_rows: int, where: str) -> Iterator[Column]:
    for at, column in enumerate(columns, before + 1):
        if at * num_rows > MOST_CELLS:
            raise UserError(f"{where} has more than {at - 1} columns in {num_rows} rows; keep those of the law.")
        yield column


def flat(name: str, cells: Any, depth: int = 0) -> Iterator[Column]:
    """The column, or the columns of the objects in its cells; cells that are only partly objects stay for the check."""
    objects = [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []
    if not objects or depth == DEEPEST or any(not isinstance(cell, dict | None) for cell in cells):
        yield name, cells
        return
    for key in dict.fromkeys(key for cell in objects for key in cell):
        yield from flat(f"{name}.{key}", [cell.get(key) if cell else None for cell in cells], depth + 1)


def without_lists(raw: Raw, asked: Collection[str]) -> Raw:
    """The table without columns of lists, which no law can use; those that are asked for stay, and the check refuses them.

    Args:
        raw: the table.
        asked: texts that name columns.
    """
    wanted = {name for text in asked for name in names_in(text)}
    lists = [
        at
        for at, name in enumerate(raw.frame.columns)
        if name not in COLUMNS and name not in wanted and _holds_lists(raw.frame.iloc[:, at])
    ]
    if not lists:
        return raw
    names = ", ".join(shown(raw.frame.columns[at]) for at in lists[:10]) + (", ..." if len(lists) > 10 else "")
    kept = [at for at in range(raw.frame.shape[1]) if at not in lists]
    return Raw(raw.frame.iloc[:, kept], raw.rows, (*raw.said, f"columns of lists are left out: {names}"))


def names_in(text: str) -> set[str]:
    """The names that an expression may mean: those between backticks, the plain ones, and the whole."""
    return {text, *(quoted or plain for quoted, plain in _NAME.findall(text))}


def _holds_lists(column: Series) -> bool:
    """Whether all cells with content are lists."""
    if column.dtype != object:
        return False
    cells = [cell for cell in column if not (cell is None or (isinstance(cell, float) and np.isnan(cell)))]
    return bool(cells) and all(isinstance(cell, _LISTS) for cell in cells)
