"""Folders of runs: the state of each run, and the finished runs as a table.

    SWEEP/NAME/config.json     the run has started
    SWEEP/NAME/result.json     the run has finished or diverged; written last
    SWEEP/NAME/failed.json     the run failed, and why

SWEEP is a path, or the address of any fsspec file system such as s3://bucket/sweep. An incomplete result, from a damaged
disk or an interrupted copy, counts as missing.
"""

from __future__ import annotations

import errno
import json
import os
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sparselaw.errors import UserError, first_line
from sparselaw.runs.table import Runs

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

CONFIG_FILE, RESULT_FILE, FAILED_FILE = "config.json", "result.json", "failed.json"
FINISHED, DIVERGED, FAILED, UNFINISHED = "finished", "diverged", "failed", "unfinished"
_NEEDED = {"status", "nonzero_params", "sparsity", "data", "data_unit", "loss"}
_NOT_COLUMNS = ("status", "loss_unit", "versions")


@dataclass(frozen=True)
class RunState:
    """The folder of one run.

    Attributes:
        name: name of the folder.
        state: `finished`, `diverged`, `failed`, or `unfinished` if the run is in progress or interrupted.
        record: contents of result.json or failed.json; empty if unfinished.
        config: contents of config.json; empty if it is missing or damaged.
    """

    name: str
    state: str
    record: dict[str, Any] = field(default_factory=dict, repr=False)
    config: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def reason(self) -> str:
        """Why the run failed; empty if it did not."""
        return self.record.get("reason", "unknown") if self.state == FAILED else ""


def is_address(source: str) -> bool:
    """Whether a source is an address such as s3://bucket/sweep rather than a path."""
    return "://" in source


def open_address(source: str) -> tuple[AbstractFileSystem, str]:
    """The file system of a path or address, and the path there.

    Raises:
        UserError: if the kind of address is unknown, or its package is not installed.
    """
    import fsspec

    try:
        return fsspec.core.url_to_fs(source)
    except (ImportError, ValueError) as error:
        raise UserError(f"{source} cannot be opened ({error}); check the address.") from error


def parse_result(content: bytes) -> dict[str, Any] | None:
    """The contents of a result.json; None if it is damaged."""
    try:
        record = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and record.keys() >= _NEEDED else None


def scan(source: str) -> list[RunState]:
    """The runs in a folder, sorted by name.

    Raises:
        UserError: if the folder does not exist or cannot be read.
    """
    fs, root = open_address(source)
    root = root.rstrip("/")
    try:
        if fs.isfile(root):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        names = sorted(path.rsplit("/", 1)[-1] for path in fs.ls(root, detail=False))
        contents = _read_all(
            fs, [f"{root}/{name}/{file}" for name in names for file in (RESULT_FILE, FAILED_FILE, CONFIG_FILE)]
        )
    except Exception as error:  # at an address, each file system has errors of its own
        if not (isinstance(error, OSError) or is_address(source)):
            raise
        reason = getattr(error, "strerror", None) or first_line(error)
        raise UserError(f"{source} cannot be read as a folder of runs ({reason}); give another folder.") from error
    found = (
        _state(name, *(contents.get(f"{root}/{name}/{file}") for file in (RESULT_FILE, FAILED_FILE, CONFIG_FILE)))
        for name in names
    )
    return [state for state in found if state]


def _read_all(fs: AbstractFileSystem, paths: list[str]) -> dict[str, bytes]:
    """Contents of those files that exist, read in parallel if the file system can."""
    found = fs.cat(paths, on_error="return") if paths else {}
    for error in found.values():
        if isinstance(error, Exception) and not isinstance(error, FileNotFoundError | NotADirectoryError):
            raise error
    return {path: content for path, content in found.items() if isinstance(content, bytes)}


def _state(name: str, result: bytes | None, failed: bytes | None, config: bytes | None) -> RunState | None:
    if result is None and failed is None and config is None:
        return None
    settings = _mapping(config)
    if result is not None and (record := parse_result(result)):
        return RunState(name, record["status"], record, settings)
    if failed is not None:
        return RunState(name, FAILED, _mapping(failed), settings)
    return RunState(name, UNFINISHED, config=settings)


def _mapping(content: bytes | None) -> dict[str, Any]:
    try:
        found = json.loads(content or b"{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def runs_in(source: str) -> Runs:
    """The finished runs in a folder as a table, with the name of each run's folder as `run_id`.

    Raises:
        UserError: if no run is finished, or the runs count data in different units.
    """
    from pandas import DataFrame

    states = scan(source)
    finished = [state for state in states if state.state == FINISHED]
    others = Counter(state.state for state in states if state.state != FINISHED)
    left_out = ", ".join(f"{count} {state}" for state, count in sorted(others.items()))
    if not finished:
        found = f"{source} holds no finished run" + (f" ({left_out})" if left_out else "")
        raise UserError(f"{found}; train some with sparselaw sweep.")
    units = sorted({state.record["data_unit"] for state in finished})
    if len(units) > 1:
        raise UserError(
            f"{source} holds runs on {' and on '.join(units)}, which no law can share; put them in separate folders."
        )
    frame = DataFrame([{"run_id": state.name} | _columns(state.record) for state in finished])
    runs = Runs.from_frame(frame, name=source.rstrip("/").rsplit("/", 1)[-1], data_unit=units[0])
    if not left_out:
        return runs
    return replace(runs, warnings=(*runs.warnings, f"{source} has runs that are not in the table: {left_out}."))


def _columns(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in _NOT_COLUMNS}
