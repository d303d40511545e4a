"""When weights become zero: the ramp of gradual magnitude pruning (Zhu and Gupta 2017, arXiv 1710.01878).

    S_t = S (1 - (1 - u)^p),  u = (t - start T) / ((end - start) T) clipped to [0, 1]

T training steps, target sparsity S, exponent p = 3 from 25% to 75% of training in Frantar et al. (arXiv 2309.08520).
Start and end are rounded to whole steps. This module works without PyTorch, because planning needs the mean density.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from sparselaw.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MANY_UPDATES = 100_000  # with more, the mean is that of a smooth ramp to 1e-5


@dataclass(frozen=True)
class Schedule:
    """How sparsity grows over training.

    Attributes:
        start: fraction of training until which the model is dense.
        end: fraction of training from which it has its target sparsity.
        exponent: shape of the ramp between them; 3 is the usual cubic, 1 is linear.
    """

    start: float = 0.25
    end: float = 0.75
    exponent: float = 3.0

    def __post_init__(self) -> None:
        """Raises a UserError for a ramp outside training."""
        if not 0 <= self.start <= self.end <= 1:
            raise UserError(
                f"The pruning ramp goes from {self.start} to {self.end} of training; give 0 <= start <= end <= 1."
            )
        if not 0 < self.exponent < float("inf"):
            raise UserError(f"The pruning ramp's exponent is {self.exponent}; give a positive number.")

    @classmethod
    def constant(cls) -> "Schedule":
        """The target sparsity from the start."""
        return cls(0.0, 0.0)

    @classmethod
    def one_shot(cls, at: float) -> "Schedule":
        """Dense until the fraction `at` of training, then the target sparsity."""
        return cls(at, at)

    def first_step(self, num_steps: int) -> int:
        """Last step at which the model is dense (unless the ramp has no length)."""
        return round(self.start * num_steps)

    def last_step(self, num_steps: int) -> int:
        """Step at which the target is reached."""
        return round(self.end * num_steps)

    def fraction(self, step: int, num_steps: int) -> float:
        """Fraction of the target sparsity after a number of steps: exactly 0 before the ramp, exactly 1 from its end."""
        first, last = self.first_step(num_steps), self.last_step(num_steps)
        if step >= last:
            return 1.0
        return 0.0 if step <= first else 1 - (1 - (step - first) / (last - first)) ** self.exponent

    def is_update(self, step: int, num_steps: int, *, update_every: int) -> bool:
        """Whether masks change at this step: every `update_every` steps inside the ramp, and always at its end."""
        last = self.last_step(num_steps)
        return step == last or (self.first_step(num_steps) < step < last and step % update_every == 0)

    def mean_fraction(self, num_steps: int, *, update_every: int) -> float:
        """Mean fraction of the target sparsity over a run, whose masks change at whole updates only."""
        first, last = self.first_step(num_steps), self.last_step(num_steps)
        inside = range((first // update_every + 1) * update_every, last, update_every)
        if len(inside) > MANY_UPDATES:
            return 1 - self.mean_density(1.0)
        updates = [*inside, last]
        held = zip(updates, [*updates[1:], num_steps], strict=True)
        return sum(self.fraction(t, num_steps) * (until - t) for t, until in held) / num_steps

    @overload
    def mean_density(self, sparsity: float) -> float: ...
    @overload
    def mean_density(self, sparsity: "NDArray") -> "NDArray": ...
    def mean_density(self, sparsity: "float | NDArray") -> "float | NDArray":
        """Mean density over training: 1 - S (1 - end + (end - start) p / (p + 1)); the default gives 1 -
        0.625 S.

        Args:
            sparsity: target sparsity, a number or an array.
        """
        ramp = (self.end - self.start) * self.exponent / (self.exponent + 1)
        return 1 - sparsity * (1 - self.end + ramp)
