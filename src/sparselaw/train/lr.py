"""Learning-rate schedules as pure functions of the step.

    cosine    warm up linearly, then peak * (final + (1 - final) * (1 + cos(pi u)) / 2), u from 0 to 1 over the rest
    rsqrt     peak / sqrt(max(step, hold)): the sparse scaling paper's T5 (arXiv 2309.08520) with peak 1 and hold 10,000
    constant  warm up, stay at peak, then cool down as peak * (1 - sqrt(u)) over the last part (Haegele et al. 2024,
              arXiv 2405.18392)

At fixed depth the best peak is roughly proportional to 1/width, so `reference_width` transfers a peak tuned at one
width to the others.
"""

import math
from dataclasses import dataclass
from typing import Literal

from sparselaw.errors import UserError


@dataclass(frozen=True)
class LearningRate:
    """A learning-rate schedule.

    Attributes:
        shape: `cosine`, `rsqrt` or `constant`.
        peak: the largest rate (for `rsqrt`, the numerator).
        reference_width: the width for which `peak` was tuned; another width gets peak * reference_width / width. 0 gives
            every width the same peak.
        warmup: fraction of the run in which the rate rises linearly (`cosine`, `constant`).
        final: final rate as a fraction of the peak (`cosine`).
        cooldown: fraction of the run in which the rate falls to zero (`constant`).
        hold: steps before the rate begins to fall (`rsqrt`).
    """

    shape: Literal["cosine", "rsqrt", "constant"] = "cosine"
    peak: float = 3e-3
    reference_width: int = 0
    warmup: float = 0.05
    final: float = 0.1
    cooldown: float = 0.2
    hold: int = 10_000

    def __post_init__(self) -> None:
        if not 0 < self.peak < math.inf:
            raise UserError(f"learning_rate.peak is {self.peak}; give a positive number.")
        for name in ("warmup", "final", "cooldown"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"learning_rate.{name} is {getattr(self, name)}; give a fraction between 0 and 1.")
        if self.hold < 1 or self.reference_width < 0:
            raise UserError(
                f"learning_rate.hold is {self.hold} and learning_rate.reference_width is {self.reference_width}; "
                "give at least 1 and at least 0."
            )


def learning_rate(step: int, num_steps: int, *, config: LearningRate, width: int) -> float:
    """The learning rate of a step.

    Args:
        step: step number, from 0.
        num_steps: steps of the whole run.
        config: the schedule.
        width: width of the model, used if the schedule has a `reference_width`.
    """
    peak = config.peak * (config.reference_width / width if config.reference_width else 1)
    if config.shape == "rsqrt":
        return peak / math.sqrt(max(step, config.hold))
    warmup_steps = config.warmup * num_steps
    rise = min(1.0, (step + 1) / warmup_steps) if warmup_steps > 1 else 1.0
    return peak * min(rise, _fall(step, num_steps, config=config))


def _fall(step: int, num_steps: int, *, config: LearningRate) -> float:
    if config.shape == "cosine":
        u = max(0.0, step / num_steps - config.warmup) / max(1 - config.warmup, 1 / num_steps)
        return config.final + (1 - config.final) * (1 + math.cos(math.pi * u)) / 2
    u = max(0.0, 1 - (num_steps - step) / max(config.cooldown * num_steps, 1))
    return 1 - math.sqrt(u)
