"""Sparse tensors as smaller tensors and back, bit for bit.

    bitmask  `compressed` values, `bitmask` a bit a weight (rows padded to bytes, lowest bit first), `row_offsets`, `shape`:
             the layout and names of compressed-tensors' sparse-bitmask
    delta    `compressed`, and in `gaps` the zeros before each value in codes of k bits; the highest code, 2^k - 1,
             stands for that many zeros and no value
    n:m      `compressed` n values of each m consecutive weights of a row, `positions` in the group of ceil(log2 m) bits
    csr      `compressed`, `columns`, `row_offsets`

A weight is zero if all its bits are: -0 and NaNs are values and keep their bits. NumPy works on integers of the weights'
width.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sparselaw.errors import UserError

WIDTHS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
MAX_GAP_BITS = 16
GROUPS = (2, 4, 8, 16)
PARTS = {
    "bitmask": ("compressed", "bitmask", "row_offsets", "shape"),
    "delta": ("compressed", "gaps"),
    "n:m": ("compressed", "positions"),
    "csr": ("compressed", "columns", "row_offsets"),
}
_FORMAT = re.compile(r"bitmask|delta([1-9]|1[0-6])?|csr(16|32|64)?|([1-9][0-9]?):([1-9][0-9]?)")
_CODES = 1 << 16  # codes packed at a time; a multiple of 8, so that pieces end at byte boundaries


@dataclass(frozen=True)
class Encoded:
    """An encoded tensor; `format` includes its numbers, such as delta3, csr32 or 2:4."""

    format: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    parts: dict[str, Tensor]

    @property
    def nbytes(self) -> int:
        """Bytes of the parts."""
        return sum(part.nbytes for part in self.parts.values())


def check_format(format: str) -> None:
    """Raises a UserError for an unknown format.

    Raises:
        UserError: if it is not one of the formats above.
    """
    groups = format.partition(":")
    if not _FORMAT.fullmatch(format) or (groups[1] and int(groups[0]) >= int(groups[2])):
        raise UserError(
            f"{format!r} is not a file format; give auto, dense, bitmask, delta, csr, or n:m with n below m, such as 2:4."
        )


def kind_of(format: str) -> str:
    """The format without its numbers."""
    return "n:m" if ":" in format else format.rstrip("0123456789")


def encodings(tensor: Tensor, format: str) -> Iterator[Encoded]:
    """The tensor in a format, or in each that `auto` tries, n:m first; nothing if a format cannot hold it."""
    if not tensor.ndim or not tensor.numel() or tensor.is_complex():
        return
    formats = [*_patterns(tensor), "bitmask", "delta"] if format == "auto" else [format]
    yield from (encoded for f in formats if (encoded := _encode(tensor, f)))


def _patterns(tensor: Tensor) -> Iterator[str]:
    """The n:m patterns that a tensor follows, with the smallest n."""
    alive = bits_of(tensor) != 0
    for length in (m for m in GROUPS if tensor.shape[-1] % m == 0):
        kept = int(alive.reshape(-1, length).sum(1, dtype=np.uint8).max())
        if 0 < kept < length:
            yield f"{kept}:{length}"


def decode(encoded: Encoded) -> Tensor:
    """The original tensor.

    Raises:
        ValueError, IndexError, KeyError, TypeError, RuntimeError: if the parts do not fit together.
    """
    parts, size = encoded.parts, int(np.prod(encoded.shape, dtype=np.int64))
    values = parts["compressed"]
    _require(values.dtype == encoded.dtype and min(encoded.shape) > 0)
    bits = np.zeros(size, dtype=bits_of(values).dtype)
    match kind_of(encoded.format):
        case "bitmask":
            at = _alive_in_bitmask(parts["bitmask"].numpy(), encoded.shape)
        case "delta":
            at = _alive_in_gaps(parts["gaps"].numpy(), int(encoded.format[5:]), values.numel())
        case "n:m":
            at = _alive_in_groups(parts["positions"].numpy(), encoded.format, size)
        case "csr":
            num_columns = size // num_rows(encoded.shape)
            at = _alive_in_rows(parts["columns"].numpy(), parts["row_offsets"].numpy(), num_columns)
        case _:
            raise ValueError(encoded.format)
    _require(len(at) == values.numel() and (not len(at) or (at.min() >= 0 and at.max() < size)))
    bits[at] = bits_of(values)
    return torch.from_numpy(bits).view(encoded.dtype).reshape(encoded.shape)


def bits_of(tensor: Tensor) -> np.ndarray:
    """A tensor's bits as integers, flat, sharing its memory if it is contiguous."""
    return tensor.detach().cpu().contiguous().reshape(-1).view(WIDTHS[tensor.element_size()]).numpy()


def num_rows(shape: tuple[int, ...]) -> int:
    """Rows of a tensor read as a matrix: its first dimension; a vector is one row."""
    return shape[0] if len(shape) > 1 else 1


def count_negative_zeros(tensor: Tensor) -> int:
    """Number of weights that are -0 (only the highest bit set), which are stored as values."""
    if not tensor.is_floating_point() or tensor.element_size() == 1:
        return 0
    bits = bits_of(tensor)
    return int(np.count_nonzero(bits == np.iinfo(bits.dtype).min))


