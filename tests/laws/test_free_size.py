"""Questions that leave N free, against brute force over sizes and sparsities; and the budget from which sparsity pays."""

import numpy as np
import pytest

from sparselaw.cost import Cost, RelativeTime
from sparselaw.errors import UserError
from sparselaw.fit import open_fit
from sparselaw.laws import chinchilla_flops, flops_where_optimal, free_multiplier, optimal_sparsity
from sparselaw.laws.free_size import best_per_flop, best_size, loss_of_best_size
from sparselaw.laws.optimum import flops_where_sparsity_pays
from sparselaw.laws.search import MAX_SPARSITY
from sparselaw.plan import plan

CSR = RelativeTime("csr", (0.0, 0.7, 0.9, 0.98), (1.0, 1.0, 0.45, 0.2))
FAST = RelativeTime("fast 2:4", (0.0, 0.5, 0.5), (1.0, 1.0, 0.3))
COSTS = [Cost(), Cost(sparse=True), Cost(sparse=True, units_per_datum=196), Cost(measured=CSR), Cost(measured=FAST)]
SOURCES = ["vit-jft", "t5-c4-published", "t5-c4-refit"]
S_GRID = np.unique(
    np.concatenate([np.linspace(0, MAX_SPARSITY, 1501), 1 - np.geomspace(1, 1e-3, 501), [0.5, 0.7, 0.9]])
)
N_GRID = np.geomspace(1e4, 1e15, 4001)


@pytest.mark.parametrize("cost", COSTS, ids=lambda c: f"{c.name}-{c.units_per_datum:g}")
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("data", [1e6, 1e10, 1e14], ids=["little-data", "some-data", "much-data"])
def test_a_budget_and_data(source: str, cost: Cost, data: float) -> None:
    fitted, C = open_fit(source), 1e20 * cost.units_per_datum
    answer = plan(fitted, flops=C, data=data, cost=cost)
    S, N = answer.optimal_sparsity.value, answer.best.nonzero_params.value
    assert answer.best.data.value <= data * (1 + 1e-12)
    assert answer.best.loss.value == pytest.approx(fitted.predict(S, N, answer.best.data.value), rel=1e-12)
    near = N * np.geomspace(0.99, 1.01, 2001)
    for level in (S, *S_GRID[::250]):
        sizes = np.union1d(N_GRID, near)
        losses = fitted.predict(level, sizes, np.minimum(cost.data(level, sizes, C), data))
        assert losses.min() >= answer.best.loss.value * (1 - 1e-12)
    losses = fitted.predict(S, near, np.minimum(cost.data(S, near, C), data))
    assert losses.min() == pytest.approx(answer.best.loss.value, rel=1e-6)


@pytest.mark.parametrize("cost", COSTS, ids=lambda c: f"{c.name}-{c.units_per_datum:g}")
@pytest.mark.parametrize("source", SOURCES)
def test_the_sparsity_of_most_size_per_flop(source: str, cost: Cost) -> None:
    fitted = open_fit(source)
    S = best_per_flop(fitted.law, fitted.values, cost)
    b_N = fitted.law.capacity_exponent(fitted.values)

    def flops_of_equivalent(S: np.ndarray) -> np.ndarray:
        return fitted.law.capacity(fitted.values, S, 1.0) ** (1 / b_N) * cost.multiplier(S)

    grid = np.union1d(S_GRID, np.linspace(max(S - 1e-3, 0), min(S + 1e-3, MAX_SPARSITY), 2001))
    assert flops_of_equivalent(S) <= flops_of_equivalent(grid).min() * (1 + 1e-12)


@pytest.mark.parametrize("cost", COSTS, ids=lambda c: f"{c.name}-{c.units_per_datum:g}")
@pytest.mark.parametrize("data", [2e9, 1e10, 1e14])
def test_least_compute_for_a_loss_with_limited_data(cost: Cost, data: float) -> None:
    fitted = open_fit("t5-c4-refit")
    answer = plan(fitted, data=data, loss=1.9, cost=cost)
    C = answer.best.flops.value
    assert answer.best.loss.value == pytest.approx(1.9, rel=1e-9)
    assert answer.best.data.value <= data * (1 + 1e-9)
    # With a little less compute no size and no sparsity gets there.
    S = S_GRID[::20, None]
    for share in (0.5, 0.9999):
        D = np.minimum(cost.data(S, N_GRID, share * C), data)
        assert fitted.predict(S, N_GRID, D).min() > 1.9


def test_too_little_data_is_one_sentence() -> None:
    with pytest.raises(UserError, match="out of reach with 100M tokens"):
        plan(open_fit("t5-c4-refit"), data=1e8, loss=1.7)
    with pytest.raises(UserError, match="below the irreducible loss"):
        plan(open_fit("t5-c4-refit"), data=1e12, loss=0.5)


@pytest.mark.parametrize("source", SOURCES)
def test_best_dense_size_is_chinchillas(source: str) -> None:
    fitted, C = open_fit(source), 1e20
    N = float(best_size(fitted.law, fitted.values, 0.0, C, Cost()))
    assert chinchilla_flops(fitted.law, fitted.values, N, Cost()) == pytest.approx(C, rel=1e-9)
    assert loss_of_best_size(fitted.law, fitted.values, 0.0, C, Cost()) == pytest.approx(
        fitted.predict(0.0, N_GRID, C / (6 * N_GRID)).min(), rel=1e-6
    )
    answer = plan(fitted, nonzeros=2e7, flops=C)
    assert answer.any_dense.nonzero_params.value == pytest.approx(N, rel=1e-12)
    assert answer.any_dense.loss.value <= answer.dense_loss.value


@pytest.mark.parametrize("cost", COSTS, ids=lambda c: f"{c.name}-{c.units_per_datum:g}")
@pytest.mark.parametrize("source", SOURCES)
def test_sparsity_pays_from_the_budget_where_it_starts_to(source: str, cost: Cost) -> None:
    fitted, N = open_fit(source), 2e7
    start = float(flops_where_sparsity_pays(fitted.law, fitted.values, N, cost))
    below, above = optimal_sparsity(fitted.law, fitted.values, N, start * np.array([0.98, 1.02]), cost)
    assert below == 0
    assert above > 0
    if not cost.kinks:
        assert start == pytest.approx(flops_where_optimal(fitted.law, fitted.values, 0.0, N, cost), rel=1e-12)


def test_sparsity_pays_for_a_law_of_levels() -> None:
    law, values = free_multiplier((0.0, 0.5, 0.75)), np.array([762, 640, 560, 0.392, 2.37e8, 0.890, 4.517])
    start = float(flops_where_sparsity_pays(law, values, 2e7, Cost()))
    assert optimal_sparsity(law, values, 2e7, start * 0.9999, Cost()) == 0
    assert optimal_sparsity(law, values, 2e7, start * 1.0001, Cost()) > 0
