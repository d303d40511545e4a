"""Runs of equal size, sparsity and data: how many, and in what else they differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparselaw.runs import COLUMNS, Runs
from sparselaw.runs.rows import TRAINING_COLUMNS

Labels = NDArray[np.intp]


@dataclass(frozen=True)
class Repeats:
    """Runs of equal size, sparsity and data.

    Attributes:
        num_settings: different (N, S, D).
        num_repeated: those that have several runs.
        most: runs of one of them.
        num_seeds: different values in the column seed, 0 if there is none.
        varied: other columns whose values differ within a setting, such as a learning rate.
        num_alike: settings that have several runs with equal values in these columns too.
    """

    num_settings: int
    num_repeated: int
    most: int
    num_seeds: int
    varied: tuple[str, ...]
    num_alike: int


def repeats_of(runs: Runs) -> Repeats:
    """The runs of equal size, sparsity and data."""
    settings = runs.alike("sparsity", "nonzero_params", "data")
    counts = np.bincount(settings)
    varied, labels = _varied(runs, settings)
    alike = np.bincount(labels) > 1
    return Repeats(
        num_settings=len(counts),
        num_repeated=int((counts > 1).sum()),
        most=int(counts.max()),
        num_seeds=int(runs.table["seed"].nunique()) if "seed" in runs.table else 0,
        varied=varied,
        num_alike=len(np.unique(settings[alike[labels]])),
    )


def _varied(runs: Runs, settings: Labels) -> tuple[tuple[str, ...], Labels]:
    """The columns that differ within settings, and labels of the runs that are equal in these too, [num_runs].

    The column that splits the settings most comes first; one that then splits no further only follows from it.
    """
    names = [name for name in map(str, runs.table.columns) if name not in (*COLUMNS, *TRAINING_COLUMNS, "seed")]
    codes = {name: runs.table[name].astype(str).factorize()[0] for name in names}
    choices = {name: code for name, code in codes.items() if 2 * (code.max() + 1) <= len(code)}  # not measurements
    varied, labels = set(), settings
    for name in sorted(choices, key=lambda name: -_crossed(settings, choices[name]).max()):
        finer = _crossed(labels, choices[name])
        if finer.max() > labels.max():
            varied, labels = varied | {name}, finer
    return tuple(name for name in names if name in varied), labels


def _crossed(labels: Labels, code: Labels) -> Labels:
    """Label 0, 1, ... of each combination [num_runs]."""
    return np.unique(np.column_stack([labels, code]), axis=0, return_inverse=True)[1].reshape(-1)
