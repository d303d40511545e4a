"""Checks of a table of runs: it has the four columns, and their numbers are possible.

The columns are N `nonzero_params` > 0, S `sparsity` in [0, 1), D `data` > 0 and L `loss` > 0, all finite. The first bad
cell is an error that names file, row, column and value. Suspicious values (repeated runs, odd units) are warnings.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sparselaw.counts import parse_count
from sparselaw.errors import UserError, arg, either

if TYPE_CHECKING:
    from pandas import DataFrame, Series

COLUMNS = ("nonzero_params", "sparsity", "data", "loss")
COUNTS = ("nonzero_params", "data")
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
EMPTY = "is empty or NaN"
_NESTED = (dict, list, tuple, set, np.ndarray)
_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxlong, _SHORT.maxother = 2, 40, 40, 40

Array = NDArray[np.float64]


def parse_columns(text: str) -> dict[str, str]:
    """Parses a text such as `nonzero_params=n,loss=val` into a mapping from the four names to columns of the file.

    Raises:
        UserError: if a part is not name=column, or a name is unknown or given twice.
    """
    mapping: dict[str, str] = {}
    for part in text.split(","):
        target, equals, source = (piece.strip() for piece in part.partition("="))
        if not (target and equals and source):
            raise UserError(f"{shown(part)} is not name=column; write nonzero_params=n,loss=val.")
        if target in mapping:
            raise UserError(f"{target!r} is given twice; give it one column.")
        mapping[target] = source
    _check_targets(mapping)
    return mapping


def _check_targets(columns: Mapping[str, str]) -> None:
    for target in columns:
        if target not in COLUMNS:
            raise UserError(f"{shown(target)} cannot be mapped to a column; give one of {', '.join(COLUMNS)}.")


def checked_table(
    frame: DataFrame, where: str, *, rows: Sequence[int | str], columns: Mapping[str, str] | None
) -> DataFrame:
    """The four columns as float64, then the other columns of `frame` unchanged, with an index from 0.

    If a mapping gives one of the four names to a column, an existing column of that name is dropped.

    Args:
        frame: cells as read, in any dtype.
        where: name of the file, for error messages.
        rows: name of each row in the file, [num_runs].
        columns: maps those of the four names that the file does not use to its own.

    Raises:
        UserError: if a column is missing, or for the first bad cell.
    """
    if not len(frame):
        raise UserError(f"{where} holds no runs; give a table with one row per run.")
    names = _named_columns(frame, where)
    sources = {target: (columns or {}).get(target, target) for target in COLUMNS}
    _check_targets(columns or {})
    for target, source in sources.items():
        if source not in names:
            there = ", ".join(shown(name) for name in names[:10]) + (", ..." if len(names) > 10 else "")
            yours = either(f"columns={{'{target}': NAME}}", f"--columns {target}=NAME")
            advice = f"give its name with {yours}" if source == target else f"correct {arg('columns')}"
            raise UserError(f"{where} has no column {shown(source)} (its columns: {there}); {advice}.")
    table = frame.set_axis(names, axis=1).reset_index(drop=True)
    others = [n for n in names if n not in COLUMNS and n not in sources.values()]
    for name in others:
        _refuse_nested(table[name], where, rows)
    return table[others].assign(**{t: _numbers(table[s], t, where, rows) for t, s in sources.items()})[
        [*COLUMNS, *others]
    ]


def _named_columns(frame: DataFrame, where: str) -> list[str]:
    names = [str(name) for name in frame.columns]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{where} has two columns named {shown(name)}; rename or remove one.")
    return names


def _numbers(column: Series, target: str, where: str, rows: Sequence[int | str]) -> Array:
    values = _floats(column, target, where, rows)
    good = np.isfinite(values) & ((values >= 0) & (values < 1) if target == "sparsity" else values > 0)
    if not good.all():
        at = int(np.argmin(good))
        raise _error(where, rows[at], column.name, _problem(float(values[at]), target))
    return values


def _problem(value: float, target: str) -> str:
    if not np.isfinite(value):
        return EMPTY if np.isnan(value) else f"{value} is not finite"
    if target == "sparsity":
        percent = "; if it is in percent, write 75% as 0.75" if 1 < value <= 100 else ""
        return f"{value:g} is outside [0, 1), the fraction of zeros{percent}"
    return f"{value:g} is not positive"


def _floats(column: Series, target: str, where: str, rows: Sequence[int | str]) -> Array:
    from pandas.api.types import is_bool_dtype, is_complex_dtype, is_numeric_dtype

    if is_numeric_dtype(column.dtype) and not is_bool_dtype(column.dtype) and not is_complex_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan).copy()
    values = np.empty(len(column))
    for at, cell in enumerate(column.astype(object)):
        try:
            values[at] = _number(cell, count=target in COUNTS)
        except OverflowError:
            raise _error(where, rows[at], column.name, "is too large for a number") from None
        except ValueError as error:
            raise _error(where, rows[at], column.name, str(error)) from None
    return values


def _number(cell: object, *, count: bool) -> float:
    if isinstance(cell, str):
        text = cell.strip()
        if NUMBER.fullmatch(text):
            return float(text)
        if not text:
            raise ValueError(EMPTY)
        if count:
            with suppress(UserError):
                return parse_count(text)
    elif isinstance(cell, int | float | np.integer | np.floating | Decimal) and not isinstance(cell, bool):
        return float(cell)
    elif cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        raise ValueError(EMPTY)
    raise ValueError(f"{shown(cell)} is not a {'count such as 1.3B or 4.2e21' if count else 'number'}")


def _refuse_nested(column: Series, where: str, rows: Sequence[int | str]) -> None:
    if column.dtype != object:
        return
    for at, cell in enumerate(column):
        if isinstance(cell, _NESTED):
            raise _error(where, rows[at], column.name, f"{shown(cell)} is nested, but a cell must hold one value")


def _error(where: str, row: int | str, column: object, problem: str) -> UserError:
    return UserError(f"{where}, row {row}, column {shown(str(column))}: {problem}; correct or remove it.")


def shown(cell: object) -> str:
    """A value for a message: shortened, on one line."""
    return " ".join(_SHORT.repr(cell).split())


def doubts(table: DataFrame, rows: Sequence[int | str]) -> tuple[str, ...]:
    """Warnings about values of a checked table that are possible but probably mistakes."""
    suspects = (
        ("loss", table["loss"] > 100, "above 100", "is it a perplexity, or a sum over tokens?"),
        ("nonzero_params", table["nonzero_params"] < 1000, "below 1000", "is it in millions or billions?"),
        ("data", table["data"] < 1000, "below 1000", "is it in millions, billions or epochs?"),
    )
    found = [_repeats(table, rows)]
    for column, odd, how, question in suspects:
        if odd.any():
            at = int(np.argmax(odd))
            extent = f"{how} in {int(odd.sum())} of {len(table)} runs"
            found.append(f"{column} is {table[column].iloc[at]:g} in row {rows[at]} ({extent}): {question}")
    return tuple(sentence for sentence in found if sentence)


def _repeats(table: DataFrame, rows: Sequence[int | str]) -> str:
    keys = [name for name in (*COLUMNS, "seed") if name in table]
    again = table.duplicated(keys).to_numpy()
    if not again.any():
        return ""
    return (
        f"{int(again.sum())} of {len(table)} runs repeat an earlier one in {', '.join(keys)}, the first in row "
        f"{rows[int(np.argmax(again))]}: remove them unless they are separate runs."
    )
