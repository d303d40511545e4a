"""The optimal sparsity against brute force on a fine grid and against a second method, for every law."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw.cost import Cost
from sparselaw.fit import open_fit
from sparselaw.laws import (
    AVERAGE_PARAMS,
    DENSITY_POWER,
    NO_FLOOR,
    PAPER,
    PowerLaw,
    chinchilla_flops,
    flops_where_optimal,
    free_multiplier,
    near_optimal_range,
    optimal_sparsity,
)
from sparselaw.laws.optimum import MAX_SPARSITY, closed_form, loss_on_budget, numerical_optimum

COSTS = (Cost(), Cost(sparse=True))
VIT = (2.94e2, 0.821, 4.68e2, 0.392, 2.37e8, 0.890, 4.517)
LAWS: dict[str, tuple[PowerLaw, tuple[float, ...]]] = {
    "paper": (PAPER, VIT),
    "no-floor": (NO_FLOOR, (7.6e2, 0.3, 0.392, 2.37e8, 0.890, 4.517)),
    "average-params": (AVERAGE_PARAMS, (7.6e2, 0.392, 2.37e8, 0.890, 4.517)),
    "density-power": (DENSITY_POWER, (40.0, 0.6, 20.0, 1.2, 0.25, 60.0, 1.0)),
}
GRID = np.unique(np.concatenate([np.linspace(0, MAX_SPARSITY, 20_001), 1 - np.geomspace(1, 1e-3, 20_001)]))
parameters = st.tuples(
    st.floats(1, 1e3), st.floats(0.1, 3), st.floats(0, 1e3), st.floats(0.1, 0.8), st.floats(1e7, 1e10),
    st.floats(0.1, 1.2), st.floats(0, 5),
).map(np.array)  # fmt: skip
sizes, times = st.floats(1e5, 1e11), st.floats(-2, 5).map(lambda power: 10.0**power)


@given(values=parameters, N=sizes, times=times)
@settings(deadline=None, max_examples=60)
def test_closed_form_is_the_numerical_optimum(values: np.ndarray, N: float, times: float) -> None:
    C = times * chinchilla_flops(PAPER, values, N, Cost())
    closed = closed_form(values, np.asarray(N), C / 6)
    assert numerical_optimum(PAPER, values, np.asarray(N), C, Cost()) == pytest.approx(closed, abs=1e-8)


@given(values=parameters, N=sizes, times=times, cost=st.sampled_from(COSTS))
@settings(deadline=None, max_examples=40)
def test_nothing_on_a_fine_grid_is_better(values: np.ndarray, N: float, times: float, cost: Cost) -> None:
    assert_best(PAPER, values, N, float(times * chinchilla_flops(PAPER, values, N, cost)), cost)


def assert_best(law: PowerLaw, values: np.ndarray, N: float, C: float, cost: Cost) -> None:
    S = optimal_sparsity(law, values, N, C, cost)
    lowest = loss_on_budget(law, values, GRID, N, C, cost).min()
    assert loss_on_budget(law, values, S, N, C, cost) <= lowest * (1 + 1e-12)


@pytest.mark.parametrize("cost", COSTS, ids=lambda c: c.name)
@pytest.mark.parametrize("name", LAWS)
def test_every_law_is_minimised(name: str, cost: Cost) -> None:
    law, values = LAWS[name]
    for N in (1e6, 1e9):
        for C in np.geomspace(6 * N * 1e6, 6 * N * 1e14, 17):
            assert_best(law, np.array(values), N, float(C), cost)


@pytest.mark.parametrize("cost", COSTS, ids=lambda c: c.name)
def test_dense_below_the_threshold_and_sparser_with_every_flop(cost: Cost) -> None:
    values, N = np.array(VIT), 42.5e6
    threshold = float(flops_where_optimal(PAPER, values, 0.0, N, cost))
    below = optimal_sparsity(PAPER, values, N, threshold * np.array([1e-3, 0.5, 0.999]), cost)
    assert (below == 0).all()
    above = optimal_sparsity(PAPER, values, N, threshold * np.geomspace(1.001, 1e3, 200), cost)
    assert above[0] > 0
    assert (np.diff(above) > 0).all()


@given(values=parameters, N=sizes, times=times)
@settings(deadline=None, max_examples=60)
def test_free_zeros_never_make_less_sparsity_right(values: np.ndarray, N: float, times: float) -> None:
    C = times * chinchilla_flops(PAPER, values, N, Cost())
    dense, sparse = (optimal_sparsity(PAPER, values, N, C, cost) for cost in COSTS)
    assert sparse >= dense - 1e-10


@pytest.mark.parametrize("source", ["vit-jft", "t5-c4-published", "t5-c4-refit"])
@pytest.mark.parametrize("cost", COSTS, ids=lambda c: c.name)
def test_in_multiples_of_chinchilla_size_does_not_matter(source: str, cost: Cost) -> None:
    fitted, N = open_fit(source), np.geomspace(1e5, 1e12, 15)
    for times in (0.1, 5.0, 40.0, 500.0):
        C = times * chinchilla_flops(fitted.law, fitted.values, N, cost)
        assert np.ptp(optimal_sparsity(fitted.law, fitted.values, N, C, cost)) < 1e-9


@pytest.mark.parametrize("cost", COSTS, ids=lambda c: c.name)
@pytest.mark.parametrize("times", [1.5, 20.0])
def test_near_optimal_range_ends_at_the_stated_loss(times: float, cost: Cost) -> None:
    values, N, tolerance = np.array(VIT), 42.5e6, 0.002
    C = float(times * chinchilla_flops(PAPER, values, N, cost))
    best = optimal_sparsity(PAPER, values, N, C, cost)
    allowed = loss_on_budget(PAPER, values, best, N, C, cost) + tolerance
    low, high = near_optimal_range(PAPER, values, N, C, cost, tolerance=tolerance)
    assert low <= best <= high < MAX_SPARSITY
    for end in (low, high):
        at_end = loss_on_budget(PAPER, values, end, N, C, cost)
        assert at_end == pytest.approx(allowed, abs=1e-12) if end > 0 else at_end <= allowed
    near = GRID[loss_on_budget(PAPER, values, GRID, N, C, cost) <= allowed]
    assert (near.min(), near.max()) == pytest.approx((low, high), abs=2e-4)


def test_free_multiplier_picks_the_best_level() -> None:
    levels = (0.0, 0.5, 0.75, 0.875)
    law, values = free_multiplier(levels), np.array([762, 640, 560, 520, 0.392, 2.37e8, 0.890, 4.517])
    picked = set()
    for times in (0.1, 3, 20, 300, 1e4):
        C = 1e18 * times
        losses = [float(law.predict(values, S, 42.5e6, C * (1 - S) / (6 * 42.5e6))) for S in levels]
        picked.add(float(optimal_sparsity(law, values, 42.5e6, C, Cost())))
        assert optimal_sparsity(law, values, 42.5e6, C, Cost()) == levels[int(np.argmin(losses))]
    assert len(picked) > 2


@pytest.mark.parametrize("source", ["vit-jft", "t5-c4-published", "t5-c4-refit"])
def test_chinchilla_budget_is_where_no_other_dense_size_does_better(source: str) -> None:
    fitted, N = open_fit(source), 42.5e6
    C = float(chinchilla_flops(fitted.law, fitted.values, N, Cost()))
    others = N * np.exp(np.linspace(-1, 1, 4001))
    losses = fitted.predict(0.0, others, C / (6 * others))
    assert others[losses.argmin()] == pytest.approx(N, rel=1e-3)


@pytest.mark.parametrize("cost", [*COSTS, Cost(units_per_datum=196), Cost(sparse=True, units_per_datum=196)])
@pytest.mark.parametrize("S", [0.1, 0.5, 0.9])
def test_a_contour_is_where_its_level_is_optimal(S: float, cost: Cost) -> None:
    C = flops_where_optimal(PAPER, VIT, S, 42.5e6, cost)
    assert optimal_sparsity(PAPER, VIT, 42.5e6, C, cost) == pytest.approx(S, abs=1e-9)
