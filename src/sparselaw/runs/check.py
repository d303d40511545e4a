"""Checks of a table of runs: it has the four columns, and their numbers are possible.

The columns are N `nonzero_params` > 0, S `sparsity` in [0, 1), D `data` > 0 and L `loss` > 0, all finite. The first bad
cell is an error that names file, row, column and value. Suspicious values (repeated runs, odd units) are warnings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from sparselaw.counts import parse_count
from sparselaw.errors import UserError, arg
from sparselaw.runs.columns import COLUMNS, LOSSES, Found, counts_zeros, missing, shown
from sparselaw.runs.expressions import ALLOWED, evaluate
from sparselaw.runs.units import loss_in_unit

if TYPE_CHECKING:
    from pandas import DataFrame, Series

COUNTS = ("nonzero_params", "total_params", "params", "data", "flops", "unique_data")
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_COMMA = re.compile(r"-?[0-9]{1,3},[0-9]{3}")
BLANK = ("", "nan", "na", "n/a", "null", "none", "-")
NAMED = 20  # rows in a sentence
EMPTY = "is empty or NaN"
_NESTED = (dict, list, tuple, set, np.ndarray)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Checked:
    """A table whose numbers are possible.

    Attributes:
        table: the four columns as float64, then the others unchanged, index 0, 1, ...
        rows: name of each row in the file.
        loss_unit: of the losses, as it is printed.
        taken: what was taken for what, in sentences.
    """

    table: DataFrame
    rows: Sequence[int | str]
    loss_unit: str
    taken: tuple[str, ...]


def checked_table(
    frame: DataFrame,
    where: str,
    *,
    rows: Sequence[int | str],
    columns: Mapping[str, str] | None,
    loss_unit: str | None = None,
    drops_bad: bool = False,
) -> Checked:
    """The table of runs in a frame.

    If a mapping gives one of the four names to a column, an existing column of that name is dropped.

    Args:
        frame: cells as read, in any dtype.
        where: name of the file, for error messages.
        rows: name of each row in the file, [num_runs].
        columns: what the caller says of the columns; see `columns.Found`.
        loss_unit: what the caller says the losses are in; see `units`.
        drops_bad: leave out rows without a finite loss instead of refusing them.

    Raises:
        UserError: if a column is missing, or for the first bad cell.
    """
    if not len(frame):
        raise UserError(f"{where} holds no runs; give a table with one row per run.")
    names = _named_columns(frame, where)
    table = frame.set_axis(names, axis=1).reset_index(drop=True)
    found, left_out = Found(names, columns or {}), ()
    if drops_bad:
        table, rows, left_out = _with_losses(table, where, rows, found)
    cells = _Cells(table, where, rows, found)
    four, used = cells.four()
    others = [n for n in names if n not in COLUMNS and n not in used]
    for name in others:
        _refuse_nested(table[name], where, rows)
    four["loss"], unit, said = loss_in_unit(four["loss"], table, cells.loss_column, loss_unit)
    if said:
        found.taken.append(said)
    extra = cells.extra() | ({"loss_unit": unit} if "loss_unit" in others else {})
    kept = [name for name in others if name not in extra]
    checked = table[kept].assign(**four, **extra)[[*COLUMNS, *extra, *kept]]
    return Checked(checked, rows, unit, (*left_out, *found.taken))


def _with_losses(
    table: DataFrame, where: str, rows: Sequence[int | str], found: Found
) -> tuple[DataFrame, Sequence[int | str], tuple[str, ...]]:
    """The rows that have a finite loss, their names, and how many have none."""
    source = Found(found.names, found.asked).source(*LOSSES)
    if source is None or source[1] not in table:
        return table, rows, ()
    loss = floats(table[source[1]], "loss", where, rows)
    good = np.isfinite(loss) & (loss > 0)
    kept = [row for row, is_good in zip(rows, good, strict=True) if is_good]
    said = f"{int((~good).sum())} of {len(table)} rows are left out: they have no finite loss"
    return table[good].reset_index(drop=True), kept, (said,) * (not good.all())


class _Cells:
    """The numbers of a table by the meaning of its columns."""

    def __init__(self, table: DataFrame, where: str, rows: Sequence[int | str], found: Found) -> None:
        self.table, self.where, self.rows, self.found = table, where, rows, found
        self.loss_column = "loss"

    def four(self) -> tuple[dict[str, Array], set[str]]:
        """N, S, D and L [num_runs], and the columns that they are taken from."""
        sparsity, weights, data, loss = (
            self.found.source(*targets)
            for targets in (
                ("sparsity", "density"),
                ("nonzero_params", "total_params", "params"),
                ("data", "flops"),
                LOSSES,
            )
        )
        weights = weights or self._lacks("nonzero_params")
        N, S = self.numbers(*weights), np.zeros(len(self.table))
        both = self._both_sizes() if sparsity is None else None
        if both is not None:
            N, S = both
            weights = ("nonzero_params", weights[1])
        elif sparsity is None:
            self.found.taken.append("there is no column of sparsity, so all runs are taken for dense")
        else:
            S = self.numbers(*sparsity)
            S = 1 - S if sparsity[0] == "density" else S
        with np.errstate(over="ignore"):
            total = N / (1 - S)
        if self._is_total(weights, N, S):
            N, total = N * (1 - S), N
        data = data or self._lacks("data")
        D = self.numbers(*data)
        if data[0] == "flops":
            D = D / (6 * total)
            self.found.taken.append(f"the data is {data[1]} / (6 weights before pruning)")
        loss = loss or self._lacks("loss")
        self.loss_column = loss[1]
        four = {"nonzero_params": N, "sparsity": S, "data": D, "loss": self.numbers("loss", loss[1])}
        return four, {source for _, source in filter(None, (sparsity, weights, data, loss))}

    def _both_sizes(self) -> tuple[Array, Array] | None:
        """N and S of a table without sparsities that has the weights after and before pruning."""
        taken = list(self.found.taken)
        after, before = (self.found.source(target) for target in ("nonzero_params", "total_params"))
        if after is None or before is None:
            self.found.taken[:] = taken
            return None
        N, total = self.numbers(*after), self.numbers(*before)
        if (total < N).any():
            at = int(np.argmax(total < N))
            raise _error(self.where, self.rows[at], after[1], f"{N[at]:g} is more than {before[1]}, {total[at]:g}")
        self.found.taken[:] = [*taken, f"the sparsity is 1 - {after[1]} / {before[1]}"]
        return N, 1 - N / total

    def _is_total(self, weights: tuple[str, str], N: Array, S: Array) -> bool:
        if weights[0] != "params":
            return weights[0] == "total_params"
        if not counts_zeros(N, S, weights[1]):
            return False
        self.found.taken.append(f"{weights[1]} is the same at several sparsities, so it counts weights before pruning")
        return True

    def _lacks(self, target: str) -> NoReturn:
        raise missing(target, self.where, self.found.names)

    def extra(self) -> dict[str, Any]:
        """The unique data and the run of each row, where the table has them."""
        extra: dict[str, Any] = {}
        said = len(self.found.taken)
        try:
            if unique := self.found.source("unique_data"):
                extra["unique_data"] = self.numbers(*unique)
        except UserError:
            if "unique_data" in self.found.asked:
                raise
            del self.found.taken[said:]  # a column that nothing needs
        if (run := self.found.asked.get("run")) is not None:
            extra["run"] = self.table[run] if run in self.table else self._lacks(run)
        return extra

    def numbers(self, target: str, source: str) -> Array:
        """A column, or an expression over columns, as the numbers of a target [num_runs]."""
        if source in self.table:
            if target == "sparsity" and source.lower() == "density":
                raise UserError(f"{self.where}: density is 1 - sparsity; write density={source} in {arg('columns')}.")
            return _checked(
                floats(self.table[source], target, self.where, self.rows), target, source, self.where, self.rows
            )
        if source.isidentifier():
            there = ", ".join(shown(name) for name in self.found.names[:10])
            raise UserError(f"{self.where} has no column {source!r} (its columns: {there}); correct {arg('columns')}.")

        def column(name: str) -> Array:
            return floats(self.table[name], "data", self.where, self.rows)

        values = np.broadcast_to(np.asarray(evaluate(source, self.table, column)), len(self.table))
        if values.dtype == object or values.dtype.kind not in "fi":
            raise UserError(f"{source!r} gives no numbers; {ALLOWED}.")
        return _checked(values.astype(float), target, source, self.where, self.rows)


def _named_columns(frame: DataFrame, where: str) -> list[str]:
    names = [str(name) for name in frame.columns]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{where} has two columns named {shown(name)}; rename or remove one.")
    return names


def _checked(values: Array, target: str, source: str, where: str, rows: Sequence[int | str]) -> Array:
    """The values, if they are possible ones of the target."""
    good = np.isfinite(values) & ((values >= 0) & (values < 1) if target == "sparsity" else values > 0)
    good &= (values <= 1) | (target != "density")
    if not good.all():
        at = int(np.argmin(good))
        empty = int(np.isnan(values).sum())
        if empty > 1 and np.isnan(values[at]):
            there = [str(row) for row, value in zip(rows, values, strict=True) if np.isnan(value)]
            told = ", ".join(there[:NAMED]) + (", ..." if empty > NAMED else "")
            raise UserError(
                f"{where}, column {shown(source)}: {empty} cells are empty (rows {told}); fill them, or leave these runs out "
                f'with {arg("where")} "{source} > 0".'
            )
        raise _error(where, rows[at], source, _problem(float(values[at]), target))
    return values


def _problem(value: float, target: str) -> str:
    if not np.isfinite(value):
        return EMPTY if np.isnan(value) else f"{value} is not finite"
    if target == "sparsity":
        percent = ""
        if 1 < value <= 100:
            percent = f"; if it is in percent, write 75% as 0.75, or give sparsity=NAME/100 in {arg('columns')}"
        return f"{value:g} is outside [0, 1), the fraction of zeros{percent}"
    return f"{value:g} is not positive" if value <= 0 else f"{value:g} is above 1, the density of dense weights"


def floats(column: Series, target: str, where: str, rows: Sequence[int | str]) -> Array:
    """The numbers of a column; NaN for empty cells."""
    from pandas.api.types import is_bool_dtype, is_complex_dtype, is_numeric_dtype

    if is_numeric_dtype(column.dtype) and not is_bool_dtype(column.dtype) and not is_complex_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan).copy()
    values = np.empty(len(column))
    for at, cell in enumerate(column.astype(object)):
        try:
            values[at] = _number(cell, count=target in COUNTS, share=target in ("sparsity", "density"))
        except OverflowError:
            raise _error(where, rows[at], column.name, "is too large for a number") from None
        except ValueError as error:
            if (earlier := np.flatnonzero(np.isnan(values[:at]))).size:
                raise _error(where, rows[int(earlier[0])], column.name, EMPTY) from None
            raise _error(where, rows[at], column.name, str(error)) from None
    return values


def _number(cell: object, *, count: bool, share: bool) -> float:
    if isinstance(cell, str):
        text = cell.strip()
        if NUMBER.fullmatch(text):
            return float(text)
        if share and text.endswith("%") and NUMBER.fullmatch(text[:-1].strip()):
            return float(text[:-1]) / 100
        if _COMMA.fullmatch(text):
            raise ValueError(f"{shown(text)} may have a decimal comma or group thousands; write it without a comma")
        if text.lower() in BLANK:
            return np.nan
        if count:
            with suppress(UserError):
                return parse_count(text)
    elif isinstance(cell, int | float | np.integer | np.floating | Decimal) and not isinstance(cell, bool):
        return float(cell)
    elif cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return np.nan
    raise ValueError(f"{shown(cell)} is not a {'count such as 1.3B or 4.2e21' if count else 'number'}")


def _refuse_nested(column: Series, where: str, rows: Sequence[int | str]) -> None:
    if column.dtype != object:
        return
    for at, cell in enumerate(column):
        if isinstance(cell, _NESTED):
            raise _error(where, rows[at], column.name, f"{shown(cell)} is nested, but a cell must hold one value")


def _error(where: str, row: int | str, column: object, problem: str) -> UserError:
    advice = "correct or remove it"
    if problem == EMPTY:
        name = str(column) if str(column).isidentifier() else f"`{column}`"
        advice = f'fill it, or leave such runs out with {arg("where")} "{name} > 0"'
    return UserError(f"{where}, row {row}, column {shown(str(column))}: {problem}; {advice}.")
