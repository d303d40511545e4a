"""The evidence of an answer: what the runs determine, and at which measured sparsity."""

from dataclasses import replace

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
    published = open_fit("vit-jft")  # without residuals
    assert published.spread is not None
    assert misfit(published) == published.spread.noise


def test_a_run_near_the_plan_is_shown() -> None:
    fitted = fitted_to(LEVELS, SIZES, DURATIONS)
    answer = plan(fitted, nonzeros=1.6e7, data=1.6e10)
    dense = answer.measured_near[-1]
    assert (dense.sparsity, dense.nonzero_params, dense.data) == (0.0, 1.6e7, 1.6e10)
    at = (fitted.cells[:, :3] == [0.0, 1.6e7, 1.6e10]).all(axis=1)
    assert np.log(dense.loss) == pytest.approx(float(fitted.cells[at, 3][0]))
    assert dense.predicted.value == pytest.approx(float(fitted.predict(0.0, 1.6e7, 1.6e10)))
    assert dense.predicted.bounds is not None
    assert not dense.is_missed
    assert "dense of N = 16M on 16B examples measured" in " ".join(answer.advice)
    assert answer.to_json()["measured_near"][-1]["loss"] == dense.loss


def test_no_run_is_near_a_plan_beyond_them() -> None:
    assert plan(fitted_to(LEVELS, SIZES, DURATIONS), nonzeros=1e9, times_chinchilla=8.0).measured_near == ()
    assert plan("vit-jft", nonzeros=42.5e6, data=1.8e9).measured_near == ()  # shipped without its runs


def test_a_missed_run_is_a_warning() -> None:
    fitted = fitted_to(LEVELS, SIZES, DURATIONS)
    cells = fitted.cells.copy()
    cells[:, 3] += 0.2  # in ln loss, of 0.005 noise
    answer = plan(replace(fitted, cells=cells), nonzeros=1.6e7, data=1.6e10)
    assert all(run.is_missed for run in answer.measured_near)
    assert any("The law misses a fitted run near this plan" in said for said in answer.warnings)
    assert not any("fitted runs near this plan" in said for said in answer.advice)


def test_repeats_are_one_cell() -> None:
    table = pd.DataFrame(
        {"nonzero_params": 1e6, "sparsity": 0.0, "data": [1e9, 1e9, 2e9] * 4, "loss": [2.0, 4.0, 3.0] * 4}
    )
    table["nonzero_params"] = np.repeat([1e6, 2e6, 4e6, 8e6], 3)
    cells = fit(table, "dense", bootstrap=0).cells
    assert len(cells) == 8
    assert np.exp(cells[0, 3]) == pytest.approx(np.sqrt(8.0))
