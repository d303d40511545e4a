"""How a table is read: what its columns mean, which of its rows count, and the unit of its losses."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparselaw.errors import UserError, first_line
from sparselaw.runs.check import checked_table
from sparselaw.runs.columns import DATA_TAKEN, shown, unit_in
from sparselaw.runs.doubts import doubts
from sparselaw.runs.rows import Rows, best_of, last_of, rows_where, training_column

if TYPE_CHECKING:
    from pandas import DataFrame

FIT_FORMAT = b"sparselaw-fit/"
"""What a fit file starts with; see `fit.result`."""
CHOICES = ("where", "last_of", "best_of", "loss_unit")
"""What a file of choices may say beside the columns."""


@dataclass(frozen=True)
class Reading:
    """What the caller says of a table; None is what the table says of itself.

    Attributes:
        columns: from targets to columns or expressions; see `columns`.
        where: a condition that rows must meet.
        last_of: column with one value for each training, of whose rows the last is kept.
        best_of: "cell" or a column, of whose equal values the run of the lowest loss is kept.
        loss_unit: of the losses, which are converted to nats.
        within: column, runs with other values of which are not compared for `best_of`.
    """

    columns: Mapping[str, str] | None = None
    where: str | None = None
    last_of: str | None = None
    best_of: str | None = None
    loss_unit: str | None = None
    within: str | None = None

    @property
    def given(self) -> dict[str, Any]:
        """What is not None."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def over(self, other: Reading) -> Reading:
        """What is given here, and for the rest what is given there."""
        columns = {**(other.columns or {}), **(self.columns or {})} or None
        return Reading(**(other.given | self.given | {"columns": columns}))

    def of(self, frame: DataFrame, where: str, rows: Rows) -> Read:
        """A table of runs from cells as read.

        Args:
            frame: the cells; where: name of the file; rows: name of each row in it; the last two for messages.

        Raises:
            UserError: a column is missing, or the first bad cell.
        """
        frame, rows, left_out = rows_where(frame, rows, self.where)
        drops_bad = self.best_of is not None
        checked = checked_table(
            frame, where, rows=rows, columns=self.columns, loss_unit=self.loss_unit, drops_bad=drops_bad
        )
        table, rows = checked.table, checked.rows
        table, rows, last = last_of(table, rows, self.last_of)
        table, rows, best = best_of(table, rows, self.best_of, self.within)
        said = (*left_out, *checked.taken, *last, *best, *_checkpoints(table))
        unit = _data_unit(table, checked.taken)
        return Read(table, unit, checked.loss_unit, doubts(table, rows, checked.loss_unit), said)


@dataclass(frozen=True)
class Read:
    """A checked table, its units, warnings, and what was taken for what."""

    table: DataFrame
    data_unit: str | None
    loss_unit: str
    warnings: tuple[str, ...]
    taken: tuple[str, ...]


def open_reading(path: str | Path) -> Reading:
    """The choices in a TOML file: `where`, `last_of`, `best_of`, `loss_unit`, and a table `[columns]`.

    Raises:
        UserError: the file is not such a one.
    """
    try:
        record = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as TOML ({first_line(error)}); give another file.") from error
    return reading_from(record, str(path))


def reading_from(record: Mapping[str, Any], where: str) -> Reading:
    """The choices in a record as `Reading.given` makes it.

    Raises:
        UserError: it has another key, or another kind of value.
    """
    known = [one.name for one in fields(Reading)]
    for key, value in record.items():
        wanted = dict if key == "columns" else str
        if key not in known or not isinstance(value, wanted):
            raise UserError(
                f"{where} has {key} = {shown(value)}; give {', '.join(CHOICES)} as text and [columns] as a table."
            )
    return Reading(**record)


def recorded_table(content: bytes, fit: Path) -> tuple[Path, Reading] | None:
    """The table that a fit file was made from, and how it was read; None if the content is no fit file.

    Raises:
        UserError: the fit does not say, or the table is no longer there.
    """
    if not content.lstrip().startswith(b"{") or FIT_FORMAT not in content[:200]:
        return None
    record = json.loads(content)
    source = record.get("source") if isinstance(record, dict) else None
    if not isinstance(source, dict) or not isinstance(source.get("path"), str):
        raise UserError(f"{fit} is a fit that does not say which table it was made from; give the table.")
    choices = {key: value for key, value in source.items() if key != "path"}
    path = fit.parent / source["path"]
    if not path.exists():
        raise UserError(f"{fit} was made from {path}, which is not there; give the table.")
    return path, reading_from(choices, str(fit))


def _checkpoints(table: DataFrame) -> tuple[str, ...]:
    """That several rows are of one training."""
    name = training_column(table)
    if name is None:
        return ()
    trainings = f"{table[name].nunique()} trainings ({name})"
    return (
        f"{len(table)} rows are checkpoints of {trainings}, resampled together; --last-of run keeps the last of each",
    )


def _data_unit(table: DataFrame, taken: tuple[str, ...]) -> str | None:
    """What D counts: the value of the column data_unit if it exists and has one value, else what the name of its column says."""
    units = set(table.get("data_unit", ()))
    unit = units.pop() if len(units) == 1 else None
    if isinstance(unit, str):
        return unit
    named = next((line for line in taken if line.endswith(DATA_TAKEN)), "").removesuffix(DATA_TAKEN)
    return unit_in(named)
