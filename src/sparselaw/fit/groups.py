"""A fit for each group of runs, such as the experiments that one table holds."""

from __future__ import annotations

from typing import Any

from sparselaw.errors import UserError, arg, choice
from sparselaw.fit.result import Fit
from sparselaw.fit.verb import fit
from sparselaw.runs.table import Runs


def fit_each(runs: Runs, column: str, **options: Any) -> dict[str, Fit | UserError]:
    """A fit of the runs with each value of a column, or why they cannot be fitted, by that value as text.

    Args:
        runs: the table.
        column: whose values are the groups; empty cells are a group of their own.
        options: of `fit`.

    Raises:
        UserError: there is no such column.
    """
    if column not in runs.table:
        nearest = choice(column, [str(name) for name in runs.table])
        raise UserError(f"{arg('group_by')} is {column!r}, which is no column; {nearest}")
    labels = runs.table[column].astype(str)
    found: dict[str, Fit | UserError] = {}
    for label in labels.unique():
        try:
            found[label] = fit(runs.select((labels == label).to_numpy()), **options)
        except UserError as error:
            found[label] = error
    return found
