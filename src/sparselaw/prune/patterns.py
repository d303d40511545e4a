"""Where zeros may be: anywhere, or n:m, that is n NON-ZEROS in each m consecutive inputs of an output.

2:4 is the pattern of NVIDIA's sparse tensor cores (Mishra et al. 2021, arXiv 2104.08378). During the ramp the weights
that n:m would keep rank before all others, which are pruned by magnitude: sparsity grows gradually, and the pattern is
exact at the end of the ramp (Frantar et al., arXiv 2309.08520). Of equal magnitudes in a group,
those with the lowest index are kept.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sparselaw.errors import UserError
from sparselaw.prune.ranking import DEVICE_CHUNK, HOST_CHUNK, bits_of


@dataclass(frozen=True)
class GroupPattern:
    """`num_kept` non-zeros in each group of `length` inputs."""

    num_kept: int
    length: int

    @property
    def sparsity(self) -> float:
        """Fraction of zeros."""
        return 1 - self.num_kept / self.length

    def __str__(self) -> str:
        """In the notation 2:4."""
        return f"{self.num_kept}:{self.length}"


def parse_pattern(text: str) -> GroupPattern | None:
    """The pattern in a text such as `2:4`; None for `unstructured`.

    Raises:
        UserError: if the text is neither, or n is not between 1 and m.
    """
    if text == "unstructured":
        return None
    match = re.fullmatch(r"([0-9]+):([0-9]+)", text)
    if match is None:
        raise UserError(f"{text!r} is not a pattern; give unstructured or n:m, such as 2:4.")
    pattern = GroupPattern(int(match[1]), int(match[2]))
    if not 1 <= pattern.num_kept <= pattern.length:
        raise UserError(f"The pattern {text} keeps {match[1]} of each {match[2]} weights; give n:m with 1 <= n <= m.")
    if pattern.length > 127:
        raise UserError(f"The pattern {text} has groups of {match[2]} weights; give groups of at most 127.")
    return pattern


def input_dim(module: nn.Module) -> int:
    """The dimension of a module's weight that holds the inputs: the last, except in convolutions and the Conv1D of
    `transformers`."""
    if isinstance(module, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d) or _is_conv1d(module):
        return 0
    return 1 if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d) else -1


def keep_groups(scores: Tensor, pattern: GroupPattern, *, mask: Tensor, dim: int) -> Tensor:
    """The weights that n:m keeps by magnitude, as a mask of the scores' shape.

    Args:
        scores: tensor to rank.
        pattern: non-zeros and length of a group.
        mask: current mask; a pruned weight ranks behind all others of its group.
        dim: dimension of the inputs, divisible by the pattern's length.
    """
    rows, present = scores.movedim(dim, -1).reshape(-1), mask.movedim(dim, -1).reshape(-1)
    keep = torch.empty(scores.movedim(dim, -1).shape, dtype=torch.bool, device=mask.device)
    arrays, size = [bits_of(rows), present, keep.view(-1)], DEVICE_CHUNK
    if mask.device.type == "cpu":
        arrays, size = [array.numpy() for array in arrays], HOST_CHUNK
    size -= size % pattern.length
    for start in range(0, rows.numel(), size):
        _keep_best(*(array[start : start + size] for array in arrays), pattern=pattern)
    return keep.movedim(-1, dim)


def _keep_best(bits: Any, present: Any, keep: Any, *, pattern: GroupPattern) -> None:
    """Keeps the members of each group that fewer than num_kept others beat; every pair is compared once."""
    m, int8 = pattern.length, np.int8 if isinstance(bits, np.ndarray) else torch.int8
    largest = (1 << 8 * bits.itemsize - 1) - 1
    # Member i of all groups; 0 if pruned, else 1 + its key.
    columns = [(bits[i::m] & largest) * present[i::m] + present[i::m] for i in range(m)]
    losses = [(columns[i] < 0).view(int8) + i for i in range(m)]
    for j in range(m):
        for i in range(j):
            wins = (columns[j] > columns[i]).view(int8)
            losses[i] += wins
            losses[j] -= wins
    for i in range(m):
        keep[i::m] = losses[i] < pattern.num_kept


def _is_conv1d(module: nn.Module) -> bool:
    # By name, to avoid importing `transformers`.
    return (type(module).__module__, type(module).__name__) == ("transformers.pytorch_utils", "Conv1D")
