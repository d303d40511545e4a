"""The k-th smallest magnitude by counting digits of its bits, 16 at a time: no memory, no host synchronisation, and
sums over ranks.

Keys as in `ranking`. Each pass counts the values of the next digit among the keys that share the digits found so
far; where the running count reaches k is the next digit. One pass for 16-bit floats, two for 32-bit, four for 64-bit.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from sparselaw.prune.ranking import KEY_TYPES, Cut, Ranked

DIGIT = 16


def count_cut(tensors: Sequence[Ranked], num_zeros: int, *, reduce: Callable[[Tensor], object] | None = None) -> Cut:
    """The cut of `thresholds.find_cut`, on the tensors' device.

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


def _count(tensors: Sequence[Ranked], prefix: Tensor, shift: int) -> Tensor:
    counts = torch.zeros(1 << DIGIT, dtype=torch.int64, device=prefix.device)
    for tensor in tensors:
        for keys, _, protected in tensor.chunks():
            # In two steps, because a shift by the whole width is not defined.
            matches = (keys >> (shift + DIGIT - 1) >> 1) == prefix.to(keys.dtype)
            if protected is not None:
                matches &= ~protected
            digits = (keys >> shift).to(torch.int64) & ((1 << DIGIT) - 1)
            counts.scatter_add_(0, digits, matches.to(torch.int64))
    return counts
