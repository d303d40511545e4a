"""Dense-equivalent size: the dense model that would reach the same loss on the same data."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sparselaw.laws.power import Array, PowerLaw


def size_multiplier(law: PowerLaw, parameters: ArrayLike, S: ArrayLike) -> Array:
    """Size of the equivalent dense model over the non-zeros of the sparse one; S = 1 gives the limit.

    For the paper's law ((a_S + c_S) / (a_S (1-S)^b_S + c_S))^(1/b_N); independent of N and D. Multiply by (1-S) for the gain
    over TOTAL parameters.
    """
    dense, sparse = (law.capacity(parameters, level, 1.0) for level in (0.0, S))
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return (dense / sparse) ** (1 / law.capacity_exponent(parameters))
