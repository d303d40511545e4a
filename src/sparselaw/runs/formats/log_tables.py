"""The files of a folder that hold tables, and whether the folder is a sweep of Sparselaw's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from sparselaw.errors import UserError, first_line
from sparselaw.runs.columns import shown
from sparselaw.runs.folders import (
    CONFIG_FILE,
    DIVERGED,
    FAILED,
    FINISHED,
    RESULT_FILE,
    open_address,
    parse_result,
    scan,
)
from sparselaw.runs.formats.archives import stem
from sparselaw.runs.formats.log_files import STATE, Kind, Place, places
from sparselaw.runs.formats.log_losses import has_loss
from sparselaw.runs.formats.raw import NoTableError, Raw

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

Reader = Callable[[bytes, str], Raw]
DEEPEST = 8  # folders in folders
_OURS = {"model", "data", "pruning", "learning_rate"}
"""Keys in the config.json of Sparselaw's own runs."""


class File(NamedTuple):
    """A file of a run: its table, and what it holds."""

    table: Raw
    kind: Kind


def is_sweep(source: str) -> bool:
    """Whether a folder has runs of Sparselaw's own, or is one.

    Raises:
        UserError: it cannot be read.
    """
    fs, root = open_address(source)
    result, config = (f"{root.rstrip('/')}/{name}" for name in (RESULT_FILE, CONFIG_FILE))
    own = any(
        state.state in (FINISHED, DIVERGED)
        or (state.state == FAILED and "reason" in state.record)
        or _is_ours(state.config)
        for state in scan(source)
    )
    if own or (fs.isfile(result) and parse_result(_content(fs, result)) is not None):
        return True
    with suppress(ValueError, RecursionError):
        return fs.isfile(config) and _is_ours(json.loads(_content(fs, config)))
    return False


def _is_ours(config: Any) -> bool:
    return isinstance(config, dict) and config.keys() >= _OURS


def paths_in(source: str) -> list[str]:
    """The paths of all files in a folder, from there.

    Raises:
        UserError: it cannot be read.
    """
    fs, root = open_address(source)
    try:
        found = fs.find(root, maxdepth=DEEPEST)
    except OSError as error:
        raise UserError(f"{source} cannot be read ({first_line(error)}); give another folder.") from error
    return [str(path)[len(root.rstrip("/")) + 1 :] for path in found]


def _content(fs: AbstractFileSystem, path: str) -> bytes:
    try:
        content = fs.cat_file(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({first_line(error)}); give another folder.") from error
    return content.encode() if isinstance(content, str) else content


def files_in(
    source: str, paths: Iterable[str], asked: Mapping[str, str], read: Reader
) -> tuple[dict[Place, File], list[str]]:
    """The tables of the files that may be logs or settings, by their place, and which of these files are left out.

    Args:
        source: path or address of the folder.
        paths: of its files, from there.
        asked: what the caller says of the columns.
        read: reads the content of a file with a name.

    Raises:
        UserError: a file is damaged.
    """
    fs, root = open_address(source)
    files: dict[Place, File] = {}
    no_tables = []
    for place, path in places(paths).items():
        content = _content(fs, f"{root.rstrip('/')}/{path}")
        try:
            if content.strip():
                files[place] = _file(read(content, f"{source}/{path}"), place, asked, f"{source}/{path}")
            else:
                no_tables.append(path)
        except NoTableError:
            no_tables.append(path)
    return files, [f"files that hold no table are left out: {some(no_tables)}"] if no_tables else []


def _file(table: Raw, place: Place, asked: Mapping[str, str], path: str) -> File:
    names = table.frame.columns
    if not names.is_unique:
        raise UserError(f"{path} has two columns named {shown(names[names.duplicated()][0])}; rename or remove one.")
    name = stem(place[-1]).lower()
    is_log = name == STATE or not (name.endswith(".json") and len(table.frame) == 1)
    return File(table, Kind(has_loss(table.frame, asked, is_log=is_log), is_log))


def some(names: Sequence[str]) -> str:
    """The first of some names, for a sentence."""
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
