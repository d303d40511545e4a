"""Intervals of new runs: the spread in closed form, and what it covers on runs that were not fitted."""

import numpy as np
import pandas as pd
import pytest

from sparselaw.fit import Fit, Loss
from sparselaw.fit.calibration import LEAST_PER_DECADE, calibrate, compute_of
from sparselaw.fit.fitting import fit_law
from sparselaw.fit.result import Spread
from sparselaw.laws import PAPER
from sparselaw.plan.estimate import Estimates
from sparselaw.runs import Runs

LOSS = Loss(1e-3, log=True)


def test_noise_and_misfit_add_in_quadrature_outside_the_runs() -> None:
    spread = Spread(0.03, 0.04, (1e12, 1e15))
    assert spread.at(1e13) == 0.03
    assert spread.at(1e16) == pytest.approx(0.05)
    assert spread.at(1e11) == pytest.approx(0.05)


def test_compute_counts_zeros(t5_c4: Runs) -> None:
    np.testing.assert_allclose(compute_of(t5_c4), t5_c4.nonzero_params / (1 - t5_c4.sparsity) * t5_c4.data)


def held_out(runs: Runs, law: str, times: float) -> tuple[Fit, Runs]:
    """A fit of the runs of up to 1 / times of the largest compute, and the larger ones."""
    small = compute_of(runs) <= compute_of(runs).max() / times
    fitted = fit_law(runs.select(small), law, loss=LOSS)
    return Fit(**vars(fitted) | {"spread": calibrate(runs.select(small), fitted)}), runs.select(~small)


@pytest.mark.parametrize(("data", "law"), [("t5_c4", "capped"), ("vit_jft", "paper"), ("vit_jft", "dense")])
@pytest.mark.parametrize("times", [3, 10, 30])
def test_larger_published_runs_fall_inside(data: str, law: str, times: float, request: pytest.FixtureRequest) -> None:
    """By the noise and the misfit alone; the band of the draws only widens it."""
    fitted, larger = held_out(request.getfixturevalue(data), law, times)
    estimate = Estimates(fitted, 0.95)
    predicted = fitted.predict(larger.sparsity, larger.nonzero_params, larger.data)
    inside = 0
    for value, loss, compute in zip(predicted, larger.loss, compute_of(larger), strict=True):
        found = estimate.of_run(float(value), np.full(3, value), float(compute))
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= loss <= found.high
    assert inside >= 0.85 * len(larger)


def test_a_true_law_has_little_misfit() -> None:
    S, N, D = (x.ravel() for x in np.meshgrid([0.0, 0.5, 0.75], 1e6 * 4.0 ** np.arange(5), 1e9 * 4.0 ** np.arange(5)))
    truth = np.array([16.8, 0.722, 45.0, 0.245, 6.9e8, 0.35, 0.651])
    loss = PAPER.predict(truth, S, N, D) * np.exp(0.005 * np.random.default_rng(0).standard_normal(len(S)))
    runs = Runs.from_frame(pd.DataFrame({"nonzero_params": N, "sparsity": S, "data": D, "loss": loss}), name="true")
    spread = calibrate(runs, fit_law(runs, "paper", loss=LOSS))
    assert spread.noise == pytest.approx(0.005, rel=0.2)
    assert LEAST_PER_DECADE <= spread.per_decade < 0.02


def test_a_table_too_small_to_hold_runs_out_takes_the_usual_error() -> None:
    S, N, D = (x.ravel() for x in np.meshgrid([0.0, 0.75], [1e6, 2e7], [1e9, 1.6e10]))
    truth = np.array([16.8, 0.722, 45.0, 0.245, 6.9e8, 0.35, 0.651])
    frame = pd.DataFrame({"nonzero_params": N, "sparsity": S, "data": D, "loss": PAPER.predict(truth, S, N, D)})
    runs = Runs.from_frame(frame, name="small")
    assert calibrate(runs, fit_law(runs, "paper", loss=LOSS)).per_decade == 0.02
