"""Weights ranked by magnitude, and the mask for a cut through the ranking.

The bits of an IEEE number without the sign, read as an integer (its key), have the order of the magnitudes. One
algorithm thus serves all float types, -0 and subnormals, and counts are integers. Among weights with the
magnitude of the threshold, those with the lowest index are kept; a weight pruned before ranks behind the others.

The same code works on NumPy arrays (CPU, where they are several times faster than PyTorch on such pieces) and on
tensors (other devices).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

KEY_TYPES = {
    torch.float16: torch.int16,
    torch.bfloat16: torch.int16,
    torch.float32: torch.int32,
    torch.float64: torch.int64,
}
HOST_CHUNK = 1 << 16
DEVICE_CHUNK = 1 << 24


@dataclass(frozen=True)
class Cut:
    """A threshold: keys above `key` stay, and of the keys equal to it the first `num_ties`.

    Both are int on the CPU, and tensors on other devices, where reading them would wait for the device.
    """

    key: Tensor | int
    num_ties: Tensor | int


@dataclass(frozen=True)
class Ranked:
    """A flat tensor to rank: its scores (only magnitudes count), its current mask, and the weights that must stay, if any."""

    scores: Tensor
    mask: Tensor
    protected: Tensor | None = None

    def chunks(self) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        """Keys, mask and protected weights in pieces, so that no temporary is as large as the tensor."""
        return _pieces(bits_of(self.scores), self.mask, self.protected, size=DEVICE_CHUNK)

    def host_chunks(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
        """As `chunks`, as NumPy arrays that share the tensor's CPU memory, in pieces that fit the cache."""
        protected = None if self.protected is None else self.protected.numpy()
        return _pieces(bits_of(self.scores).numpy(), self.mask.numpy(), protected, size=HOST_CHUNK)


def bits_of(tensor: Tensor) -> Tensor:
    """A floating-point tensor's bits as integers, sharing its memory."""
    return tensor.view(KEY_TYPES[tensor.dtype])


def adopt_protected(tensor: Ranked) -> Tensor:
    """Prunes all weights but the protected ones and returns the number of mask entries that changed."""
    assert tensor.protected is not None
    changed = (tensor.mask ^ tensor.protected).count_nonzero()
    tensor.mask.copy_(tensor.protected)
    return changed


def write_mask(tensor: Ranked, cut: Cut) -> tuple[Any, Any]:
    """Writes the mask of a tensor in place and returns how many ties it kept and how many entries it changed."""
    on_host = isinstance(cut.key, int)
    count: Any = np.count_nonzero if on_host else torch.count_nonzero
    num_kept = num_changed = 0
    chunks: Iterator[tuple[Any, Any, Any]] = tensor.host_chunks() if on_host else tensor.chunks()
    for keys, mask, protected in chunks:
        keep = keys > cut.key
        if not (on_host and num_kept == cut.num_ties):
            tie = ties(keys, mask, protected, key=cut.key)
            tie &= tie.cumsum(0) <= cut.num_ties - num_kept
            num_kept += count(tie)
            keep |= tie
        if protected is not None:
            keep |= protected
        num_changed += count(keep ^ mask)
        mask[:] = keep
    return num_kept, num_changed


def ties(keys: Any, mask: Any, protected: Any, *, key: Any) -> Any:
    """Unprotected weights at the threshold that were not pruned before; at zero, pruned weights rank behind."""
    tie = (keys == key) & mask
    return tie if protected is None else tie & ~protected


def _pieces(bits: Any, mask: Any, protected: Any, *, size: int) -> Iterator[tuple[Any, Any, Any]]:
    # All bits except the sign.
    largest = (1 << 8 * bits.itemsize - 1) - 1
    for start in range(0, len(bits), size):
        piece = slice(start, start + size)
        yield bits[piece] & largest, mask[piece], None if protected is None else protected[piece]
