"""Simulated sweeps with known truth."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from sparselaw.laws import PAPER, Array, Law
from sparselaw.runs import Runs

LEVELS_S = (0.0, 0.5, 0.75, 0.875)
LEVELS_N = (1e6, 4e6, 1.6e7, 6.4e7)
LEVELS_D = (1e9, 4e9, 1.6e10, 6.4e10)
TRUTH = (16.8, 0.722, 45.0, 0.245, 6.9e8, 0.35, 0.651)


@pytest.fixture(scope="session")
def table() -> Callable[..., Runs]:
    """A table of given columns, the loss that of the paper's law unless given."""

    def build(S, N, D, loss=None) -> Runs:
        S, N, D = (np.asarray(x, dtype=float) for x in (S, N, D))
        loss = PAPER.predict(np.array(TRUTH), S, N, D) if loss is None else loss
        frame = pd.DataFrame({"nonzero_params": N, "sparsity": S, "data": D, "loss": loss})
        return Runs.from_frame(frame, name="simulated", data_unit="tokens")

    return build


@pytest.fixture(scope="session")
def sweep(table) -> Callable[..., Runs]:
    """A factorial sweep of a law, with log-normal noise."""

    def build(
        law: Law = PAPER,
        truth: Array | tuple[float, ...] = TRUTH,
        *,
        noise: float = 0.0,
        seed: int = 0,
        S: tuple[float, ...] = LEVELS_S,
        N: tuple[float, ...] = LEVELS_N,
        D: tuple[float, ...] = LEVELS_D,
    ) -> Runs:
        grid = [column.ravel() for column in np.meshgrid(S, N, D)]
        loss = law.predict(np.asarray(truth), *grid)
        loss = loss * np.exp(noise * np.random.default_rng(seed).standard_normal(loss.shape))
        return table(*grid, loss)

    return build


@pytest.fixture(scope="session")
def many_levels(table) -> Runs:
    """136 runs of 41 sizes, 136 durations and 4 sparsities."""
    k = np.arange(136)
    S, N, D = np.array(LEVELS_S)[k // 41], 1e7 * 1.2 ** (k % 41), 1e9 * 1.05**k
    noise = np.random.default_rng(0).normal(0, 0.005, 136)
    return table(S, N, D, PAPER.predict(np.array(TRUTH), S, N, D) * np.exp(noise))
