"""Training cost against numerical integration of the ramp, published multipliers and finite differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from sparselaw.cost import Cost
from sparselaw.cost.training import open_schedule
from sparselaw.prune.schedules import Schedule

schedules = st.builds(
    lambda start, length, exponent: Schedule(start, min(1.0, start + length), exponent),
    st.floats(0.0, 0.6),
    st.floats(0.05, 0.4),
    st.floats(0.5, 5.0),
)


def density(x: float, S: float, schedule: Schedule) -> float:
    """1 - S_t of the ramp from its definition, x the share of training done."""
    u = np.clip((x - schedule.start) / (schedule.end - schedule.start), 0, 1)
    return 1 - S * (1 - (1 - u) ** schedule.exponent)


@given(schedule=schedules, S=st.floats(0.0, 0.99))
@settings(deadline=None, max_examples=40)
def test_multiplier_is_the_integral_of_the_ramp(schedule: Schedule, S: float) -> None:
    mean = quad(density, 0, 1, args=(S, schedule), points=[schedule.start, schedule.end], limit=200)[0]
    assert Cost(sparse=True, schedule=schedule).multiplier(S) == pytest.approx(mean / (1 - S), rel=1e-6)
    assert Cost(schedule=schedule).multiplier(S) == pytest.approx(1 / (1 - S), rel=1e-12)


def test_published_multipliers() -> None:
    S = np.array([0.5, 0.75, 0.875])
    assert Cost(sparse=True).multiplier(S) == pytest.approx([1.375, 2.125, 3.625], rel=1e-12)
    assert Cost().multiplier(S) == pytest.approx([2, 4, 8], rel=1e-12)


@pytest.mark.parametrize("cost", [Cost(), Cost(sparse=True), Cost(sparse=True, schedule=Schedule(0.1, 0.9, 2.0))])
def test_slope_is_the_derivative(cost: Cost) -> None:
    u, h = np.linspace(0.01, 6, 50), 1e-5

    def log_multiplier(u: np.ndarray) -> np.ndarray:
        return np.log(cost.multiplier(-np.expm1(-u)))

    by_difference = (log_multiplier(u + h) - log_multiplier(u - h)) / (2 * h)
    assert cost.multiplier_slope(-np.expm1(-u)) == pytest.approx(by_difference, abs=1e-8)


@given(S=st.floats(0, 0.999), N=st.floats(1e3, 1e13), D=st.floats(1e3, 1e15), units=st.floats(1, 1e4))
@settings(deadline=None, max_examples=50)
def test_data_and_flops_are_inverse(S: float, N: float, D: float, units: float) -> None:
    for sparse in (False, True):
        cost = Cost(sparse=sparse, units_per_datum=units)
        assert cost.data(S, N, cost.flops(S, N, D)) == pytest.approx(D, rel=1e-12)


def test_dense_training_costs_six_flops_a_weight_and_token() -> None:
    for sparse in (False, True):
        assert Cost(sparse=sparse).flops(0.0, 1e8, 2e9) == pytest.approx(1.2e18, rel=1e-14)
        assert Cost(sparse=sparse, units_per_datum=196).flops(0.0, 1e8, 2e9) == pytest.approx(196 * 1.2e18, rel=1e-14)


@pytest.mark.parametrize(("start", "end"), [(0.25, 0.75), (0.0, 0.5), (0.1, 0.9), (0.0, 0.0), (1.0, 1.0)])
def test_a_ramp_is_written_as_its_ends(start: float, end: float) -> None:
    """The mean density is 1 - S (1 - end + 0.75 (end - start))."""
    for ramp in (f"{start}:{end}", (start, end)):
        mean = Cost(sparse=True, schedule=open_schedule(ramp)).multiplier(0.8) * (1 - 0.8)
        assert mean == pytest.approx(1 - 0.8 * (1 - end + 0.75 * (end - start)), rel=1e-12)
    assert open_schedule(None) == Schedule()
