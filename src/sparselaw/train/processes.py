"""The processes of a run: one, or several started by torchrun.

Each process holds the whole model and computes a share of every batch. `DistributedDataParallel` averages the gradients,
so weights, optimiser and masks stay equal without being sent.
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
        device: device of this process.
        rank: number of this process, from 0.
        size: number of processes.
    """

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def total(self, *values: float) -> list[float]:
        """The sum of each value over all processes."""
        if self.size == 1:
            return list(values)
        totals = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(totals)
        return totals.tolist()

    def wait(self) -> None:
        """Waits until all processes have called this."""
        if self.size > 1:
            dist.barrier()


def open_processes(device: str) -> Processes:
    """Joins the processes that torchrun started, if any.

    Args:
        device: a PyTorch device, or `auto` for CUDA if available, else the CPU.
    """
    kind = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Processes(torch.device(kind))
    if kind == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    if not dist.is_initialized():  # a second run in the same processes uses the same group
        dist.init_process_group("nccl" if kind == "cuda" else "gloo")
        atexit.register(dist.destroy_process_group)
    return Processes(torch.device(kind), dist.get_rank(), dist.get_world_size())
