"""How long products with sparse weights take, relative to computing the zeros; and the mean of that over pruning.

The relative time t(s) at sparsity s is 1 where dense kernels compute the zeros (dense cost) and 1 - s where zeros cost nothing
(sparse cost). Real kernels lie between: t is linear between the sparsities it is known at, as time is linear in the number of
non-zeros, and may jump where a kernel needs its pattern, as 2:4 does at 50%. Written as a sum of bends and jumps,

    t(s) = 1 + sum_k jump_k [s >= s_k] + bend_k max(0, s - s_k),

its mean over the ramp S_t = S (1 - (1-u)^p) is exact: a jump gives v_k = (1 - s_k/S)^(1/p), the share of the ramp past s_k, and a
bend (S - s_k) v_k p/(p+1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from sparselaw.laws import Array
from sparselaw.prune.schedules import Schedule

JUMP = 1e-9  # what is less is rounding


@dataclass(frozen=True)
class RelativeTime:
    """t(s), linear between the points (sparsity, time) and constant after the last; a sparsity given twice is a jump.

    Starts at (0, 1), never rises (zeros can be computed as if they were values), never exceeds 1 (nor all of them).
    """

    name: str
    sparsity: tuple[float, ...]
    time: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuses what is no relative time.

        Raises:
            ValueError: the points are not in order, start elsewhere than (0, 1), rise, or reach 0 below S = 1.
        """
        s, t = np.array(self.sparsity), np.array(self.time)
        if not len(s) == len(t) > 0 or (s[0], t[0]) != (0.0, 1.0):
            raise ValueError("a relative time starts at sparsity 0 with 1")
        if not ((np.diff(s) >= 0).all() and s[-1] <= 1 and (np.diff(t) <= 0).all() and (t[s < 1] > 0).all()):
            raise ValueError("a relative time is positive and never rises with sparsity")

    @cached_property
    def steps(self) -> tuple[tuple[float, float, float], ...]:
        """(s_k, jump_k, bend_k), without those that are neither."""
        s, t = self.sparsity, self.time
        steps, slope, before = [], 0.0, 1.0
        for k in range(len(s)):
            after = slope
            if k + 1 == len(s):
                after = 0.0
            elif s[k + 1] > s[k]:
                after = (t[k + 1] - t[k]) / (s[k + 1] - s[k])
            jump = t[k] - before if k and s[k] == s[k - 1] else 0.0
            steps.append((s[k], jump, after - slope))
            slope, before = after, t[k]
        return tuple(step for step in steps if step[0] < 1 and (step[1] or step[2]))

    @property
    def kinks(self) -> tuple[float, ...]:
        """The sparsities between 0 and 1 at which t is not smooth."""
        return tuple(sorted({s for s, _, _ in self.steps if s > 0}))

    def __call__(self, S: ArrayLike) -> Array:
        """t at a fixed sparsity."""
        return self.over_training(S, Schedule.constant())

    def over_training(self, S: ArrayLike, schedule: Schedule) -> Array:
        """Mean of t over a training that ends at sparsity S."""
        S = np.asarray(S, dtype=float)
        ramp, held, p = schedule.end - schedule.start, 1 - schedule.end, schedule.exponent
        total = np.ones_like(S)
        for at, jump, bend in self.steps:
            share = _share_past(S, at, p) if ramp else 0.0
            if jump:
                total += jump * (held * (at <= S) + ramp * share)
            total += bend * np.maximum(S - at, 0.0) * (held + ramp * share * p / (p + 1))
        return total

    def slope_over_training(self, S: ArrayLike, schedule: Schedule) -> Array:
        """d/dS of `over_training`; from the right where it has a kink."""
        S = np.asarray(S, dtype=float)
        ramp, held, p = schedule.end - schedule.start, 1 - schedule.end, schedule.exponent
        total = np.zeros_like(S)
        for at, jump, bend in self.steps:
            past = np.where(at <= S, S, np.inf) if at else np.inf
            share = _share_past(S, at, p) if ramp else 0.0
            total += bend * (at <= S) * (held + ramp * share * (p + at / past) / (p + 1))
            if jump and ramp:
                with np.errstate(
                    divide="ignore"
                ):  # a ramp that slows towards its end passes a jump near it infinitely fast
                    total += jump * ramp * (1 - at / past) ** (1 / p - 1) * at / (p * past**2)
        return total


def _share_past(S: Array, at: float, p: float) -> Array | float:
    """The share of a ramp to S that lies past a sparsity; 0 if it does not get there."""
    return (1 - at / np.where(at < S, S, at)) ** (1 / p) if at else 1.0


DENSE_TIME = RelativeTime("dense", (0.0,), (1.0,))
SPARSE_TIME = RelativeTime("sparse", (0.0, 1.0), (1.0, 0.0))


def average(times: Sequence[RelativeTime], name: str) -> RelativeTime:
    """The mean of relative times: that of layers which take equal shares of the dense time."""
    knots = {s for time in times for s in time.sparsity}
    return through(lambda s: float(np.mean([time(s) for time in times])), knots, name)


def through(time: Callable[[float], float], knots: Iterable[float], name: str) -> RelativeTime:
    """The relative time equal to a function that is linear between knots and may jump down at them."""
    points: list[tuple[float, float]] = [(0.0, 1.0)]
    for s in sorted({float(s) for s in knots} - {0.0}):
        before, at = time(float(np.nextafter(s, 0.0))), time(s)
        points += [(s, before), (s, at)] if before - at > JUMP else [(s, at)]
    sparsity, values = zip(*points, strict=True)
    return RelativeTime(name, sparsity, tuple(np.minimum.accumulate(values).tolist()))
