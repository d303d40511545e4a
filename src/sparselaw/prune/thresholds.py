"""The exact k-th smallest magnitude without sorting, and the mask for it.

On a CPU a sample of the keys (see `ranking`) gives a narrow bracket that almost surely holds the k-th. One pass in
cache-sized pieces counts what is below and keeps what is inside (about 1.5%), and only that is partitioned.

If the bracket misses or holds too much (many equal weights), and on other devices, digits are counted instead: 16 bits
of the key at a time, from the highest. Each pass counts the values of the next digit among the keys that share the
digits found so far; the digit is where the running count reaches k. This takes one pass for 16-bit floats, two for
32-bit and four for 64-bit, needs no memory and no host synchronisation, and counts add up over ranks.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sparselaw.prune.ranking import KEY_TYPES, Cut, Ranked, bits_of, write_mask

SAMPLE = 1 << 16
DIGIT = 16


def find_cut(tensors: Sequence[Ranked], num_zeros: int) -> Cut:
    """The cut that prunes exactly `num_zeros` of the unprotected weights of all tensors together.

    All tensors have one device and one type; 1 <= num_zeros <= number of unprotected weights.
    """
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


def count_cut(tensors: Sequence[Ranked], num_zeros: int, *, reduce: Callable[[Tensor], object] | None = None) -> Cut:
    """The same cut, found by counting digits on the tensors' device.

    Args:
        tensors: of one type, on one device; under sharding this rank's pieces.
        num_zeros: unprotected weights to prune, over all ranks.
        reduce: sums a tensor of counts over ranks in place.
    """
    device = tensors[0].scores.device
    wanted = torch.full((1,), num_zeros, dtype=torch.int64, device=device)
    prefix = torch.zeros(1, dtype=torch.int64, device=device)
    counted = wanted
    for shift in range(8 * tensors[0].scores.element_size() - DIGIT, -1, -DIGIT):
        counts = _count(tensors, prefix, shift)
        if reduce is not None:
            reduce(counts)
        running = counts.cumsum(0)
        digit = torch.searchsorted(running, wanted)
        counted = counts.gather(0, digit)
        wanted = wanted - (running.gather(0, digit) - counted)
        prefix = (prefix << DIGIT) | digit
    return Cut(prefix.to(KEY_TYPES[tensors[0].scores.dtype]), counted - wanted)


def prune_together(tensors: Sequence[Ranked], num_zeros: int) -> list[Any]:
    """Prunes the smallest `num_zeros` weights of all tensors together.

    Returns:
        For each tensor, the number of mask entries that changed.
    """
    cut = find_cut(tensors, num_zeros)
    flips = []
    for tensor in tensors:
        num_kept, changed = write_mask(tensor, cut)
        cut = Cut(cut.key, cut.num_ties - num_kept)
        flips.append(changed)
    return flips


def _bracket(tensors: Sequence[Ranked], num_zeros: int) -> tuple[int, int]:
    """Two keys around the threshold: four standard errors of a sample's quantile to each side."""
    total = sum(tensor.scores.numel() for tensor in tensors)
    # An odd stride visits all columns of matrices whose width is a power of two.
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
    """Number of unprotected keys below the bracket, and the keys inside it; no keys if there are too many to store."""
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


def _count(tensors: Sequence[Ranked], prefix: Tensor, shift: int) -> Tensor:
    counts = torch.zeros(1 << DIGIT, dtype=torch.int64, device=prefix.device)
    for tensor in tensors:
        for keys, _, protected in tensor.chunks():
            # In two steps, because a shift by the whole width is undefined.
            matches = (keys >> (shift + DIGIT - 1) >> 1) == prefix.to(keys.dtype)
            if protected is not None:
                matches &= ~protected
            digits = (keys >> shift).to(torch.int64) & ((1 << DIGIT) - 1)
            counts.scatter_add_(0, digits, matches.to(torch.int64))
    return counts
