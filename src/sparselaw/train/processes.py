"""One process or several: what torchrun started, as one value.

With several processes each holds the whole model and a share of every batch (`DistributedDataParallel` averages the
gradients), so weights, optimiser and masks stay equal everywhere without being sent.
"""

import atexit
import os
from dataclasses import dataclass

import torch
import torch.distributed as dist


@dataclass(frozen=True)
class Processes:
    """The processes of a run, seen from one of them.

    Attributes:
        device: of this process.
        rank: number of this process, from 0.
        size: how many there are.
    """

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this one writes the files."""
        return self.rank == 0

    def total(self, *values: float) -> list[float]:
        """Sums of numbers over all processes."""
        if self.size == 1:
            return list(values)
        totals = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(totals)
        return totals.tolist()

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            dist.barrier()


def open_processes(device: str) -> Processes:
    """Joins the processes that torchrun started, or is the only one.

    Args:
        device: of PyTorch, or `auto` for CUDA where there is one.
    """
    kind = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Processes(torch.device(kind))
    if kind == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    if not dist.is_initialized():  # a second run in the same processes goes on with their group
        dist.init_process_group("nccl" if kind == "cuda" else "gloo")
        atexit.register(dist.destroy_process_group)
    return Processes(torch.device(kind), dist.get_rank(), dist.get_world_size())
