"""The k-th smallest magnitude, exactly, without sorting; and the mask that it gives.

On a CPU a sample of the keys (see `ranking`) gives a narrow bracket in which the k-th surely lies; one pass in
cache-sized pieces counts what is below and keeps what is inside (about 1.5%), and only that is partitioned. If the
bracket misses, or holds too much (many equal weights), and on other devices, `counting` is used, which needs no memory.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sparselaw.prune.counting import count_cut
from sparselaw.prune.ranking import Cut, Ranked, bits_of, write_mask

SAMPLE = 1 << 16


def find_cut(tensors: Sequence[Ranked], num_zeros: int) -> Cut:
    """The cut that prunes exactly `num_zeros` of the unprotected weights of all tensors together.

    Tensors are on one device and of one type; 1 <= num_zeros <= number of unprotected weights.
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
