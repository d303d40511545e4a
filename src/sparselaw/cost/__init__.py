"""What a model costs, as a function of (S, N, D): training, storage, time on a machine, serving."""

from sparselaw.cost.machine import Hardware, open_hardware
from sparselaw.cost.relative_time import RelativeTime
from sparselaw.cost.serving import Gpu
from sparselaw.cost.storage import Memory, Storage
from sparselaw.cost.training import Cost

__all__ = ["Cost", "Gpu", "Hardware", "Memory", "RelativeTime", "Storage", "open_hardware"]
