"""What serving a model costs: FLOPs of inference beside those of training, GPU-hours and money.

A token served costs 2 N i(S) FLOPs, i(S) being the relative time of inference over (1-S): 1 where zeros are free, 1/(1-S) where
they are computed.
"""

from __future__ import annotations

from dataclasses import dataclass

from sparselaw.cost.training import Cost
from sparselaw.prune.schedules import Schedule

INFERENCE_FLOPS_PER_PARAM = 2
SECONDS_PER_HOUR = 3600
SERVED_DENSE = Cost(schedule=Schedule.constant())
SERVED_SPARSE = Cost(sparse=True, schedule=Schedule.constant())


@dataclass(frozen=True)
class Gpu:
    """What turns FLOPs into hours and money: peak FLOP/s, the share of it that is reached, the price of an hour."""

    utilisation: float
    inference_utilisation: float
    peak: float | None = None
    price: float | None = None

    @property
    def weight(self) -> float:
        """What a FLOP of inference costs in FLOPs of training."""
        return self.utilisation / self.inference_utilisation
