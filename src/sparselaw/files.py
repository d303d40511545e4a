"""Files that are whole or not there, whatever happens while they are written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sparselaw.errors import UserError


def save(path: str | Path, content: str | bytes) -> None:
    """Writes a file where the user asked for it, with its folder, all of it or nothing.

    Raises:
        UserError: the place cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise UserError(f"Cannot write {path} ({error.strerror}); give another place.") from error


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes a small file so that readers see the old one or the new one, and nothing between.

    Raises:
        OSError: if it cannot be written; the old one is left as it was.
    """
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that takes the place of another, whole, when all is written.

    Raises:
        OSError: if it cannot be written; the old one is left as it was.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync(path.parent)


def sync(path: Path) -> None:
    """Has the system write a file or folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
