"""The best sparsity is the best of all: for every law and path nothing on a very fine grid is better."""

# Functions are called within the turn of the loop that makes them.
# ruff: noqa: B023

from collections.abc import Callable

import numpy as np
import pytest

from sparselaw.cost import Cost, Memory, Storage, open_hardware
from sparselaw.cost.serving import SERVED_DENSE, SERVED_SPARSE
from sparselaw.laws import (
    AVERAGE_PARAMS,
    DENSE,
    DENSITY_POWER,
    NO_FLOOR,
    PAPER,
    PowerLaw,
    flops_where_optimal,
    free_multiplier,
    optimal_sparsity,
)
from sparselaw.laws.free_size import best_per_flop
from sparselaw.laws.inverse import least_flops, required_data, smallest_nonzeros
from sparselaw.laws.lifetime import Demand, best_sparsity, life_at
from sparselaw.laws.optimum import Size, flops_where_sparsity_pays, kinks_of, loss_on_budget
from sparselaw.laws.search import MAX_SPARSITY, scan_points

COUNT, AT_ONCE = 500, 25
"""Random parameters of a law, and those that share a size and a cost."""
ROUNDING = 1e-6
EVEN = np.append(-np.expm1(-np.linspace(0, -np.log1p(-MAX_SPARSITY), 10_001)[:-1]), MAX_SPARSITY)
GRID = np.union1d(EVEN, np.geomspace(1e-9, 1e-3, 200))
COARSE = np.union1d(GRID[::10], [MAX_SPARSITY])
LAWS = (PAPER, NO_FLOOR, DENSE, AVERAGE_PARAMS, DENSITY_POWER, free_multiplier((0.0, 0.5, 0.75, 0.875)))
COSTS = (
    Cost(),
    Cost(sparse=True),
    *(open_hardware(name).training_cost(units_per_datum=1.0) for name in ("epyc-csr", "a100-2:4")),
)
SERVED = (SERVED_DENSE, SERVED_SPARSE, open_hardware("epyc-csr").inference_cost())
FORMATS = (None, "bitmask", "delta", "csr", "entropy")
every_law = pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    return np.random.default_rng(sum(request.node.name.encode()))


def parameters(law: PowerLaw, rng: np.random.Generator, count: int, *, zeros: float = 0.0) -> np.ndarray:
    """Values [count, p] of every size, N and D in units near the data; a share of coefficients is 0, some powers near 1."""
    values = np.empty((count, len(law.names)))
    for k, name in enumerate(law.names):
        if law.linear[k]:
            values[:, k] = 10 ** rng.uniform(-3, 0.5, count) * (rng.random(count) >= zeros)
        elif name in ("b_S", "eps", "mu"):
            values[:, k] = 10 ** rng.uniform(-2, 1.3, count)
        else:
            values[:, k] = 10 ** rng.uniform(-1.3, 0.5, count)
        if name == "mu":
            values[:, k] = np.where(rng.random(count) < 0.3, rng.uniform(0.8, 1.2, count), values[:, k])
    return values


