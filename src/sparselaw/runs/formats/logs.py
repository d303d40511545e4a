"""A folder of logs as one table: the rows of each run's log, its settings and results as columns, and its name as `run`.

A log is a table over the steps of a run; an object of settings or results, such as config.json, is constant over the run.
Rows without a loss, such as those of training between two evaluations, are left out. Which files belong together is in
`log_files`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sparselaw.errors import UserError
from sparselaw.runs.columns import shown
from sparselaw.runs.formats.foreign import named
from sparselaw.runs.formats.log_files import Place, name_of, runs_of
from sparselaw.runs.formats.log_losses import is_blank, loss_columns, refuse_training_loss, usual_losses
from sparselaw.runs.formats.log_tables import File, Reader, files_in, paths_in, some
from sparselaw.runs.formats.raw import Raw, raw_table
from sparselaw.runs.formats.shapes import is_usual

_STEPS = ("step", "_step", "global_step", "epoch", "iter", "iteration")
_SIZES = ("nonzero_params", "total_params", "params")


class Run(NamedTuple):
    """The rows of a run: cells by column, and the name of each row."""

    columns: dict[str, list[Any]]
    rows: list[str]


def logs_in(source: str, asked: Mapping[str, str], read: Reader) -> Raw | None:
    """The runs that have logs in a folder, as a table of all their rows; None if the folder is empty or has a sweep's settings.

    Args:
        source: path or address of the folder.
        asked: what the caller says of the columns.
        read: reads the content of a file with a name.

    Raises:
        UserError: no file has a loss, a log cannot be read, or the files leave open which are of which run.
    """
    paths = paths_in(source)
    files, said = files_in(source, paths, asked, read)
    if not any(file.kind.has_loss for file in files.values()):
        return _nothing(source, paths)
    of_run = runs_of({place: file.kind for place, file in files.items()}, source)
    runs = {
        name: _run(name, {place: files[place] for place in members}, asked, source) for name, members in of_run.items()
    }
    unused = ["/".join(place) for place in files if not any(place in members for members in of_run.values())]
    if unused:
        said.append(f"files that belong to no run with a loss are left out: {some(unused)}")
    return _joined(runs, asked, source, said)


def _nothing(source: str, paths: list[str]) -> None:
    """Refuses a folder without a loss, if there is anything else in it than settings."""
    for path in paths:
        if (what := named(path)) and ("tfevents" in path or path.endswith(".wandb")):
            raise UserError(f"{source}/{path} {what}.")
    if any(not path.endswith(".json") for path in paths):
        raise UserError(
            f"{source} has neither finished runs of a sweep nor logs with a loss (CSV, JSON or JSON Lines); give a table, or a "
            "folder with one log per run."
        )


def _run(name: str, files: Mapping[Place, File], asked: Mapping[str, str], source: str) -> Run:
    """The rows of a run: those of its log, or one of its results."""
    log = _log(name, files, source)
    columns: dict[str, list[Any]] = {}
    rows = [f"1 of {name}"]
    if log is not None:
        frame = log.frame
        refuse_training_loss(list(frame.columns), asked, f"{source}, run {name}")
        columns = {one: frame[one].tolist() for one in frame.columns}
        rows = [f"{row} of {name}" for row in log.rows]
    own = {"run": rows if _is_table(columns) else [name] * len(rows)}
    settings = _constants(
        {place: file.table for place, file in files.items() if not file.kind.is_log}, {*columns, "run"}
    )
    return Run(own | columns | {one: [cell] * len(rows) for one, cell in settings.items()}, rows)


def _log(name: str, files: Mapping[Place, File], source: str) -> Raw | None:
    """The log of a run; of several the only one with a usual loss."""
    logs = {place: file.table for place, file in files.items() if file.kind.is_log and file.kind.has_loss}
    if len(logs) > 1:
        usual = {place: table for place, table in logs.items() if usual_losses(table.frame.columns)}
        logs = usual if len(usual) == 1 else logs
    if len(logs) > 1:
        raise UserError(
            f"{source} has several logs of run {shown(name)} ({some(['/'.join(one) for one in logs])}); keep the one with the "
            "loss of the evaluation."
        )
    return next(iter(logs.values()), None)


def _is_table(columns: Mapping[str, Sequence[Any]]) -> bool:
    """Whether rows are runs of several sizes, and not the steps of one."""
    if any(name.lower() in _STEPS for name in columns):
        return False
    sizes = (cells for name, cells in columns.items() if is_usual(name, *_SIZES))
    return any(len({str(cell) for cell in cells if not isinstance(cell, list | dict)}) > 1 for cells in sizes)


def _constants(tables: Mapping[Place, Raw], taken: set[str]) -> dict[str, Any]:
    """Settings and results of a run; those of one name and several values have the names of their files before them."""
    found: dict[str, dict[str, Any]] = {}
    for place, table in tables.items():
        for name in table.frame.columns:
            values = found.setdefault(name, {})
            file = name_of(place) if name_of(place) not in values else "/".join((*place[:-1], name_of(place)))
            values[file] = table.frame[name].tolist()[0]
    constants = {}
    for name, values in found.items():
        if name not in taken and len(set(map(_identity, values.values()))) == 1:
            constants[name] = next(iter(values.values()))
        else:
            constants |= {f"{file}.{name}": cell for file, cell in values.items()}
    return constants


def _identity(cell: Any) -> object:
    """What two equal cells share; lists are not compared."""
    return id(cell) if isinstance(cell, list | dict) else repr(cell)


def _joined(runs: Mapping[str, Run], asked: Mapping[str, str], source: str, said: list[str]) -> Raw:
    """The rows of all runs that have a loss."""
    names = list(dict.fromkeys(name for run in runs.values() for name in run.columns))
    losses = loss_columns(names, asked)
    kept = {name: _with_loss(run, losses) for name, run in runs.items()}
    without = [name for name, rows in kept.items() if not rows]
    dropped = sum(len(runs[name].rows) - len(rows) for name, rows in kept.items() if rows)
    if dropped:
        said.append(f"{dropped} rows of logs are left out: they have no {' or '.join(map(shown, losses))}")
    if without:
        said.append(f"{len(without)} of {len(runs)} runs have no loss and are left out: {some(without)}")
    names_of_runs = {run.columns["run"][at] for name, run in runs.items() for at in kept[name]}
    said.append(f"the column run has the names of the {len(names_of_runs)} runs with a loss in {source}")

    def cells(name: str) -> list[Any]:
        return [run.columns[name][at] if name in run.columns else None for key, run in runs.items() for at in kept[key]]

    rows = [run.rows[at] for key, run in runs.items() for at in kept[key]]
    return raw_table(((name, cells(name)) for name in names), rows, source, said)


def _with_loss(run: Run, losses: Sequence[str]) -> list[int]:
    """The positions of the rows that have a loss."""
    cells = [run.columns[name] for name in losses if name in run.columns]
    return [at for at in range(len(run.rows)) if not losses or not all(is_blank(column[at]) for column in cells)]
