"""Which rows of a table count: those that meet a condition, the last checkpoint of a training, the best run of a cell."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sparselaw.errors import UserError, arg
from sparselaw.runs.check import floats
from sparselaw.runs.columns import shown
from sparselaw.runs.expressions import evaluate

if TYPE_CHECKING:
    from pandas import DataFrame

Rows = Sequence[int | str]
TRAINING_COLUMNS = ("run", "run_id", "run_name", "training")
"""Columns that say which rows are checkpoints of one training."""
CELL = ("nonzero_params", "sparsity", "data")
DIGITS = 6  # of ln N, S and ln D, to which runs are in one cell


def rows_where(frame: DataFrame, rows: Rows, condition: str | None) -> tuple[DataFrame, Rows, tuple[str, ...]]:
    """The rows of a table that meet a condition such as `status == 'finished'`, their names, and what was left out.

    Raises:
        UserError: it is no condition on the columns, or no row meets it.
    """
    if condition is None:
        return frame, rows, ()

    def column(name: str) -> Any:
        values = frame[name]
        with suppress(UserError):
            return floats(values, "data", "", rows)
        return values.astype(object).to_numpy()

    met = np.asarray(evaluate(condition, frame, column))
    if met.dtype != bool:
        raise UserError(f"{condition!r} is no condition; write one such as status == 'finished'.")
    met = np.broadcast_to(met, len(frame))
    if not met.any():
        raise UserError(f"No row meets {condition!r}; correct {arg('where')}.")
    said = f"{int((~met).sum())} of {len(frame)} rows are left out: they do not meet {condition}"
    return frame[met].reset_index(drop=True), _named(rows, met), (said,) * (not met.all())


def last_of(table: DataFrame, rows: Rows, name: str | None) -> tuple[DataFrame, Rows, tuple[str, ...]]:
    """Of the rows with one value in a column the one of the most data, of equal ones the last; `run` is any usual name of it.

    Raises:
        UserError: there is no such column.
    """
    if name is None:
        return table, rows, ()
    column = next((one for one in TRAINING_COLUMNS if one in table), name) if name == "run" else name
    _check_column(table, column, "last_of", "the run, such as run")
    order = table["data"].argsort(kind="stable").to_numpy()
    kept = _last_in_order(table[column].astype(str).to_numpy(), order)
    said = f"the last of {len(table)} checkpoints is kept for each of {int(kept.sum())} values of {column}"
    return table[kept].reset_index(drop=True), _named(rows, kept), (said,)


def best_of(
    table: DataFrame, rows: Rows, name: str | None, within: str | None = None
) -> tuple[DataFrame, Rows, tuple[str, ...]]:
    """Of the rows of one cell (equal N, S and D), or with one value in a column, the one of the lowest loss.

    Args:
        table, rows: the runs and their names.
        name: "cell" or a column; None keeps all rows.
        within: column, runs with other values of which are not compared.

    Raises:
        UserError: there is no such column.
    """
    if name is None:
        return table, rows, ()
    if name == "cell":
        groups, what = cell_labels(table).astype(str), "cells of equal N, S and D"
    else:
        _check_column(table, name, "best_of", "cell or a column")
        groups, what = table[name].astype(str).to_numpy(), f"values of {name}"
    if within in table:
        groups = np.array([f"{one} {group}" for one, group in zip(table[within], groups, strict=True)])
        what += f" and {within}"
    order = table["loss"].argsort(kind="stable").to_numpy()[::-1]
    kept = _last_in_order(groups, order)
    said = f"the best of {len(table)} runs is kept for each of {int(kept.sum())} {what}"
    return table[kept].reset_index(drop=True), _named(rows, kept), (said,)


def cell_labels(table: DataFrame) -> NDArray[np.intp]:
    """Label 0, 1, ... of the cell of equal N, S and D of each row, [num_rows]."""
    N, S, D = (table[name].to_numpy(dtype=float) for name in CELL)
    keys = np.round(np.column_stack([np.log(N), S, np.log(D)]), DIGITS)
    return np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)


def training_column(table: DataFrame) -> str | None:
    """The column that says which rows are checkpoints of one training; None if every row is one."""
    for name in TRAINING_COLUMNS:
        if name in table and table[name].notna().all() and table[name].duplicated().any():
            return name
    return None


def _check_column(table: DataFrame, name: str, option: str, such_as: str) -> None:
    if name not in table:
        there = ", ".join(shown(one) for one in [*table.columns][:10])
        raise UserError(f"{arg(option)} is {name!r}, which is no column ({there}); give {such_as}.")


def _last_in_order(groups: NDArray[Any], order: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Whether each row is the last one of its group in an order [num_rows]."""
    _, first = np.unique(groups[order[::-1]], return_index=True)
    kept = np.zeros(len(groups), dtype=bool)
    kept[order[::-1][first]] = True
    return kept


def _named(rows: Rows, kept: NDArray[np.bool_]) -> Rows:
    return [row for row, is_kept in zip(rows, kept, strict=True) if is_kept]
