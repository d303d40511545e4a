"""Compressed files: gzip, bzip2, xz, zstd, and zip with one file in it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from sparselaw.errors import UserError, first_line
from sparselaw.runs.formats.foreign import refuse_members

MOST_BYTES = 10**9
"""What a file may hold unpacked, so that a bomb is a sentence."""
ENDINGS = (".gz", ".bz2", ".xz", ".zst", ".zip")
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_WORKBOOK = "xl/workbook.xml"
_PIECE = 2**20


def _open_zstd(file: io.BytesIO) -> Any:
    from pyarrow import CompressedInputStream

    return CompressedInputStream(file, "zstd")


_OPEN: Mapping[bytes, tuple[str, Callable[[io.BytesIO], Any]]] = {
    b"\x1f\x8b": ("gzip", lambda file: gzip.GzipFile(fileobj=file)),
    b"BZh": ("bzip2", bz2.BZ2File),
    b"\xfd7zXZ": ("xz", lzma.LZMAFile),
    b"\x28\xb5\x2f\xfd": ("zstd", _open_zstd),
}


def unpacked(content: bytes, name: str, where: str) -> tuple[bytes, str]:
    """The content and name of the file in a compressed one; those given if it is not compressed, or a workbook of Excel.

    Args:
        content: bytes of the file.
        name: its name.
        where: its name for messages.

    Raises:
        UserError: it is damaged, too large, holds other than one file, or is a zstd file and pyarrow is not installed.
    """
    kind, opened = next((found for start, found in _OPEN.items() if content.startswith(start)), ("zip or Excel", None))
    if opened is None and not content.startswith(_ZIP):
        return content, name
    try:
        inside, inner = (
            _from_zip(content, name, where) if opened is None else (_read(opened, content, where), stem(name))
        )
        if inside is not content and _is_packed(inside, where):
            raise UserError(f"{where} holds another compressed file; unpack it and give the table.")
    except UserError:
        raise
    except ImportError as error:
        raise UserError(
            f"{where} is a zstd file, which needs pyarrow; install it, or unpack it with zstd -d."
        ) from error
    except Exception as error:  # a damaged file makes these readers raise nearly anything
        raise UserError(f"{where} is a damaged {kind} file ({first_line(error)}); copy or export it again.") from error
    return inside, inner


def stem(name: str) -> str:
    """A name without the ending of compression."""
    return next((name[: -len(end)] for end in ENDINGS if name.lower().endswith(end)), name)


def is_workbook(content: bytes) -> bool:
    """Whether the content is a zip of Excel, rather than anything else."""
    return content.startswith(_ZIP)  # every other zip has been unpacked or refused


def _read(opened: Callable[[io.BytesIO], Any], content: bytes, where: str) -> bytes:
    with opened(io.BytesIO(content)) as file:
        return _limited(file, where)


def _from_zip(content: bytes, name: str, where: str) -> tuple[bytes, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = _members(archive, where)
        if _WORKBOOK in members:
            return content, name
        if len(members) != 1:
            raise UserError(f"{where} is a zip of {len(members)} files; unpack it and give one, or the folder.")
        with archive.open(members[0]) as file:
            return _limited(file, where), PurePosixPath(members[0]).name


def _members(archive: zipfile.ZipFile, where: str) -> list[str]:
    """The names of the files in a zip that is not too large, nor the file of another program."""
    files = [one for one in archive.infolist() if not (one.is_dir() or one.filename.startswith("__MACOSX/"))]
    if sum(one.file_size for one in files) > MOST_BYTES:
        raise _too_large(where)
    names = [one.filename for one in files]
    refuse_members(names, where)
    return names


def _is_packed(content: bytes, where: str) -> bool:
    """Whether content is compressed once more; a workbook counts as a table."""
    if content.startswith(_ZIP):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _WORKBOOK not in _members(archive, where)
    return content.startswith(tuple(_OPEN))


def _limited(file: Any, where: str) -> bytes:
    pieces, size = [], 0
    while piece := file.read(_PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > MOST_BYTES:
            raise _too_large(where)
    return b"".join(pieces)


def _too_large(where: str) -> UserError:
    return UserError(f"{where} holds more than {MOST_BYTES / 1e9:g} GB unpacked; give the table alone.")
