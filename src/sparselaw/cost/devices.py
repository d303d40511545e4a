"""How long a token takes on a device, and which software runs which weights there.

Generation reads every weight once a step, so a token of a small batch takes (bytes of the weights) / (memory bandwidth), and of
a large one 2 FLOPs a weight and sequence / (peak FLOP/s): the larger of both is the roofline (Williams et al. 2009). A sparse or
quantised weight takes fewer bytes where some runtime reads it so; devices, runtimes and measured times are in `devices.json`,
with their sources. Times measured on one device stand for its family, relative to dense weights.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sparselaw.cost.relative_time import DENSE_TIME, RelativeTime, through
from sparselaw.cost.storage import PRECISIONS, Storage
from sparselaw.errors import UserError, arg, choice
from sparselaw.laws import Array
from sparselaw.laws.search import MAX_SPARSITY
from sparselaw.prune.schedules import Schedule

FLOPS_PER_WEIGHT = 2  # of one token
MEASURED_BITS = 16  # of the weights whose times are in devices.json


@dataclass(frozen=True)
class Device:
    """A device: peak FLOP/s of dense 16-bit products, bytes/s of its memory, and whose runtimes it takes."""

    name: str
    label: str
    family: str
    peak: float
    bandwidth: float
    source: str


@cache
def _shipped() -> dict[str, Any]:
    return json.loads((resources.files("sparselaw.cost") / "devices.json").read_text(encoding="utf-8"))


def device_names() -> tuple[str, ...]:
    """The devices that are known by name."""
    return tuple(_shipped()["devices"])


def open_device(name: str) -> Device:
    """A device by its name.

    Raises:
        UserError: no such device.
    """
    known = _shipped()["devices"]
    if name not in known:
        raise UserError(f"{arg('device')} is {name!r}, which is not known; {choice(name, tuple(known))}")
    return Device(name, **known[name])


def runtimes(pattern: str, precision: str, family: str | None = None) -> tuple[str, ...]:
    """The runtimes that run such weights today, on devices of one family or on any.

    Args:
        pattern: "dense", "unstructured" or n:m.
        precision: of the values.
        family: "nvidia", "apple" or "cpu".
    """
    found = [
        one["name"]
        for one in _shipped()["runtimes"]
        if one["pattern"] == pattern and precision in one["precisions"] and family in (None, *one["families"])
    ]
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class TokenTime:
    """Weights that generate a token in at most so many seconds: the fewer bytes one takes, the more there may be.

    Attributes:
        seconds: for one token of every sequence of the batch.
        device: that reads the weights.
        pattern: "dense", "unstructured" or n:m.
        precision: of the values.
        batch: sequences at once.
    """

    seconds: float
    device: Device
    pattern: str = "unstructured"
    precision: str = "bf16"
    batch: int = 1
    is_bound: bool = True

    @property
    def runtimes(self) -> tuple[str, ...]:
        """What runs such weights on the device; empty if nothing does."""
        return runtimes(self.pattern, self.precision, self.device.family)

    @property
    def levels(self) -> tuple[float, ...]:
        """The only sparsities to choose from: dense where no runtime gains from zeros."""
        if not self.runtimes or self.pattern == "dense":
            return (0.0,)
        return (0.0, *Storage(self.pattern, self.precision).levels) if ":" in self.pattern else ()

    @cached_property
    def kinks(self) -> tuple[float, ...]:
        """The sparsities at which N(S) is not smooth."""
        time = self._reading
        floor = self._computing / self._dense
        bound = float(np.interp(-floor, -np.array(time.time), time.sparsity)) if floor < 1 else 0.0
        return () if self.levels else tuple(sorted({s for s in (*time.kinks, bound) if 0 < s < MAX_SPARSITY}))

    @property
    def positions_are_free(self) -> bool:
        """Whether equal times are equal non-zeros: never, since zeros take time."""
        return False

    @property
    def dense_params(self) -> float:
        """The size of the dense model of that time."""
        return float(self.nonzeros(0.0))

    def nonzeros(self, S: ArrayLike) -> Array:
        """The most non-zeros at sparsity S."""
        return self.seconds * (1 - np.asarray(S, dtype=float)) / self._per_weight(S)

    def growth(self, S: ArrayLike) -> Array:
        """d ln N / du, u = -ln(1-S)."""
        read = self._dense * self._reading(S)
        slope = self._reading.slope_over_training(S, Schedule.constant()) * (1 - np.asarray(S, dtype=float))
        return -1 - np.where(read > self._computing, slope / self._reading(S), 0.0)

    def seconds_per_token(self, S: ArrayLike, N: ArrayLike) -> Array:
        """The time of N non-zeros at sparsity S."""
        return np.asarray(N, dtype=float) / (1 - np.asarray(S, dtype=float)) * self._per_weight(S)

    def _per_weight(self, S: ArrayLike) -> Array:
        """Seconds for a weight, zeros included."""
        return np.maximum(self._dense * self._reading(S), self._computing)

    @property
    def _dense(self) -> float:
        return PRECISIONS[self.precision] / 8 / self.device.bandwidth

    @property
    def _computing(self) -> float:
        return FLOPS_PER_WEIGHT * self.batch / self.device.peak

    @cached_property
    def _reading(self) -> RelativeTime:
        """The time to read the weights over that of dense ones: measured where it is, else their bytes."""
        if not self.runtimes or self.pattern == "dense":
            return DENSE_TIME
        if ":" in self.pattern:
            storage = Storage(self.pattern, self.precision)
            share = float(storage.bytes_per_nonzero(storage.levels[0])) * (1 - storage.levels[0]) * 8
            return through(
                lambda s: share / storage.value_bits if s >= storage.levels[0] else 1.0,
                storage.levels,
                self.device.name,
            )
        if measured := self._measured:
            return RelativeTime(measured["runtime"], tuple(measured["sparsity"]), tuple(measured["time"]))
        bit = 1 / PRECISIONS[self.precision]  # of a mask
        return RelativeTime("bitmask", (0.0, bit, 1.0), (1.0, 1.0, bit))

    @property
    def _measured(self) -> dict[str, Any] | None:
        if PRECISIONS[self.precision] != MEASURED_BITS or self.batch > 1:
            return None
        measured, known = _shipped()["token_times"], _shipped()["devices"]
        return next((one for one in measured if known[one["device"]]["family"] == self.device.family), None)
