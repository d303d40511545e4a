"""What a table of runs is, before anything is fitted: its quantities, how they cross, and which questions it can answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sparselaw.fit.calibration import compute_of
from sparselaw.fit.levels import Levels, level_index, levels_of
from sparselaw.fit.questions import Finding, findings, refusals
from sparselaw.fit.repeats import Repeats, repeats_of
from sparselaw.laws import Array
from sparselaw.runs import Runs
from sparselaw.runs.table import as_runs
from sparselaw.shown import Readable

if TYPE_CHECKING:
    from pandas import DataFrame

FLOPS_PER_PARAM = 6  # of training: the paper's count
Span = tuple[float, float]


@dataclass(frozen=True)
class Grid:
    """How completely the runs cross sizes, sparsities and durations.

    Attributes:
        counts_zeros: whether sizes are weights before pruning, which cross better than non-zero ones here.
        shape: number of sizes, sparsities and durations.
        filled: combinations of the three that have runs.
        pairs: combinations that have runs of sizes x sparsities, sizes x durations, sparsities x durations.
    """

    counts_zeros: bool
    shape: tuple[int, int, int]
    filled: int
    pairs: tuple[int, int, int]


@dataclass(frozen=True)
class Trainings:
    """How many trainings the rows are of, and how many checkpoints one of them has at most."""

    number: int
    most_checkpoints: int


@dataclass(frozen=True)
class Inspection(Readable):
    """What a table of runs is.

    Attributes:
        name: name of the file or of the published sweep.
        num_runs: number of rows.
        data_unit, loss_unit: what D and L count.
        taken: which columns were taken for what, and which rows were left out.
        sizes, sparsities, durations: levels of N, S and D with their numbers of runs.
        loss: lowest and highest loss.
        flops: lowest and highest training FLOPs, 6 (weights before pruning) D.
        grid: how complete the crossing is.
        repeats: runs of equal settings.
        trainings: and their checkpoints.
        laws: for each built-in law what the runs lack for it, empty if nothing.
        findings: the questions that the runs answer, and those that they do not.
        warnings: sentences on suspicious values.
    """

    name: str
    num_runs: int
    data_unit: str
    loss_unit: str
    taken: tuple[str, ...]
    sizes: Levels
    sparsities: Levels
    durations: Levels
    loss: Span
    flops: Span
    grid: Grid
    repeats: Repeats
    trainings: Trainings
    laws: dict[str, str]
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return asdict(self)


def inspect(
    runs: Runs | DataFrame | str | Path, *, columns: Mapping[str, str] | None = None, where: str | None = None
) -> Inspection:
    """Say what a table of runs is, and which questions it can answer. Nothing is fitted.

    Args:
        runs: as in `sparselaw.fit`.
        columns: as in `sparselaw.fit`.
        where: as in `sparselaw.fit`.

    Raises:
        UserError: no valid table of runs.
    """
    table = as_runs(runs, columns=columns, where=where)
    repeats = repeats_of(table)
    return Inspection(
        name=table.name,
        num_runs=len(table),
        data_unit=table.data_unit,
        loss_unit=table.loss_unit,
        taken=table.taken,
        sizes=levels_of(table.nonzero_params),
        sparsities=levels_of(table.sparsity),
        durations=levels_of(table.data),
        loss=_span(table.loss),
        flops=_span(FLOPS_PER_PARAM * compute_of(table)),
        grid=_grid(table),
        repeats=repeats,
        trainings=_trainings(table),
        laws=refusals(table),
        findings=tuple(findings(table, repeats)),
        warnings=table.warnings,
    )


def _span(values: Array) -> Span:
    return float(values.min()), float(values.max())


def _grid(runs: Runs) -> Grid:
    sizes, totals = level_index(runs.nonzero_params), level_index(runs.nonzero_params / (1 - runs.sparsity))
    counts_zeros = bool(totals.max() < sizes.max())
    index = (totals if counts_zeros else sizes, level_index(runs.sparsity), level_index(runs.data))
    size, sparsity, duration = index
    pairs = (_distinct(size, sparsity), _distinct(size, duration), _distinct(sparsity, duration))
    shape = (_distinct(size), _distinct(sparsity), _distinct(duration))
    return Grid(counts_zeros, shape, _distinct(*index), pairs)


def _distinct(*labels: NDArray[np.intp]) -> int:
    """How many combinations of labels [num_runs] there are."""
    return len(np.unique(np.column_stack(labels), axis=0))


def _trainings(runs: Runs) -> Trainings:
    """Rows of one training and different data are checkpoints."""
    training, data = runs.trainings(), level_index(runs.data)
    pairs = np.unique(np.column_stack([training, data]), axis=0)
    return Trainings(int(training.max()) + 1, int(np.bincount(pairs[:, 0]).max()))
