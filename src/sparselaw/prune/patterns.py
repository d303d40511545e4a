"""Where zeros may lie: anywhere, or n:m, that is n NON-ZEROS in each m consecutive inputs of an output.

2:4 is the pattern of NVIDIA's sparse tensor cores (Mishra et al. 2021, arXiv 2104.08378). Along the ramp, the weights
that n:m would keep are ranked before all others, which are then pruned by magnitude: sparsity grows gradually and the
pattern is exact when the ramp ends (Frantar et al., arXiv 2309.08520). Of equal magnitudes in a group the ones with
the lowest index are kept.
"""

import re
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sparselaw.errors import UserError
from sparselaw.prune.thresholds import CPU_CHUNK, DEVICE_CHUNK, KEY_TYPES


@dataclass(frozen=True)
class GroupPattern:
    """num_kept non-zeros in each group of `length` inputs."""

    num_kept: int
    length: int

    @property
    def sparsity(self) -> float:
        """Share of zeros."""
        return 1 - self.num_kept / self.length

    def __str__(self) -> str:
        """As it is written: 2:4."""
        return f"{self.num_kept}:{self.length}"


def parse_pattern(text: str) -> GroupPattern | None:
    """The pattern of a text such as `2:4`; None for `unstructured`.

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
    return pattern


def input_dim(module: nn.Module) -> int:
    """The dimension of a module's weight along which its inputs lie: the last, but for convolutions and the Conv1D of
    `transformers`."""
    if isinstance(module, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d) or _is_conv1d(module):
        return 0
    return 1 if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d) else -1


def keep_groups(scores: Tensor, pattern: GroupPattern, *, mask: Tensor, dim: int) -> Tensor:
    """The weights that n:m keeps by magnitude, as a mask of the scores' shape.

    Args:
        scores: tensor to rank.
        pattern: non-zeros and length of a group.
        mask: present mask; a pruned weight ranks behind every other of its group.
        dim: dimension of the inputs, divisible by the pattern's length.
    """
    rows, present = scores.movedim(dim, -1), mask.movedim(dim, -1)
    keep = torch.empty(rows.shape, dtype=torch.bool, device=mask.device)
    flat, flat_present, flat_keep = rows.reshape(-1), present.reshape(-1), keep.view(-1)
    size = CPU_CHUNK if scores.device.type == "cpu" else DEVICE_CHUNK
    size -= size % pattern.length
    for start in range(0, flat.numel(), size):
        piece = slice(start, start + size)
        bits = flat[piece].view(KEY_TYPES[scores.dtype])
        keys = (bits & torch.iinfo(bits.dtype).max).masked_fill_(~flat_present[piece], -1)
        flat_keep[piece].view(-1, pattern.length).copy_(_ranked_below(keys, pattern).t())
    return keep.movedim(-1, dim)


def _ranked_below(keys: Tensor, pattern: GroupPattern) -> Tensor:
    """Which keys have fewer than num_kept better ones in their group, [length, groups]: every pair is compared once."""
    columns = keys.view(-1, pattern.length).t().contiguous()
    better = torch.empty(columns.shape, dtype=torch.int16, device=keys.device)
    better.copy_(torch.arange(pattern.length, device=keys.device).unsqueeze(1).expand_as(better))
    for j in range(1, pattern.length):
        wins = (columns[j] > columns[:j]).to(torch.int16)
        better[:j] += wins
        better[j] -= wins.sum(0, dtype=torch.int16)
    return better < pattern.num_kept


def _is_conv1d(module: nn.Module) -> bool:
    # By name, so that `transformers` is not imported for it.
    return (type(module).__module__, type(module).__name__) == ("transformers.pytorch_utils", "Conv1D")
