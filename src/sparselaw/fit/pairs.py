"""Pairs of runs that differ in sparsity alone: what sparsity gains at equal non-zeros, data and seed, without any law."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sparselaw.errors import UserError
from sparselaw.laws import Array
from sparselaw.runs.table import Runs

SAME_SIZE = 0.02  # of ln N and ln D: a grid's sparse and dense models differ by so much in width
SAME_SPARSITY = 1e-6
FEWEST = 3


@dataclass(frozen=True)
class PairedGain:
    """How much lower the loss of sparse runs is than that of dense runs like them.

    Attributes:
        sparsity: of the sparse runs.
        nonzero_params: of the dense run of each pair [num_pairs].
        gains: loss of the dense run less that of the sparse one [num_pairs].
        low, high: confidence interval of the mean gain, by Student's t over the pairs.
        confidence: of the interval.
    """

    sparsity: float
    nonzero_params: Array = field(repr=False)
    gains: Array = field(repr=False)
    low: float
    high: float
    confidence: float

    @property
    def mean(self) -> float:
        """The mean gain, in the unit of the loss."""
        return float(self.gains.mean())


def paired_gain(runs: Runs, sparsity: float, *, confidence: float = 0.95) -> PairedGain:
    """The gain of a sparsity over dense, paired by size, data and seed.

    Args:
        runs: with a column `seed`, or one run of each size, sparsity and data.
        sparsity: of the sparse runs.
        confidence: of the interval.

    Raises:
        UserError: fewer than three pairs.
    """
    from scipy.stats import t as student

    seeds = runs.table["seed"].to_numpy() if "seed" in runs.table else np.zeros(len(runs))
    sparse = np.flatnonzero(np.abs(runs.sparsity - sparsity) < SAME_SPARSITY)
    dense = np.flatnonzero(runs.sparsity == 0)
    log_N, log_D, loss = np.log(runs.nonzero_params), np.log(runs.data), runs.loss
    pairs = []
    for k in sparse:
        is_like = (np.abs(log_N[dense] - log_N[k]) < SAME_SIZE) & (np.abs(log_D[dense] - log_D[k]) < SAME_SIZE)
        pairs += [(one, k) for one in dense[is_like & (seeds[dense] == seeds[k])][:1]]
    if len(pairs) < FEWEST:
        raise UserError(
            f"{runs.name} has {len(pairs)} pairs of a dense run and one of sparsity {sparsity:g} with equal non-zeros, data and "
            f"seed; a comparison needs {FEWEST}."
        )
    first, second = np.array(pairs).T
    gains = loss[first] - loss[second]
    reach = student.ppf((1 + confidence) / 2, len(gains) - 1) * gains.std(ddof=1) / np.sqrt(len(gains))
    low, high = float(gains.mean() - reach), float(gains.mean() + reach)
    return PairedGain(sparsity, runs.nonzero_params[first], gains, low, high, confidence)
