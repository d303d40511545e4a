"""The folder of a run: locked by one process at a time, on a disk that may be full, or at an address."""

import errno
import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from sparselaw.errors import SparselawWarning, UserError
from sparselaw.files import write_atomically
from sparselaw.runs.folders import FAILED_FILE, RESULT_FILE, is_address, parse_result
from sparselaw.train.mirror import mirrored

LOCK = ".lock"
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
_LEAST_FREE_BYTES = 1 << 20


class FolderInUseError(UserError):
    """Another process is training in the folder."""


class FolderNotWritableError(UserError):
    """The disk is full, or the folder is read-only."""


def read_result(folder: str | Path) -> dict[str, Any] | None:
    """The contents of result.json in the folder of a run; None if the run has not ended.

    Warns and returns None if the file is damaged.
    """
    path = Path(folder) / RESULT_FILE
    if not path.exists():
        return None
    if (result := parse_result(path.read_bytes())) is None:
        warnings.warn(f"{path} is damaged and will be written again.", SparselawWarning, stacklevel=2)
    return result


def mark_failed(folder: Path, reason: str, *, details: str = "") -> None:
    """Writes the reason why a run failed to its folder, where it stays until the run is trained again."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / FAILED_FILE, json.dumps({"reason": reason, "details": details}, indent=1))


@contextmanager
def open_place(folder: str | Path, *, is_first: bool) -> Iterator[tuple[Path, Callable[[], None]]]:
    """Gives the locked folder on this machine, and a function that copies it to its address, if it has one.

    Raises:
        FolderInUseError: if another process is training in the folder.
        FolderNotWritableError: if the folder cannot be written.
        UserError: if the address cannot be read or written.
    """
    if is_address(str(folder)):
        with mirrored(str(folder), is_first=is_first) as opened:
            yield opened
        return
    local = Path(folder)
    if not is_first:
        yield local, lambda: None
        return
    lock = FileLock(local / LOCK)
    try:
        local.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise FolderInUseError(
            f"Another process is training in {local}; wait for it, or choose another folder."
        ) from error
    except OSError as error:
        raise not_writable(folder, error.strerror) from error
    try:
        yield local, lambda: None
    finally:
        lock.release()


def problem_of_disk(error: Exception, folder: Path) -> str | None:
    """What is wrong with the disk, None if it is not the cause; torch and safetensors do not raise OSError for it."""
    if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
        return os.strerror(error.errno)
    return "the disk is full" if shutil.disk_usage(folder).free < _LEAST_FREE_BYTES else None


def not_writable(folder: str | Path, problem: str | None) -> FolderNotWritableError:
    return FolderNotWritableError(
        f"{folder} cannot be written ({problem}); free space or choose another folder, then start again."
    )
