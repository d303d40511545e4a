"""The table of finished runs, which `fit` reads."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparselaw.errors import UserError, first_line
from sparselaw.runs.check import Array
from sparselaw.runs.reading import Reading
from sparselaw.runs.rows import Rows, training_column
from sparselaw.shown import Readable

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, eq=False)
class Runs(Readable):
    """Finished runs, one per row; `Runs.from_frame` and `read_runs` check a table and make one.

    Attributes:
        table: float64 columns nonzero_params, sparsity, data and loss, then all others unchanged; index 0, 1, ...
        name: name of the file or of the published sweep.
        data_unit: what D counts, such as "tokens" or "images".
        loss_unit: unit of the loss.
        warnings: sentences on suspicious values: repeated runs, odd units.
        taken: which columns were taken for what, where their names left that open.
        source: path of the file and how it was read, if it was read from one.
    """

    table: DataFrame
    name: str
    data_unit: str = "examples"
    loss_unit: str = "nats"
    warnings: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    source: Mapping[str, Any] | None = field(default=None, repr=False)

    @classmethod
    def from_frame(
        cls,
        frame: DataFrame,
        *,
        name: str,
        columns: Mapping[str, str] | None = None,
        data_unit: str | None = None,
        loss_unit: str | None = None,
        where: str | None = None,
        last_of: str | None = None,
        best_of: str | None = None,
        within: str | None = None,
    ) -> Runs:
        """Checks a pandas table and makes runs of it; `frame` itself does not change.

        Args:
            frame: table with one row per run; counts may be text such as `1.3B`.
            name: name of the table in errors and figures.
            columns: maps nonzero_params, sparsity, data, loss (or total_params, density, flops, unique_data, run) to columns
                of `frame` or expressions over them, such as {"data": "tokens_b * 1e9"}; usual names are recognised.
            data_unit: what D counts; if None, the value of the column data_unit, else "examples".
            loss_unit: of the losses, which are converted to nats: "nats", "bits", "bits-per-byte" or "ppl" (perplexities). If
                None, what a column loss_unit or the name of the column says; of these only perplexities are converted.
            where: a condition on its columns that rows must meet, such as `status == 'finished'`.
            last_of: column of trainings, such as "run", of whose rows (checkpoints) the last is kept.
            best_of: "cell" of equal N, S and D, or a column, of whose equal values the run of the lowest loss is kept.
            within: column, runs with other values of which are not compared for `best_of`.

        Raises:
            UserError: naming the first missing column or the first bad cell.
        """
        reading = Reading(columns, where, last_of, best_of, loss_unit, within)
        return cls.read(reading, frame, name, range(1, len(frame) + 1), name=name, data_unit=data_unit)

    @classmethod
    def read(
        cls, reading: Reading, frame: DataFrame, where: str, rows: Rows, *, name: str, data_unit: str | None = None
    ) -> Runs:
        """Runs from cells as read; `where` and `rows` name file and rows in messages, and `reading` is what is said of them."""
        read = reading.of(frame, where, rows)
        unit = data_unit or read.data_unit or cls.data_unit
        return cls(read.table, name, unit, read.loss_unit, read.warnings, read.taken)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def nonzero_params(self) -> Array:
        """N, non-zero prunable weights, [num_runs]."""
        return self._column("nonzero_params")

    @property
    def sparsity(self) -> Array:
        """S, fraction of zeros in the prunable weights, [num_runs]."""
        return self._column("sparsity")

    @property
    def data(self) -> Array:
        """D, data trained on, in `data_unit`, [num_runs]."""
        return self._column("data")

    @property
    def loss(self) -> Array:
        """L, validation loss, in `loss_unit`, [num_runs]."""
        return self._column("loss")

    def _column(self, name: str) -> Array:
        return self.table[name].to_numpy(dtype=np.float64, copy=True)

    def select(self, mask: ArrayLike) -> Runs:
        """The runs where the booleans `mask`, [num_runs], are True; `mask` may also be an array of positions."""
        return replace(self, table=self.table.iloc[np.asarray(mask)].reset_index(drop=True))

    def alike(self, *columns: str, digits: int = 6) -> NDArray[np.intp]:
        """Label 0, 1, ... of each run, [num_runs]: runs that are equal in these columns share one.

        Args:
            columns: among sparsity, nonzero_params and data; the counts are compared by their logarithms.
            digits: after the point, to which they are.
        """
        values = [self.sparsity if name == "sparsity" else np.log(self._column(name)) for name in columns]
        keys = np.round(np.column_stack(values), digits)
        return np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)

    def cells(self) -> NDArray[np.intp]:
        """Number (0, 1, ...) of the (S, N) cell of each run, [num_runs]; the bootstrap can resample whole cells.

        Cells are equal if S and ln N agree to 6 decimals.
        """
        return self.alike("sparsity", "nonzero_params")

    def trainings(self) -> NDArray[np.intp]:
        """Label 0, 1, ... of the training of each row, [num_runs]: rows that share their noise or their misfit.

        Checkpoints of one training have one value in a column of `TRAINING_COLUMNS`; repeats have equal S, N and D.
        """
        name = training_column(self.table)
        if name is not None:
            return np.unique(self.table[name].astype(str), return_inverse=True)[1].reshape(-1)
        return self.alike("sparsity", "nonzero_params", "data")

    def write(self, path: str | Path) -> None:
        """Writes the table atomically as CSV, JSON records or Parquet, by the ending of `path`.

        Raises:
            UserError: if the ending is another one, or the file cannot be written.
        """
        path = Path(path)
        writer = _WRITERS.get(path.suffix.lower())
        if writer is None:
            raise UserError(f"Runs cannot be written to {path}; end its name in {', '.join(_WRITERS)}.")
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        try:
            writer(self.table, partial)
            partial.replace(path)
        except (OSError, ValueError, TypeError, OverflowError, ImportError) as error:
            raise UserError(f"Runs cannot be written to {path} ({first_line(error)}); give another file.") from error
        finally:
            with suppress(NotADirectoryError):  # the error above has reported it
                partial.unlink(missing_ok=True)


def as_runs(
    source: Runs | DataFrame | str | Path, *, columns: Mapping[str, str] | None = None, where: str | None = None
) -> Runs:
    """Runs from any source: `Runs`, a pandas table, or what `read_runs` reads; `columns` and `where` as there.

    Raises:
        UserError: if the table or file is not a valid table of runs.
    """
    if isinstance(source, Runs):
        return chosen(source, Reading(columns, where))
    if isinstance(source, str | Path):
        from sparselaw.runs.readers import read_runs

        return read_runs(source, columns=columns, where=where)
    return Runs.from_frame(source, name="table", columns=columns, where=where)


def chosen(runs: Runs, reading: Reading) -> Runs:
    """Runs that are there already, read once more with choices; as they are where there is none."""
    if not reading.given:
        return runs
    again = Runs.from_frame(runs.table, name=runs.name, data_unit=runs.data_unit, **reading.given)
    return replace(again, loss_unit=again.loss_unit if reading.loss_unit else runs.loss_unit, source=runs.source)


def _write_csv(table: DataFrame, path: Path) -> None:
    # Text is quoted, because the csv module of Python 3.11 does not quote a lone carriage return, which ends a row.
    table.to_csv(path, index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n", encoding="utf-8")


def _write_json(table: DataFrame, path: Path) -> None:
    # pandas' own writer keeps only 15 decimals of a double.
    cells = table.astype(object)
    cells[table.isna()] = None
    records = cells.to_dict("records")
    path.write_text(json.dumps(records, default=str, indent=1) + "\n", encoding="utf-8")


def _write_parquet(table: DataFrame, path: Path) -> None:
    table.to_parquet(path, engine="pyarrow", index=False)


_WRITERS: dict[str, Callable[[DataFrame, Path], None]] = {
    ".csv": _write_csv,
    ".json": _write_json,
    ".parquet": _write_parquet,
}
