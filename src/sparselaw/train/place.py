"""Where a run's folder is: held by one process at a time, on a disk that may be full, or at an address."""

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
    """Another process trains in the folder at this moment."""


class FolderNotWritableError(UserError):
    """The disk is full, or the folder may not be written."""


def read_result(folder: str | Path) -> dict[str, Any] | None:
    """What result.json of a run's folder holds; None if the run is not done, or the file is damaged."""
    path = Path(folder) / RESULT_FILE
    if not path.exists():
        return None
    if (result := parse_result(path.read_bytes())) is None:
        warnings.warn(f"{path} is damaged and is made again.", SparselawWarning, stacklevel=2)
    return result


def mark_failed(folder: Path, reason: str, *, details: str = "") -> None:
    """Leaves the reason why a run could not go on in its folder, until it is trained again."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / FAILED_FILE, json.dumps({"reason": reason, "details": details}, indent=1))


@contextmanager
def open_place(folder: str | Path, *, is_first: bool) -> Iterator[tuple[Path, Callable[[], None]]]:
    """The folder on this machine's disk, held by this process alone, and what publishes its state elsewhere."""
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
        raise FolderInUseError(f"Another process trains in {local}; wait for it, or choose another folder.") from error
    except OSError as error:
        raise not_writable(folder, error.strerror) from error
    try:
        yield local, lambda: None
    finally:
        lock.release()


def problem_of_disk(error: Exception, folder: Path) -> str | None:
    """What is wrong with the disk if that is what is wrong; torch and safetensors have no error of their own for it."""
    if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
        return os.strerror(error.errno)
    return "the disk is full" if shutil.disk_usage(folder).free < _LEAST_FREE_BYTES else None


def not_writable(folder: str | Path, problem: str | None) -> FolderNotWritableError:
    return FolderNotWritableError(
        f"{folder} cannot be written ({problem}); make room or choose another place, then go on."
    )
