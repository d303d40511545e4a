"""The evidence of an answer: what the runs determine, and at which measured sparsity."""

import numpy as np
import pandas as pd
import pytest

from sparselaw.fit import Fit, fit, open_fit
from sparselaw.laws import PAPER
from sparselaw.plan import plan
from sparselaw.plan.evidence import misfit, nearest_measured

TRUTH = np.array([16.8, 0.722, 45.0, 0.245, 6.9e8, 0.35, 0.651])


def fitted_to(S: tuple[float, ...], N: tuple[float, ...], D: tuple[float, ...]) -> Fit:
    """A fit of a simulated sweep with 0.5% of noise."""
    grid = [column.ravel() for column in np.meshgrid(S, N, D)]
    loss = PAPER.predict(TRUTH, *grid) * np.exp(0.005 * np.random.default_rng(1).standard_normal(grid[0].shape))
    columns = ("sparsity", "nonzero_params", "data")
    return fit(pd.DataFrame(dict(zip(columns, grid, strict=True)) | {"loss": loss}), bootstrap=300)


LEVELS, SIZES, DURATIONS = (0.0, 0.5, 0.75, 0.875), (1e6, 4e6, 1.6e7, 6.4e7), (1e9, 4e9, 1.6e10, 6.4e10)


@pytest.mark.parametrize(
    ("table", "times", "missing"),
    [
        ((LEVELS, SIZES, DURATIONS[::3]), 8.0, "durations"),
        ((LEVELS, SIZES[::2], DURATIONS), 8.0, None),
        ((LEVELS, SIZES, DURATIONS), 8.0, None),
    ],
    ids=["two durations", "two sizes", "full"],
)
def test_what_would_determine_the_answer_is_named(table, times: float, missing: str | None) -> None:
    answer = plan(fitted_to(*table), nonzeros=2e7, times_chinchilla=times)
    assert answer.evidence.open_question == missing
    record = answer.to_json()
    if missing:
        assert answer.verdict == "unclear"
        assert f"Runs of more {missing}" in answer.verdict_reason
        assert record["optimal_sparsity"] is record["interval"] is record["near_optimal"] is None
    else:
        assert record["optimal_sparsity"] == answer.optimal_sparsity.value
        assert record["interval"][0] < record["interval"][1]


def test_a_multiplier_is_known_even_so() -> None:
    answer = plan(fitted_to(LEVELS, SIZES, DURATIONS[::3]), nonzeros=2e7, times_chinchilla=8.0)
    assert answer.multiplier.open_question is None


@pytest.mark.parametrize(("S", "nearest"), [(0.01, 0.5), (0.6, 0.5), (0.7, 0.75), (0.9, 0.875), (0.99, 0.875)])
def test_the_nearest_measured_sparsity_is_so_in_the_logarithm_of_density(S: float, nearest: float) -> None:
    fitted = open_fit("t5-c4-refit")
    assert nearest_measured(fitted, S) == nearest
    density = {level: abs(np.log((1 - level) / (1 - S))) for level in fitted.domain.sparsity if level > 0}
    assert min(density, key=density.__getitem__) == nearest


def test_misfit_is_the_root_mean_square_in_ln_loss() -> None:
    fitted = fitted_to(LEVELS, SIZES, DURATIONS)
    assert misfit(fitted) == pytest.approx(0.005, rel=0.3)
    assert misfit(open_fit("vit-jft")) is None  # shipped without residuals
