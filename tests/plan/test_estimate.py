"""Intervals and sensitivities from draws that were constructed, so that the right ones are known."""

from dataclasses import replace

import numpy as np
import pytest

from sparselaw.cost import Cost
from sparselaw.fit import Fit, open_fit
from sparselaw.fit.result import Bootstrap
from sparselaw.laws import optimal_sparsity
from sparselaw.plan import plan
from sparselaw.plan.estimate import Estimate, Estimates, sensitivities


@pytest.fixture
def vit() -> Fit:
    return open_fit("vit-jft")


def with_draws(fitted: Fit, draws: np.ndarray) -> Fit:
    return replace(fitted, bootstrap=Bootstrap(draws, "run", len(draws), 0))


def test_interval_is_the_quantile_of_constructed_draws(vit: Fit) -> None:
    # 41 draws of a_S alone: the 2.5% and 97.5% quantiles are the second lowest and the second highest, and S_opt rises in a_S.
    draws = np.tile(vit.values, (41, 1))
    draws[:, 0] *= np.linspace(0.5, 1.5, 41)
    answer = plan(with_draws(vit, draws[::-1]), nonzeros=42.5e6, flops=2e20)
    expected = [float(optimal_sparsity(vit.law, draws[k], 42.5e6, 2e20, Cost())) for k in (1, 39)]
    assert expected[0] < answer.optimal_sparsity.value < expected[1]
    assert answer.optimal_sparsity.bounds == pytest.approx(expected, rel=1e-12)
    S = answer.optimal_sparsity.value
    losses = vit.law.predict(draws[[1, 39]], S, 42.5e6, 2e20 * (1 - S) / (6 * 42.5e6))
    band = answer.best.loss_band
    assert band is not None
    assert band.bounds == pytest.approx(sorted(losses), rel=1e-12)


def test_draws_that_cannot_reach_the_loss_leave_the_interval_open(vit: Fit) -> None:
    draws = np.tile(vit.values, (41, 1))
    draws[:, -1] = np.linspace(4.0, 5.5, 41)  # the irreducible loss
    answer = plan(with_draws(vit, draws), nonzeros=42.5e6, loss=5.4)
    assert answer.best.flops.low is not None
    assert np.isfinite(answer.best.flops.low)
    assert answer.best.flops.high == np.inf
    assert answer.to_json()["flops_interval"][1] is None


def test_slopes_are_finite_changes(vit: Fit) -> None:
    question = {"nonzeros": 42.5e6, "flops": 1e19, "cost": Cost(sparse=True)}
    answer = plan(replace(vit, bootstrap=None), **question)
    assert {one.name for one in answer.sensitivity} == set(vit.law.names)
    assert all(one.explained is None for one in answer.sensitivity)
    for one in answer.sensitivity:
        ends = [
            plan(
                replace(vit, bootstrap=None, parameters=vit.parameters | {one.name: vit.parameters[one.name] * k}),
                **question,
            )
            for k in (np.exp(-0.005), np.exp(0.005))
        ]
        low, high = (end.optimal_sparsity.value for end in ends)
        assert one.slope == pytest.approx((high - low) / 0.01, abs=1e-4)


def test_the_parameter_that_moves_explains_all(vit: Fit) -> None:
    draws = np.tile(vit.values, (101, 1))
    rng = np.random.default_rng(0)
    draws[:, 1] *= np.exp(rng.uniform(-0.1, 0.1, 101))
    fitted = replace(vit, bootstrap=Bootstrap(draws, "run", 101, 0))
    answers = plan(fitted, nonzeros=42.5e6, flops=1e19).sensitivity
    assert answers[0].name == "b_S"
    assert answers[0].explained == pytest.approx(1, abs=0.05)
    assert all(one.explained is None for one in answers[1:])


def test_pinned_parameters_have_no_part(vit: Fit) -> None:
    found = sensitivities(replace(vit, pinned=("b_D",)), lambda p: p[..., 0], vit.draws[:, 0])
    assert "b_D" not in {one.name for one in found}
    assert found[0].name == "a_S"


def test_draws_that_say_nothing_do_not_count(vit: Fit) -> None:
    estimate = Estimates(vit, 0.5)
    assert estimate.of(1.0, np.array([np.nan, 1.0, 2.0, 3.0, np.nan])) == Estimate(1.0, 1.5, 2.5)
    assert estimate.of(1.0, np.array([np.nan])) == Estimate(1.0)
    assert estimate.of(1.0, np.array([1.0, np.inf, np.inf, np.inf])).high == np.inf
