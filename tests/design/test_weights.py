"""Counts of runs against brute force, the equivalence theorem, and plain recomputation."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize

from sparselaw.design.information import Beliefs
from sparselaw.design.weights import optimal_weights, sensitivity, variances, whole_counts


def beliefs_of(seed: int, num_draws: int, num_runs: int, p: int, prior: float = 1.0) -> Beliefs:
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((num_draws, p, p))
    return Beliefs(
        prior * (np.matmul(root, root.transpose(0, 2, 1)) + 0.1 * np.eye(p)),
        3 * rng.standard_normal((num_draws, num_runs, p)),
        rng.standard_normal((num_draws, p)),
    )


def shares_of(seed: int, num_runs: int, budget: float = 10.0, most: float = 6.0) -> np.ndarray:
    cost = np.exp(np.random.default_rng(seed + 10_000).uniform(-1, 1.5, num_runs))
    return np.stack([cost / budget, np.full(num_runs, 1 / most)])


def plain_variance(known: Beliefs, w: np.ndarray) -> float:
    total = 0.0
    for prior, runs, answer in zip(known.prior, known.runs, known.answer, strict=True):
        information = prior + sum(weight * np.outer(g, g) for weight, g in zip(w, runs, strict=True))
        total += answer @ np.linalg.inv(information) @ answer
    return total / len(known.answer)


@given(seed=st.integers(0, 10**6), num_draws=st.integers(1, 4))
@settings(deadline=None, max_examples=25)
def test_variance_and_its_derivative(seed: int, num_draws: int) -> None:
    known, rng = beliefs_of(seed, num_draws, 5, 3), np.random.default_rng(seed)
    w = rng.uniform(0.1, 2, 5)
    assert variances(known, w).mean() == pytest.approx(plain_variance(known, w), rel=1e-9)
    _, phi = sensitivity(known, w)
    for k, step in enumerate(1e-5 * np.eye(5)):
        slope = (plain_variance(known, w + step) - plain_variance(known, w - step)) / 2e-5
        assert -phi[k] == pytest.approx(slope, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("num_draws", [1, 6])
@pytest.mark.parametrize("prior", [1e-6, 1.0], ids=["hardly any prior", "prior"])
@pytest.mark.parametrize("seed", range(6))
def test_equivalence_theorem(seed: int, prior: float, num_draws: int) -> None:
    """No direction within the resources improves: phi'v <= phi'w for every v, and runs with weight attain it."""
    known, shares = beliefs_of(seed, num_draws, 40, 5, prior), shares_of(seed, 40)
    found = optimal_weights(known, shares)
    variance, phi = sensitivity(known, found.values)
    best = linprog(-phi / variance, A_ub=shares, b_ub=np.ones(2), method="highs")
    assert -best.fun - phi @ found.values / variance <= 1e-6
    prices = -variance * best.ineqlin.marginals @ shares  # what each run costs, at the worth of the resources
    assert (phi <= prices + 1e-6 * variance).all()
    used = found.values > 1e-3
    assert phi[used] == pytest.approx(prices[used], rel=1e-2)
    assert (shares @ found.values).max() == pytest.approx(1, abs=1e-9)
    assert (found.values >= 0).all()


@pytest.mark.parametrize("seed", range(4))
def test_weights_against_a_general_optimiser(seed: int) -> None:
    known, shares = beliefs_of(seed, 2, 4, 3), shares_of(seed, 4)
    found = optimal_weights(known, shares)
    start = 0.5 * np.ones(4) / (shares @ np.ones(4)).max()
    constraints = [{"type": "ineq", "fun": lambda w: 1 - shares @ w, "jac": lambda w: -shares}]
    jacobian = lambda w: -sensitivity(known, w)[1]  # noqa: E731
    other = minimize(
        lambda w: plain_variance(known, w), start, jac=jacobian, bounds=[(0, None)] * 4, constraints=constraints,
        method="SLSQP", options={"ftol": 1e-14, "maxiter": 500},
    )  # fmt: skip
    assert found.variance == pytest.approx(other.fun, rel=1e-7)
    grid = [np.array(w) for w in product(np.linspace(0, 6, 8), repeat=4) if (shares @ np.array(w)).max() <= 1]
    assert found.variance <= min(plain_variance(known, w) for w in grid) + 1e-12


def test_one_parameter_has_a_closed_form() -> None:
    """With p = 1 all goes into the run that tells most for its cost: variance 1 / (prior + budget * max g^2 / cost)."""
    known = Beliefs(np.array([[[0.5]]]), np.array([[[1.0], [2.0], [3.0]]]), np.array([[1.0]]))
    shares = np.array([[1.0, 3.0, 10.0]]) / 6
    found = optimal_weights(known, shares)
    assert found.values == pytest.approx([0, 2, 0], abs=1e-6)
    assert found.variance == pytest.approx(1 / (0.5 + 4 * 2), rel=1e-7)
    assert whole_counts(known, found.values, shares, most=5).tolist() == [0, 2, 0]


def brute_force(known: Beliefs, shares: np.ndarray, most: int) -> float:
    feasible = (np.array(n) for n in product(range(most + 1), repeat=shares.shape[1]))
    return min(plain_variance(known, n) for n in feasible if (shares @ n).max() <= 1 + 1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_whole_counts_against_all_designs(seed: int) -> None:
    known, shares = beliefs_of(seed, 2, 5, 3), shares_of(seed, 5)
    weights = optimal_weights(known, shares)
    counts = whole_counts(known, weights.values, shares, most=3)
    best = brute_force(known, shares, most=3)
    found = plain_variance(known, counts)
    assert weights.variance - weights.excess <= best * (1 + 1e-9)  # fractions of runs can only be better
    assert best * (1 - 1e-9) <= found <= best * 1.05


@pytest.mark.parametrize("seed", range(4))
def test_a_resource_that_only_some_runs_need(seed: int) -> None:
    """One run at most of the first three, for all that they tell."""
    known, shares = beliefs_of(seed, 2, 5, 3), shares_of(seed, 5)
    shares = np.vstack([shares, [1, 1, 1, 0, 0]])
    weights = optimal_weights(known, shares)
    counts = whole_counts(known, weights.values, shares, most=3)
    best = brute_force(known, shares, most=3)
    assert counts[:3].sum() <= 1
    assert weights.excess <= 1e-6 * weights.variance
    assert weights.variance - weights.excess <= best * (1 + 1e-9)
    assert best * (1 - 1e-9) <= plain_variance(known, counts) <= best * 1.05


@given(seed=st.integers(0, 10**6), budget=st.floats(0.5, 50), runs=st.integers(1, 30), most=st.integers(1, 4))
@settings(deadline=None, max_examples=40)
def test_resources_are_respected(seed: int, budget: float, runs: int, most: int) -> None:
    known, shares = beliefs_of(seed, 2, 8, 3), shares_of(seed, 8, budget, runs)
    affordable = (shares <= 1).all(0)
    known, shares = Beliefs(known.prior, known.runs[:, affordable], known.answer), shares[:, affordable]
    if not affordable.any():
        return
    counts = whole_counts(known, optimal_weights(known, shares).values, shares, most=most)
    assert (shares @ counts).max() <= 1 + 1e-9
    assert counts.max() <= most
    assert ((shares > 1 + 1e-9 - (shares @ counts)[:, None]).any(0) | (counts == most)).all()  # nothing left to buy
