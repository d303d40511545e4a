"""Pruning a model sharded by FSDP2 (`torch.distributed.fsdp.fully_shard`) with the result of the whole model.

Ranks exchange only counts. A parameter is a DTensor, of which each rank holds some rows with their masks. `count_cut` finds a
threshold from counts summed over the ranks, so every rank cuts at the same key. Of ties, the first in the order of the whole
tensor are kept, which takes one count from each rank.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

import torch
import torch.distributed as dist
from torch import Tensor

from sparselaw.errors import UserError
from sparselaw.prune.patterns import input_dim
from sparselaw.prune.prunable import Slot
from sparselaw.prune.ranking import Cut, Ranked, ties, write_mask
from sparselaw.prune.thresholds import count_cut

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor


@dataclass(frozen=True)
class Ranks:
    """The processes that hold the rows of a parameter, in the order of the rows."""

    group: dist.ProcessGroup

    def total(self, counts: Tensor) -> Tensor:
        """Sums counts over the ranks, in place."""
        dist.all_reduce(counts, group=self.group)
        return counts


def is_sharded(tensor: Tensor) -> TypeGuard[DTensor]:
    """Whether it is a DTensor. Their module takes a second to import, and has been imported where there is one."""
    module = sys.modules.get("torch.distributed.tensor")
    return module is not None and isinstance(tensor, module.DTensor)


def ranks_of(name: str, parameter: Tensor) -> Ranks | None:
    """The ranks that share a parameter; None if each holds the whole.

    Raises:
        UserError: if it is not sharded by rows over one dimension of the mesh.
    """
    if not is_sharded(parameter):
        return None
    cuts = [d for d, placement in enumerate(parameter.placements) if not placement.is_replicate()]
    if not cuts:
        return None
    if len(cuts) > 1 or not parameter.placements[cuts[0]].is_shard(0):
        raise UserError(f"{name} is sharded as {parameter.placements}; shard dimension 0 over one mesh dimension.")
    return Ranks(parameter.device_mesh.get_group(cuts[0]))


def check_inputs_whole(slots: Sequence[Slot]) -> None:
    """Raises a UserError for n:m on tensors with inputs along the sharded rows, where sharding would cut groups."""
    for slot in slots:
        if input_dim(slot.module) == 0 and ranks_of(slot.name, slot.parameter):
            raise UserError(
                f"The inputs of {slot.name} are sharded over ranks, which n:m does not support; use the pattern unstructured."
            )


def check_whole(slots: Sequence[Slot]) -> None:
    """Raises a UserError for sharded tensors, for methods that need whole ones."""
    for slot in slots:
        if ranks_of(slot.name, slot.parameter):
            raise UserError(f"{slot.name} is sharded, which this method does not support; use MagnitudePruner.")


def local_part(parameter: Tensor) -> Tensor:
    """This rank's part of a parameter, sharing its memory."""
    whole = parameter.detach()
    return whole.to_local() if is_sharded(whole) else whole


def whole_mask(mask: Tensor, parameter: Tensor) -> Tensor:
    """The mask of the whole parameter, gathered on every rank."""
    if not is_sharded(parameter):
        return mask
    return (
        type(parameter)
        .from_local(
            mask,
            parameter.device_mesh,
            parameter.placements,
            shape=parameter.shape,
            stride=parameter.stride(),
            run_check=False,
        )
        .full_tensor()
    )


def own_rows(whole: Tensor, parameter: Tensor) -> Tensor:
    """This rank's part of the mask of a whole parameter."""
    if not is_sharded(parameter):
        return whole
    for d, placement in enumerate(parameter.placements):
        if placement.is_shard():
            pieces = whole.chunk(parameter.device_mesh.size(d))
            rank = parameter.device_mesh.get_local_rank(d)
            return pieces[rank] if rank < len(pieces) else whole[:0]
    return whole


def prune_sharded(tensors: Sequence[Ranked], num_zeros: int, ranks: Ranks) -> list[Tensor]:
    """Prunes the tensors of a group over all ranks.

    Returns:
        For each tensor, the number of local mask entries that changed.
    """
    cut = count_cut(tensors, num_zeros, reduce=ranks.total)
    own = torch.stack([_count_ties(tensor, cut) for tensor in tensors])
    num_ranks, rank = dist.get_world_size(ranks.group), dist.get_rank(ranks.group)
    every = torch.zeros(len(tensors), num_ranks, dtype=torch.int64, device=own.device)
    every[:, rank] = own
    # In the order of the whole: tensor by tensor, and within a tensor rank by rank.
    flat = ranks.total(every).view(-1)
    before = (flat.cumsum(0) - flat).view(len(tensors), num_ranks)[:, rank]
    return [write_mask(t, Cut(cut.key, cut.num_ties - b))[1] for t, b in zip(tensors, before, strict=True)]


def _count_ties(tensor: Ranked, cut: Cut) -> Tensor:
    total = torch.zeros((), dtype=torch.int64, device=tensor.mask.device)
    for keys, mask, protected in tensor.chunks():
        total += ties(keys, mask, protected, key=cut.key).count_nonzero()
    return total
