"""safetensors files written and checked tensor by tensor, with one tensor in memory at a time and a checksum of the content.

A file holds the length of its header, the header as JSON, and the tensors' bytes. The format requires the header first and
tensors aligned to their type without gaps, so bytes are collected in temporary files, one for each width of type.
"""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

import torch
from torch import Tensor

from sparselaw.errors import UserError
from sparselaw.files import replacing

METADATA, CHECKSUM = "__metadata__", "crc32"
TYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.float8_e4m3fn: "F8_E4M3", torch.float8_e5m2: "F8_E5M2", torch.complex64: "C64", torch.bool: "BOOL",
    torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8",
    torch.uint64: "U64", torch.uint32: "U32", torch.uint16: "U16", torch.uint8: "U8",
}  # fmt: skip
_WIDTHS = (8, 4, 2, 1)
_CHUNK = 1 << 20
_MAX_HEADER = 100_000_000  # the limit of safetensors


@contextmanager
def writing(path: Path) -> Iterator[tuple[Callable[[str, Tensor], None], dict[str, str]]]:
    """Gives a function that adds a tensor, and the metadata to fill; the complete file appears at the end.

    Raises:
        UserError: if safetensors does not support the type of a tensor.
        OSError: if it cannot be written.
    """
    metadata: dict[str, str] = {}
    with ExitStack() as stack:
        waiting = {w: stack.enter_context(TemporaryFile(dir=path.parent)) for w in _WIDTHS}
        entries: dict[int, list[tuple[str, str, list[int], int]]] = {w: [] for w in _WIDTHS}

        def add(name: str, tensor: Tensor) -> None:
            if tensor.dtype not in TYPES:
                raise UserError(f"{name} has the type {tensor.dtype}, which safetensors does not support; convert it.")
            width = tensor.element_size()
            entries[width].append((name, TYPES[tensor.dtype], list(tensor.shape), tensor.nbytes))
            if tensor.numel():
                waiting[width].write(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)

        yield add, metadata
        header = _header([entry for w in _WIDTHS for entry in entries[w]], metadata)
        for file in waiting.values():
            file.seek(0)
        header[METADATA][CHECKSUM] = str(_checksum(header, list(waiting.values())))
        with replacing(path) as whole:
            text = json.dumps(header, separators=(",", ":")).encode()
            text += b" " * (-len(text) % 8)
            whole.write(len(text).to_bytes(8, "little") + text)
            for file in waiting.values():
                file.seek(0)
                shutil.copyfileobj(file, whole, _CHUNK)


def read_header(path: Path) -> dict[str, Any]:
    """The header of a file; verifies the checksum if there is one.

    Raises:
        UserError: if the file cannot be read or is damaged.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 1 < length <= min(_MAX_HEADER, path.stat().st_size - 8):
                raise ValueError("the length of its header is impossible")
            header = json.loads(file.read(length))
            metadata = header.setdefault(METADATA, {})
            checksum = metadata.pop(CHECKSUM, None)
            if checksum is not None and checksum != str(_checksum(header, [file])):
                raise ValueError("its checksum differs")
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); give another file.") from error
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise UserError(f"{path} is damaged or not a safetensors file ({_brief(error)}); give another file.") from error
    return header


def entry_size(name: str, tensor: Tensor) -> int:
    """Bytes of a tensor in a file, including its entry in the header."""
    return tensor.nbytes + len(json.dumps({name: _entry("BF16", list(tensor.shape), 10**6, 10**6)}))


def _header(entries: list[tuple[str, str, list[int], int]], metadata: dict[str, str]) -> dict[str, Any]:
    header, end = {METADATA: dict(metadata)}, 0
    for name, dtype, shape, nbytes in entries:
        header[name] = _entry(dtype, shape, end, end + nbytes)
        end += nbytes
    return header


def _entry(dtype: str, shape: list[int], start: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def _checksum(header: dict[str, Any], files: list[BinaryIO]) -> int:
    """CRC-32 of the header with sorted keys and of the rest of the files."""
    crc = zlib.crc32(json.dumps(header, sort_keys=True, separators=(",", ":")).encode())
    for file in files:
        while chunk := file.read(_CHUNK):
            crc = zlib.crc32(chunk, crc)
    return crc


def _brief(error: Exception) -> str:
    return str(error).split("\n")[0][:100]