def _encode(tensor: Tensor, format: str) -> Encoded | None:
    bits, shape, numbers = bits_of(tensor), tuple(tensor.shape), format.removeprefix(kind_of(format))
    match kind_of(format):
        case "bitmask":
            parts = _bitmask(bits, shape)
        case "delta":
            at = np.flatnonzero(bits)
            gaps = np.diff(at, prepend=-1) - 1
            width = int(numbers) if numbers else _best_width(gaps)
            format, parts = f"delta{width}", {"compressed": bits[at], "gaps": pack(_gap_codes(gaps, width), width)}
        case "csr":
            largest = max(np.count_nonzero(bits), bits.size // num_rows(shape))
            dtype = np.dtype(f"int{numbers or (32 if largest < 2**31 else 64)}")
            if largest > np.iinfo(dtype).max:
                return None
            format, parts = f"csr{8 * dtype.itemsize}", _rows(bits.reshape(num_rows(shape), -1), dtype)
        case _:
            kept, length = map(int, format.split(":"))
            parts = _groups(bits, kept, length) if shape[-1] % length == 0 else None
            if parts is None:
                return None
    tensors = {name: torch.from_numpy(part) for name, part in parts.items()}
    return Encoded(format, tensor.dtype, shape, tensors | {"compressed": tensors["compressed"].view(tensor.dtype)})


def _bitmask(bits: np.ndarray, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    alive = (bits != 0).reshape(shape)
    counts = alive.reshape(num_rows(shape), -1).sum(1, dtype=np.int64)
    return {
        "compressed": bits[bits != 0],
        "bitmask": np.packbits(alive, axis=-1, bitorder="little"),
        "row_offsets": counts.cumsum() - counts,
        "shape": np.array(shape, dtype=np.int64),
    }


def _alive_in_bitmask(bitmask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    rows = bitmask.reshape(-1, -(-shape[-1] // 8))
    _require(len(rows) * shape[-1] == np.prod(shape))
    return np.flatnonzero(np.unpackbits(rows, axis=-1, count=shape[-1], bitorder="little"))


def _best_width(gaps: np.ndarray) -> int:
    lengths = np.bincount(gaps, minlength=1)
    gap = np.flatnonzero(lengths)
    spent = [k * int((lengths[gap] * (1 + gap // (2**k - 1))).sum()) for k in range(1, MAX_GAP_BITS + 1)]
    return 1 + int(np.argmin(spent))


def _gap_codes(gaps: np.ndarray, width: int) -> np.ndarray:
    longest = 2**width - 1
    codes = np.full(len(gaps) + int((gaps // longest).sum()), longest, dtype=np.uint16)
    codes[np.cumsum(gaps // longest + 1) - 1] = gaps % longest
    return codes


def _alive_in_gaps(packed: np.ndarray, width: int, num_values: int) -> np.ndarray:
    codes = unpack(packed, width)
    is_value = codes != 2**width - 1
    ends = np.cumsum(codes + is_value, dtype=np.int64) - 1
    _require(0 <= np.count_nonzero(is_value) - num_values < 8)  # the padding of the last byte reads as more values
    return ends[is_value][:num_values]


def _groups(bits: np.ndarray, kept: int, length: int) -> dict[str, np.ndarray] | None:
    groups = bits.reshape(-1, length)
    dead = groups == 0
    if (dead.sum(1, dtype=np.uint8) < length - kept).any():
        return None
    # The positions of the values, in order; a group with fewer values also stores the positions of its first zeros.
    positions = np.sort(np.argsort(dead, axis=1, kind="stable")[:, :kept].astype(np.uint8), axis=1)
    values = np.take_along_axis(groups, positions, axis=1)
    return {
        "compressed": values.reshape(-1),
        "positions": pack(positions.reshape(-1).astype(np.uint16), (length - 1).bit_length()),
    }


def _alive_in_groups(packed: np.ndarray, format: str, size: int) -> np.ndarray:
    kept, length = map(int, format.split(":"))
    num = size // length * kept
    positions = unpack(packed, (length - 1).bit_length())[:num].astype(np.int64)
    _require(len(positions) == num and positions.max() < length)
    return positions + np.repeat(np.arange(0, size, length), kept)


def _rows(bits: np.ndarray, dtype: np.dtype) -> dict[str, np.ndarray]:
    rows, columns = np.nonzero(bits)
    counts = np.bincount(rows, minlength=len(bits))
    return {
        "compressed": bits[bits != 0],
        "columns": columns.astype(dtype),
        "row_offsets": np.concatenate([[0], counts.cumsum()]).astype(dtype),
    }


def _alive_in_rows(columns: np.ndarray, row_offsets: np.ndarray, num_columns: int) -> np.ndarray:
    _require(not len(columns) or (columns.min() >= 0 and columns.max() < num_columns))
    counts = np.diff(row_offsets.astype(np.int64))
    return np.repeat(np.arange(len(counts)), counts) * num_columns + columns


def pack(codes: np.ndarray, width: int) -> np.ndarray:
    """Codes below 2^width as bytes, each in `width` bits, lowest first."""
    places = np.arange(width, dtype=np.uint16)
    pieces = [
        np.packbits((codes[start : start + _CODES, None] >> places & 1).astype(np.uint8), bitorder="little")
        for start in range(0, len(codes), _CODES)
    ]
    return np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.uint8)


def unpack(packed: np.ndarray, width: int) -> np.ndarray:
    """The codes in packed bytes; the padding of the last byte may read as more codes."""
    places, pieces = (1 << np.arange(width)).astype(np.uint16), [np.zeros(0, dtype=np.uint16)]
    for start in range(0, len(packed), _CODES // 8 * width):
        bits = np.unpackbits(packed[start : start + _CODES // 8 * width], bitorder="little")
        pieces.append(bits[: len(bits) // width * width].reshape(-1, width) @ places)
    return np.concatenate(pieces)


def _require(fits: bool | np.bool_) -> None:
    if not fits:
        raise ValueError("the parts do not fit together")
