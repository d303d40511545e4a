"""The quality of a fit: each sentence on a simulation that deserves it, and none on one that does not."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sparselaw.fit.quality import _lack_of_fit, quality_warnings
from sparselaw.runs import Runs


def grid(seeds: int = 1) -> Runs:
    S, N, D, seed = (
        x.ravel()
        for x in np.meshgrid([0.0, 0.5, 0.75], 1e6 * 4.0 ** np.arange(4), 1e9 * 2.0 ** np.arange(4), range(seeds))
    )
    frame = {"nonzero_params": N, "sparsity": S, "data": D, "loss": np.full(len(S), 3.0), "seed": seed}
    return Runs.from_frame(pd.DataFrame(frame), name="grid")


def noise(runs: Runs, size: float, seed: int = 0) -> np.ndarray:
    return size * np.random.default_rng(seed).standard_normal(len(runs))


@pytest.mark.parametrize("seed", range(8))
def test_noise_alone_deserves_no_sentence(seed: int) -> None:
    for runs in (grid(), grid(3)):
        assert quality_warnings(runs, noise(runs, 0.01, seed), 7) == ()


def test_lack_of_fit_is_the_f_test() -> None:
    """Against SciPy: the misfit of cells over the noise within them."""
    runs = grid(3)
    bend = 0.02 * np.sin(5 * np.log(runs.nonzero_params) + runs.data / 1e9 + 9 * runs.sparsity)
    residuals = bend + noise(runs, 0.01)
    cells = residuals.reshape(-1, 3)
    pure = ((cells - cells.mean(1, keepdims=True)) ** 2).sum() / (48 * 2)
    ratio = ((residuals**2).sum() - pure * 96) / (48 - 7) / pure
    found = _lack_of_fit(runs, residuals, 7)
    assert found is not None
    assert found == pytest.approx((stats.f.sf(ratio, 41, 96), pure**0.5))
    (said, *_) = quality_warnings(runs, 3 * bend + noise(runs, 0.01), 7)
    assert "times what repeats of a run differ by" in said


def test_a_gross_misfit_is_said_without_repeats() -> None:
    runs = grid()
    assert quality_warnings(runs, noise(runs, 0.3), 7)[0].startswith("The law misses its own runs by ")


def test_runs_far_off_are_named_with_their_row() -> None:
    runs, residuals = grid(), noise(grid(), 0.005)
    residuals[17] = 0.2
    (said,) = quality_warnings(runs, residuals, 7)
    assert said.startswith("1 of 48 runs lie far from the law, such as row 18 (S ")
    assert said.endswith("-18%.")


@pytest.mark.parametrize("name", ["size", "data", "sparsity"])
def test_a_bend_along_one_quantity_is_named(name: str) -> None:
    runs = grid()
    x = {"size": np.log(runs.nonzero_params), "data": np.log(runs.data), "sparsity": np.log1p(-runs.sparsity)}[name]
    bend = (x - x.mean()) ** 2
    residuals = 0.02 * (bend - bend.mean()) / bend.std() + noise(runs, 0.005)
    assert any(
        said.startswith(f"The residuals change systematically with the {name} of the runs")
        for said in quality_warnings(runs, residuals, 7)
    )
