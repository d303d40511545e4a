"""Tables that TensorBoard and Weights & Biases export: a curve, and a chart with columns for every run."""

from __future__ import annotations

from collections.abc import Sequence

from sparselaw.runs.formats.drawn import Grid

_TENSORBOARD = ["Wall time", "Step", "Value"]
_LOWEST, _HIGHEST = "__MIN", "__MAX"


def as_table(grid: Grid) -> Grid:
    """The table that an export means; any other table as it is."""
    header = [name.strip() for name in grid.header]
    if header == _TENSORBOARD:
        said = "TensorBoard's column Value is taken for loss"
        return Grid([*_TENSORBOARD[:2], "loss"], grid.lines, (*grid.said, said))
    curves = [at for at, name in enumerate(header) if at and _is_curve(name, header)]
    is_chart = curves and len(set(header)) == len(header)
    return _by_run(grid, header, curves) if is_chart else grid


def _is_curve(name: str, header: Sequence[str]) -> bool:
    return " - " in name and f"{name}{_LOWEST}" in header and f"{name}{_HIGHEST}" in header


def _by_run(grid: Grid, header: list[str], curves: list[int]) -> Grid:
    """A row for each run and step of a chart of Weights & Biases, which has columns such as `run-a - val_loss`.

    The smallest and largest value of a group are left out, and so are steps at which a run has no value.
    """
    of_run: dict[str, dict[str, int]] = {}
    for at in curves:
        run, _, metric = header[at].rpartition(" - ")
        of_run.setdefault(run, {})[metric] = at
    metrics = list(dict.fromkeys(metric for columns in of_run.values() for metric in columns))
    measured = [metric for metric in metrics if not metric.startswith("_")] or metrics
    bands = {f"{header[at]}{mark}" for at in curves for mark in (_LOWEST, _HIGHEST)}
    others = [at for at, name in enumerate(header) if at not in curves and name not in bands]
    lines = {}
    for run, columns in of_run.items():
        for row, cells in grid.lines.items():
            values = {metric: cells[columns[metric]] if metric in columns else "" for metric in metrics}
            if any(values[metric].strip() for metric in measured):
                lines[f"{row} of {run}"] = [run, *(cells[at] for at in others), *values.values()]
    said = "the Weights & Biases chart is read as one row for each run and step"
    return Grid(["run", *(header[at] for at in others), *metrics], lines, (*grid.said, said))
