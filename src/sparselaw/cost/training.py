"""What training costs under a pruning schedule.

C = 6 N D c_mul(S), with N non-zeros of the FINAL model and D tokens (or images, each counted as one token; see
`units_per_datum`). A model of sparsity S has N / (1-S) weights before pruning, so c_mul = (mean relative time over training)
/ (1-S), where the relative time of a product with sparse weights is 1 if zeros are computed all the same (dense cost), 1 - s if
they cost nothing (sparse cost), or what was measured on a machine. Sparse cost is (1 - 0.625 S) / (1-S) for the cubic ramp from
25% to 75% (Frantar et al. 2023, arXiv 2309.08520).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from sparselaw.cost.relative_time import DENSE_TIME, SPARSE_TIME, RelativeTime
from sparselaw.errors import UserError, arg
from sparselaw.laws import Array
from sparselaw.prune.schedules import Schedule

FLOPS_PER_PARAM = 6  # multiply-add forward, twice that backward


def open_schedule(ramp: str | tuple[float, float] | None) -> Schedule:
    """The cubic ramp between two shares of training, as numbers or text such as `0:0.5`; from 25% to 75% if None.

    Raises:
        UserError: not two shares of training, in their order.
    """
    if ramp is None:
        return Schedule()
    shares = ramp.split(":") if isinstance(ramp, str) else ramp
    try:
        start, end = map(float, shares)
        return Schedule(start, end)
    except (ValueError, UserError):
        raise UserError(
            f"{arg('ramp')} is {ramp!r}; give the shares of training where pruning starts and ends, such as 0.25:0.75."
        ) from None


@dataclass(frozen=True)
class Cost:
    """Training FLOPs: `sparse` says that zeros are free, `schedule` when weights become zero.

    units_per_datum is the number of tokens one unit of D puts through the model: 1 for tokens, about 196 for a 224-pixel image
    in patches of 16. It is 1 in the paper's tables. measured is the relative time of a machine, in place of either ideal: FLOPs
    are then those that a dense kernel would do in the time taken. flops_per_param is 6 in training, 2 in inference (`serving`).
    """

    sparse: bool = False
    schedule: Schedule = Schedule()
    units_per_datum: float = 1.0
    measured: RelativeTime | None = None
    flops_per_param: float = FLOPS_PER_PARAM

    @property
    def time(self) -> RelativeTime:
        return self.measured or (SPARSE_TIME if self.sparse else DENSE_TIME)

    @property
    def name(self) -> str:
        return self.time.name

    @property
    def ideals(self) -> tuple[Cost, Cost]:
        """The same if zeros are computed, and if they are free."""
        return replace(self, sparse=False, measured=None), replace(self, sparse=True, measured=None)

    @property
    def zeros_are_computed(self) -> bool:
        """Whether zeros cost as much as other weights."""
        return self.time is DENSE_TIME

    @property
    def kinks(self) -> tuple[float, ...]:
        """The sparsities at which c_mul is not smooth."""
        return self.time.kinks

    def multiplier(self, S: ArrayLike) -> Array:
        """c_mul: FLOPs relative to those of a dense model with as many non-zeros."""
        return self.time.over_training(S, self.schedule) / (1 - np.asarray(S, dtype=float))

    def multiplier_slope(self, S: ArrayLike) -> Array:
        """d ln c_mul / du, u = -ln(1-S): 1 where zeros are computed."""
        density = 1 - np.asarray(S, dtype=float)
        time, slope = self.time.over_training(S, self.schedule), self.time.slope_over_training(S, self.schedule)
        return 1 + density * slope / time

    def flops(self, S: ArrayLike, N: ArrayLike, D: ArrayLike) -> Array:
        """Training FLOPs of N non-zeros at sparsity S on D data."""
        return self.flops_per_param * self.units_per_datum * np.asarray(N) * np.asarray(D) * self.multiplier(S)

    def data(self, S: ArrayLike, N: ArrayLike, flops: ArrayLike) -> Array:
        """The data that `flops` pay for."""
        return np.asarray(flops) / (self.flops_per_param * self.units_per_datum * np.asarray(N) * self.multiplier(S))
