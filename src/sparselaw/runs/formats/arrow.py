"""Parquet, Feather and Arrow files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sparselaw.errors import UserError, first_line
from sparselaw.runs.formats.raw import Column, Raw, raw_table

if TYPE_CHECKING:
    from pyarrow import Table

PARQUET, ARROW = b"PAR1", b"ARROW1"


def read_arrow(content: bytes, where: str) -> Raw:
    """The cells of a Parquet, Feather or Arrow file.

    Raises:
        UserError: it is damaged, or pyarrow is not installed.
    """
    kind = "Parquet" if content.startswith(PARQUET) else "Feather"
    try:
        import pyarrow
    except ImportError as error:
        raise UserError(f"{where} is a {kind} file, which needs pyarrow; install it, or give CSV or JSON.") from error
    try:
        table = _table(pyarrow.BufferReader(content), kind)
        columns = list(_columns(table))
    except Exception as error:  # a broken file makes pyarrow raise nearly anything
        raise UserError(f"{where} cannot be read as {kind} ({first_line(error)}); give another file.") from error
    return raw_table(columns, range(1, len(table) + 1), where)


def _table(file: object, kind: str) -> Table:
    if kind == "Parquet":
        from pyarrow.parquet import ParquetFile

        return ParquetFile(file).read()
    from pyarrow.ipc import open_file

    table = open_file(file).read_all()
    table.validate(full=True)  # pyarrow itself does not check the offsets of a damaged file
    return table


def _columns(table: Table) -> Iterator[Column]:
    from pyarrow import types

    for name, column in zip(table.column_names, table.columns, strict=True):
        yield name, column.to_pylist() if types.is_nested(column.type) else column.to_pandas()
