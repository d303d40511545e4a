"""What a weight of fewer bits is worth: training with weights of a precision is like training fewer weights of 16 bits.

N non-zeros of a precision have the loss of N q non-zeros of 16 bits, q <= 1 being the capacity factor of the precision; sparsity
and precision multiply, to about 0.03 (Panferov et al. 2025, arXiv 2506.01863). Both factors below are of weights trained in that
precision, not of weights rounded afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sparselaw.laws.power import NATURAL, Array, PowerLaw


@dataclass(frozen=True)
class Factor:
    """A capacity factor.

    Attributes:
        value: dense 16-bit weights that a weight is worth.
        spread: its standard deviation.
        source: who measured it.
    """

    value: float
    spread: float = 0.0
    source: str = ""


LOSSLESS = Factor(1.0)
FACTORS = {
    "fp32": LOSSLESS,
    "bf16": LOSSLESS,
    "fp16": LOSSLESS,
    "int8": Factor(0.99, 0.01, "0.99 in Panferov et al. 2025, arXiv 2506.01863, table of capacities"),
    "int4": Factor(
        0.90, 0.03, "0.87 in Panferov et al. 2025, arXiv 2506.01863; 0.923 in Frantar et al. 2025, arXiv 2502.16440"
    ),
}
"""By precision."""


def with_factor(law: PowerLaw, parameters: ArrayLike, factor: ArrayLike) -> Array:
    """Parameters [..., p] with which the law predicts at N what it predicts at N times `factor` [...] with these."""
    return law.from_solver(law.to_solver(parameters, NATURAL), (1 / np.asarray(factor, dtype=float), 1.0))
