"""The k-th smallest magnitude, exactly, without sorting; and the mask that it gives.

The bits of an IEEE number without its sign, read as an integer (its key), are ordered as its magnitude is: one
algorithm serves all float types, -0 and subnormals, and counts are integers. On a CPU a sample of the keys gives a
narrow bracket in which the k-th surely lies; one pass in cache-sized pieces counts what is below and keeps what is
inside (about 1.5%), and only that is partitioned. If the bracket misses, or holds too much (many equal weights), and
on other devices, `counting` is used, which needs no memory.

Of weights with equal magnitude at the threshold, the ones with the lowest index are kept. A weight pruned before
never comes back before one that was not.
"""

import math
from collections.abc import Iterator, Sequence
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
SAMPLE = 1 << 16
HOST_CHUNK = 1 << 16
DEVICE_CHUNK = 1 << 24


@dataclass(frozen=True)
class Cut:
    """Where magnitudes are cut: keys above `key` stay, and of those equal to it the first `num_ties`.

    Both are scalars: int where the host knows them (CPU), tensors where asking would make it wait for the device.
    """

    key: Tensor | int
    num_ties: Tensor | int


@dataclass(frozen=True)
class Ranked:
    """A tensor to rank, flat: its scores (only magnitudes count), its present mask, and the weights that must stay,
    if any."""

    scores: Tensor
    mask: Tensor
    protected: Tensor | None = None

    def chunks(self) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        """Keys, mask and protected weights in pieces, so that no temporary is as large as the tensor."""
        return _pieces(bits_of(self.scores), self.mask, self.protected, size=DEVICE_CHUNK)

    def host_chunks(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
        """The same for a tensor in the CPU's memory, shared with NumPy, in pieces that fit its cache."""
        protected = None if self.protected is None else self.protected.numpy()
        return _pieces(bits_of(self.scores).numpy(), self.mask.numpy(), protected, size=HOST_CHUNK)


def bits_of(tensor: Tensor) -> Tensor:
    """A floating-point tensor's bits as integers, sharing its memory."""
    return tensor.view(KEY_TYPES[tensor.dtype])


def find_cut(tensors: Sequence[Ranked], num_zeros: int) -> Cut:
    """The cut that prunes exactly `num_zeros` of the unprotected weights of all tensors together.

    Tensors are on one device and of one type; 1 <= num_zeros <= number of unprotected weights.
    """
    from sparselaw.prune.counting import count_cut

    if tensors[0].scores.device.type != "cpu":
        return count_cut(tensors, num_zeros)
    lowest, highest = _bracket(tensors, num_zeros)
    below, inside = _scan(tensors, lowest, highest)
    if not below < num_zeros <= below + len(inside):
        return count_cut(tensors, num_zeros)
    place = num_zeros - below - 1
    inside.partition(place)
    key = inside[place]
    num_pruned_ties = place + 1 - np.count_nonzero(inside[:place] < key)
    return Cut(int(key), int(np.count_nonzero(inside == key) - num_pruned_ties))


def prune_together(tensors: Sequence[Ranked], num_zeros: int) -> list[Any]:
    """Prunes the smallest `num_zeros` weights of all tensors together and returns, for each, the number of mask
    entries that changed."""
    cut = find_cut(tensors, num_zeros)
    flips = []
    for tensor in tensors:
        num_kept, changed = write_mask(tensor, cut)
        cut = Cut(cut.key, cut.num_ties - num_kept)
        flips.append(changed)
    return flips


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
    """Unprotected weights at the threshold that have not been pruned before: at zero those rank behind."""
    tie = (keys == key) & mask
    return tie if protected is None else tie & ~protected


def _pieces(bits: Any, mask: Any, protected: Any, *, size: int) -> Iterator[tuple[Any, Any, Any]]:
    # Signs go: all bits but the highest.
    largest = (1 << 8 * bits.itemsize - 1) - 1
    for start in range(0, len(bits), size):
        piece = slice(start, start + size)
        yield bits[piece] & largest, mask[piece], None if protected is None else protected[piece]


def _bracket(tensors: Sequence[Ranked], num_zeros: int) -> tuple[int, int]:
    """Keys between which the wanted one lies, four standard errors of a sample's quantile to each side."""
    total = sum(tensor.scores.numel() for tensor in tensors)
    # An odd stride walks over the columns of matrices whose width is a power of two.
    stride = max(1, total // SAMPLE) | 1
    parts = []
    for tensor in tensors:
        part = bits_of(tensor.scores).numpy()[::stride]
        parts.append(part if tensor.protected is None else part[~tensor.protected.numpy()[::stride]])
    sample = np.concatenate(parts)
    largest = np.iinfo(sample.dtype).max
    if total <= 2 * SAMPLE or len(sample) < 2:
        return 0, int(largest)
    sample &= largest
    free = total - sum(int(t.protected.count_nonzero()) for t in tensors if t.protected is not None)
    quantile = num_zeros / free
    margin = 4 * math.sqrt(quantile * (1 - quantile) * len(sample)) + 2
    low, high = math.floor(quantile * len(sample) - margin), math.ceil(quantile * len(sample) + margin)
    wanted = [place for place in (low, high) if 0 <= place < len(sample)]
    sample.partition(wanted)
    return int(sample[low]) if low >= 0 else 0, int(sample[high]) if high < len(sample) else int(largest)


def _scan(tensors: Sequence[Ranked], lowest: int, highest: int) -> tuple[int, np.ndarray]:
    """Number of unprotected keys below the bracket, and the keys inside it; none if they are too many to hold."""
    total = sum(tensor.scores.numel() for tensor in tensors)
    below, room, parts = 0, total // 16 + 2 * SAMPLE, []
    for tensor in tensors:
        for keys, _, protected in tensor.host_chunks():
            free = keys if protected is None else keys[~protected]
            small = free < lowest
            below += int(np.count_nonzero(small))
            parts.append(free[(free <= highest) ^ small])
            room -= len(parts[-1])
            if room < 0:
                return 0, np.empty(0)
    return below, np.concatenate(parts)