def limits(rng: np.random.Generator) -> list[tuple[Size, Cost]]:
    """A size and a cost for each AT_ONCE of the parameters."""
    kinds = [(FORMATS[k % len(FORMATS)], COSTS[k // len(FORMATS) % len(COSTS)]) for k in range(COUNT // AT_ONCE)]
    sizes = 10 ** rng.uniform(-2, 2, len(kinds))
    return [
        (N if kind is None else Memory(2 * N, Storage(kind)), cost)
        for N, (kind, cost) in zip(sizes.tolist(), kinds, strict=True)
    ]


def points(law: PowerLaw, kinks: tuple[float, ...] = (), grid: np.ndarray = GRID) -> np.ndarray:
    return np.array(law.choices) if law.choices else np.union1d(grid, [S for S in kinks if S < MAX_SPARSITY])


def assert_least(found: np.ndarray, tried: Callable[[], np.ndarray]) -> None:
    """What the search finds [n] is no more than the least of what a grid has [n, g]."""
    with np.errstate(all="ignore"):
        least = np.nanmin(np.where(np.isnan(values := tried()), np.inf, values), -1)
    assert (found <= least * (1 + ROUNDING)).all()


@every_law
def test_on_a_budget(law: PowerLaw, rng: np.random.Generator) -> None:
    for size, cost in limits(rng):
        values, C = parameters(law, rng, AT_ONCE, zeros=0.05), 10 ** rng.uniform(-4, 6, AT_ONCE)
        S = optimal_sparsity(law, values, size, C, cost)
        grid = points(law, kinks_of(size, cost))
        loss = loss_on_budget(law, values, S, size, C, cost)
        assert_least(loss, lambda: loss_on_budget(law, values[:, None], grid, size, C[:, None], cost))
        if law is DENSE and not isinstance(size, Memory):
            assert (S == 0).all()


@every_law
def test_of_any_size(law: PowerLaw, rng: np.random.Generator) -> None:
    for cost in COSTS:
        values = parameters(law, rng, COUNT // len(COSTS))
        S, grid, b_N = best_per_flop(law, values, cost), points(law, cost.kinks), law.capacity_exponent(values)
        cheapness = law.capacity(values, S, 1.0) * cost.multiplier(S) ** b_N
        assert_least(
            cheapness, lambda: law.capacity(values[:, None], grid, 1.0) * cost.multiplier(grid) ** b_N[:, None]
        )


@every_law
@pytest.mark.parametrize("size", [None, 1.0], ids=["any size", "fixed size"])
def test_over_a_lifetime(law: PowerLaw, size: float | None, rng: np.random.Generator) -> None:
    for training in COSTS:
        for serving in SERVED:
            values = parameters(law, rng, 10 if size else 3)
            loss = law.floor(values) + 10 ** rng.uniform(-2, 1, len(values))
            served = 10 ** rng.uniform(-3, 4, len(values))
            S = best_sparsity(law, values, Demand(loss, served, training, serving, size))
            found = life_at(law, values, S, Demand(loss, served, training, serving, size)).total
            every = Demand(loss[:, None], served[:, None], training, serving, size)
            grid = points(law, every.kinks, GRID if size else COARSE)
            assert_least(found, lambda: life_at(law, values[:, None], grid, every).total)


@every_law
def test_the_least_budget_and_the_smallest_size_for_a_loss(law: PowerLaw, rng: np.random.Generator) -> None:
    for size, cost in limits(rng):
        values = parameters(law, rng, AT_ONCE)
        loss, grid = law.floor(values) + 10 ** rng.uniform(-2, 1, AT_ONCE), points(law, kinks_of(size, cost), COARSE)
        N = size.nonzeros(grid) if isinstance(size, Memory) else size

        def budgets() -> np.ndarray:
            return cost.flops(grid, N, required_data(law, values[:, None], grid, N, loss[:, None]))

        flops = least_flops(law, values, size, loss, cost)
        assert_least(flops, budgets)
        if not isinstance(size, Memory):
            fewest = smallest_nonzeros(law, values, flops, loss, cost)
            assert (fewest <= size * (1 + ROUNDING))[np.isfinite(flops)].all()


@every_law
def test_sparsity_pays_from_the_budget_at_which_the_best_one_leaves_zero(
    law: PowerLaw, rng: np.random.Generator
) -> None:
    for cost in COSTS:
        values = parameters(law, rng, COUNT // len(COSTS))
        with np.errstate(all="ignore"):
            since = flops_where_sparsity_pays(law, values, 1.0, cost)
        is_finite = (since > 1e-12) & (since < 1e12)
        assert is_finite.any() != (law is DENSE)
        if law is DENSE:
            continue
        values, since = values[is_finite], since[is_finite]
        assert (optimal_sparsity(law, values, 1.0, since * (1 - 1e-3), cost) <= scan_points()[1]).all()
        assert (optimal_sparsity(law, values, 1.0, since * (1 + 1e-3), cost) > 0).all()


@pytest.mark.parametrize("law", [AVERAGE_PARAMS, DENSITY_POWER], ids=lambda law: law.name)
def test_contours_are_of_the_best_sparsity_or_nowhere(law: PowerLaw, rng: np.random.Generator) -> None:
    values, S = parameters(law, rng, COUNT), rng.uniform(0.01, 0.95, COUNT)
    with np.errstate(all="ignore"):
        C = flops_where_optimal(law, values, S, 1.0, Cost())
    is_line = np.isfinite(C)
    assert 0 < is_line.sum() < COUNT
    best = optimal_sparsity(law, values[is_line], 1.0, C[is_line], Cost())
    assert best == pytest.approx(S[is_line], abs=1e-6)
    budgets = np.geomspace(1e-6, 1e12, 20)
    elsewhere = optimal_sparsity(law, values[~is_line][:, None], 1.0, budgets, Cost())
    assert (np.abs(elsewhere - S[~is_line][:, None]) > 1e-6).all()


def test_a_dense_model_that_is_best_is_found_beside_a_valley() -> None:
    """Of a fit to ViTs: the loss has a valley at 10% and more, but is lowest at 0."""
    values = np.array([848.0, 1.157, 548.8, 0.7308, 0.4016, 3391.0, 4.041])
    N, C = 28_267_526.0, 7.5669e17
    S = float(optimal_sparsity(DENSITY_POWER, values, N, C, Cost()))
    assert S == 0
    brute = loss_on_budget(DENSITY_POWER, values, GRID, N, C, Cost())
    assert brute.argmin() == 0
    assert brute[np.searchsorted(GRID, 0.104)] > brute[0] + 0.02
    pays = float(flops_where_sparsity_pays(DENSITY_POWER, values, N, Cost()))
    assert pays > C
    assert (
        float(optimal_sparsity(DENSITY_POWER, values, N, 1.01 * pays, Cost())) > 0.1
    )  # it jumps over the valley's side
