"""What serving a model costs: FLOPs of inference beside those of training, GPU-hours and money.

A token served costs 2 N i(S) FLOPs, i(S) being the relative time of inference over (1-S): 1 where zeros are free, 1/(1-S) where
they are computed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from sparselaw.cost.training import Cost
from sparselaw.errors import UserError, arg
from sparselaw.prune.schedules import Schedule

INFERENCE_FLOPS_PER_PARAM = 2
SECONDS_PER_HOUR = 3600
UTILISATION = 0.4
"""The share of a GPU's peak that training usually reaches."""
SERVED_DENSE = Cost(schedule=Schedule.constant(), flops_per_param=INFERENCE_FLOPS_PER_PARAM)
SERVED_SPARSE = replace(SERVED_DENSE, sparse=True)


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

    def training_hours(self, flops: float) -> float:
        """GPU-hours of so many FLOPs of training; the peak must be known."""
        assert self.peak is not None
        return flops / (SECONDS_PER_HOUR * self.peak * self.utilisation)

    def inference_hours(self, flops: float) -> float:
        """GPU-hours of so many FLOPs of inference."""
        return self.training_hours(flops) * self.weight


def gpu_of(
    peak: float | None, utilisation: float, inference_utilisation: float | None, price: float | None
) -> Gpu | None:
    """The GPU of these numbers; None if neither its peak nor a second utilisation is given.

    Raises:
        UserError: an impossible number, or a price without a peak.
    """
    given = {"utilisation": utilisation, "inference_utilisation": inference_utilisation}
    for name, share in given.items():
        if share is not None and not 0 < share <= 1:
            raise UserError(f"{arg(name)} is {share:g}; give a share of the peak, above 0 and at most 1.")
    for name, value in {"peak": peak, "price": price}.items():
        if value is not None and not 0 < value < math.inf:
            raise UserError(f"{arg(name)} is {value:g}; give a positive number.")
    if peak is None and price is not None:
        raise UserError(f"{arg('price')} is of a GPU-hour; give {arg('peak')}, the FLOP/s of that GPU, as well.")
    if peak is None and inference_utilisation is None:
        return None
    return Gpu(utilisation, utilisation if inference_utilisation is None else inference_utilisation, peak, price)
