"""Lives against brute force over sizes and sparsities, against Sardana et al., and their invariants."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw.cost import Cost, RelativeTime
from sparselaw.cost.serving import SERVED_DENSE, SERVED_SPARSE
from sparselaw.fit import open_fit
from sparselaw.laws import DENSE, free_multiplier
from sparselaw.laws.inverse import required_data
from sparselaw.laws.lifetime import Demand, best_sparsity, life_at
from sparselaw.laws.search import MAX_SPARSITY

CSR = RelativeTime("csr", (0.0, 0.7, 0.9, 0.98), (1.0, 1.0, 0.45, 0.2))
TWO_FOUR = RelativeTime("2:4", (0.0, 0.5, 0.5), (1.0, 1.0, 0.8))
TRAINING = [Cost(), Cost(sparse=True), Cost(measured=CSR)]
SERVING = [SERVED_DENSE, SERVED_SPARSE, *(replace(SERVED_DENSE, measured=t) for t in (CSR, TWO_FOUR))]
LOSSES = {"vit-jft": (5.0, 5.4, 6.5), "t5-c4-refit": (1.3, 1.7, 2.2)}
T5 = replace(open_fit("t5-c4-refit"), bootstrap=None)
S_GRID = np.unique(np.concatenate([np.linspace(0, MAX_SPARSITY, 201), 1 - np.geomspace(1, 1e-3, 100), [0.5, 0.7, 0.9]]))


def brute_force(fitted, demand: Demand) -> float:
    """The least total over a grid of sparsities and sizes; the sizes, then the best sparsities, are gridded again, finer."""
    grid, least = S_GRID, np.inf
    for _ in range(2):
        centre, width = np.full(len(grid), np.log(1e8)), 14.0
        for _ in range(7):
            x = centre[:, None] + np.linspace(-width, width, 41)
            N, S = np.exp(x), grid[:, None]
            with np.errstate(over="ignore"):
                D = required_data(fitted.law, fitted.values, S, N, demand.loss)
                total = demand.training.flops(S, N, D)
                total = total + demand.weight * demand.serving.flops(S, N, demand.inference)
            centre, width = x[np.arange(len(x)), total.argmin(-1)], width / 8
        lowest = total.min(-1)
        least, best = min(least, float(lowest.min())), int(lowest.argmin())
        grid = np.linspace(grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)], 101)
    return least


@pytest.mark.parametrize("serving", SERVING, ids=lambda c: f"served-{c.name}")
@pytest.mark.parametrize("training", TRAINING, ids=lambda c: f"trained-{c.name}")
@pytest.mark.parametrize("source", LOSSES)
def test_nothing_on_a_grid_is_cheaper(source: str, training: Cost, serving: Cost) -> None:
    fitted = open_fit(source)
    for loss, inference in zip(LOSSES[source], (1e9, 1e12, 1e14), strict=True):
        demand = Demand(loss, inference, training=training, serving=serving, weight=3.0)
        S = best_sparsity(fitted.law, fitted.values, demand)
        total = float(life_at(fitted.law, fitted.values, S, demand).total)
        assert total == pytest.approx(brute_force(fitted, demand), rel=1e-6)


@pytest.mark.parametrize("serving", SERVING, ids=lambda c: f"served-{c.name}")
@pytest.mark.parametrize("training", TRAINING, ids=lambda c: f"trained-{c.name}")
@pytest.mark.parametrize("inference", [1e9, 1e12])
def test_a_given_size(training: Cost, serving: Cost, inference: float) -> None:
    fitted, N = open_fit("vit-jft"), 2e7
    demand = Demand(5.5, inference, size=N, training=training, serving=serving)
    S = best_sparsity(fitted.law, fitted.values, demand)
    life = life_at(fitted.law, fitted.values, S, demand)
    grid, least = S_GRID, np.inf
    for _ in range(3):  # ever finer: the cheapest S may lie where the loss is only just reached
        D = required_data(fitted.law, fitted.values, grid, N, 5.5)
        totals = training.flops(grid, N, D) + serving.flops(grid, N, inference)
        least, best = min(least, totals.min()), totals.argmin()
        grid = np.linspace(grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)], 3001)
    assert life.total == pytest.approx(least, rel=1e-6)
    assert fitted.predict(S, N, life.data) == pytest.approx(5.5, rel=1e-12)


def test_the_split_reaches_the_loss_and_is_all_draws_at_once() -> None:
    fitted = open_fit("vit-jft")
    demand = Demand(5.2, 1e11, Cost(), SERVED_SPARSE)
    S = best_sparsity(fitted.law, fitted.draws, demand)
    life = life_at(fitted.law, fitted.draws, S, demand)
    reached = np.isfinite(life.total)
    assert reached.mean() > 0.95
    losses = fitted.law.predict(
        fitted.draws, S, np.where(reached, life.nonzero_params, 1.0), np.where(reached, life.data, 1.0)
    )
    assert losses[reached] == pytest.approx(5.2, rel=1e-12)
    one = best_sparsity(fitted.law, fitted.draws[7], demand)
    assert S[7] == pytest.approx(one, abs=1e-12)


def test_sardana_et_al_save_17_percent_with_a_7b_model() -> None:
    # Their figure 1: 13B expecting 2T inference tokens; a 7B model trained longer saves 1.7e22 FLOPs (17%). Hoffmann et al.'s
    # coefficients with three digits of the exponents.
    values = np.array([406.4, 0.336, 410.7 ** (1 / 0.283), 0.283, 1.69])
    N = 13e9
    share = 0.336 * 406.4 / (0.283 * 410.7)
    D = (N**0.336 / share) ** (1 / 0.283)  # Chinchilla-optimal for 13B
    demand = Demand(float(DENSE.predict(values, 0.0, N, D)), 2e12, Cost(), SERVED_DENSE)
    before = 6 * N * D + 2 * N * 2e12
    life = life_at(DENSE, values, 0.0, demand)
    assert life.nonzero_params == pytest.approx(7e9, rel=0.1)
    assert before - life.total == pytest.approx(1.7e22, rel=0.1)
    assert 1 - life.total / before == pytest.approx(0.17, abs=0.015)


def test_without_demand_it_is_the_cheapest_training() -> None:
    fitted = open_fit("t5-c4-refit")
    demand = Demand(1.7, 1e-6, Cost(sparse=True), SERVED_DENSE)
    N = np.geomspace(1e6, 1e9, 20_001)
    S = best_sparsity(fitted.law, fitted.values, demand)
    D = required_data(fitted.law, fitted.values, S, N, 1.7)
    total = life_at(fitted.law, fitted.values, S, demand).total
    assert total == pytest.approx(demand.training.flops(S, N, D).min(), rel=1e-6)


questions = {"loss": st.floats(1.2, 2.4), "training": st.sampled_from(TRAINING)}
INFERENCE = np.geomspace(1e7, 1e15, 49)


@given(**questions)
@settings(deadline=None, max_examples=10)
def test_more_inference_with_free_zeros_never_lowers_sparsity(loss: float, training: Cost) -> None:
    S = best_sparsity(T5.law, T5.values, Demand(loss, INFERENCE, training=training, serving=SERVED_SPARSE))
    assert (np.diff(S) >= -1e-7).all()


@given(**questions)
@settings(deadline=None, max_examples=10)
def test_free_inference_never_lowers_sparsity_and_faster_never_costs_more(loss: float, training: Cost) -> None:
    demands = [Demand(loss, INFERENCE, training=training, serving=s) for s in (SERVED_DENSE, SERVING[2], SERVED_SPARSE)]
    best = [best_sparsity(T5.law, T5.values, demand) for demand in demands]
    totals = [life_at(T5.law, T5.values, S, demand).total for S, demand in zip(best, demands, strict=True)]
    assert (best[0] <= best[2] + 1e-7).all()
    assert (totals[0] >= totals[1] * (1 - 1e-9)).all()
    assert (totals[1] >= totals[2] * (1 - 1e-9)).all()


def test_out_of_reach_is_infinite() -> None:
    fitted = open_fit("vit-jft")
    assert life_at(fitted.law, fitted.values, 0.5, Demand(4.5, 1e9, Cost(), SERVED_DENSE)).total == np.inf
    assert life_at(fitted.law, fitted.values, 0.5, Demand(4.7, 1e9, Cost(), SERVED_DENSE, size=1e4)).total == np.inf


def test_a_law_of_levels_picks_the_cheapest_level() -> None:
    levels = (0.0, 0.5, 0.75)
    law, values = free_multiplier(levels), np.array([762, 640, 560, 0.392, 2.37e8, 0.890, 4.517])
    demand = Demand(5.2, 1e12, Cost(), SERVED_SPARSE)
    totals = [float(life_at(law, values, S, demand).total) for S in levels]
    assert best_sparsity(law, values, demand) == levels[int(np.argmin(totals))]
