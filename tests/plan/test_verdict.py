"""Advice follows from the numbers; sensitivities against finite changes and constructed draws."""

from dataclasses import replace

import numpy as np
import pytest

from sparselaw.cost import Cost, Memory, RelativeTime, Storage
from sparselaw.fit import Fit, open_fit
from sparselaw.fit.result import Bootstrap
from sparselaw.laws import PAPER, Array, size_multiplier
from sparselaw.plan import plan, verdict

CSR = RelativeTime("csr", (0.0, 0.7, 0.9, 0.98), (1.0, 1.0, 0.45, 0.2))


@pytest.fixture
def vit() -> Fit:
    return open_fit("vit-jft")


def said(fitted: Fit, start: str, **question) -> str:
    answer = plan(fitted, **question)
    found = [sentence for sentence in answer.advice if sentence.startswith(start)]
    assert len(found) == 1, answer.advice
    return found[0]


def test_more_memory_than_compute_is_told_to_stay_dense(vit: Fit) -> None:
    sentence = said(vit, "Do not prune", nonzeros=42.5e6, times_chinchilla=0.5)
    assert "0.5 times" in sentence
    assert "pays from 1.27 times." in sentence


def with_draws(fitted: Fit, draws: Array) -> Fit:
    return replace(fitted, bootstrap=Bootstrap(draws, "run", len(draws), 0))


def certain(fitted: Fit) -> Fit:
    """The fit as if all draws agreed."""
    return with_draws(fitted, np.tile(fitted.values, (100, 1)))


def test_sparse_where_the_gain_is_certain_and_matters(vit: Fit) -> None:
    answer = plan(vit, nonzeros=42.5e6, times_chinchilla=5)
    assert answer.verdict == "sparse"
    assert answer.evidence.advantage.low is not None
    assert answer.evidence.advantage.low > 0
    assert answer.evidence.advantage.value > answer.tolerance
    S, dense_data = answer.optimal_sparsity.value, answer.best.flops.value / (6 * 42.5e6)
    gains = [loss_of(p, 0.0, dense_data) - loss_of(p, S, dense_data * (1 - S)) for p in vit.draws]
    low, high = np.quantile(gains, [0.025, 0.975])
    assert answer.evidence.advantage.bounds == pytest.approx([low, high])
    assert "It beats the dense model of equal N and FLOPs by 0.06 nats" in answer.verdict_reason


def loss_of(parameters: Array, S: float, data: float, N: float = 42.5e6) -> float:
    """The paper's law written out."""
    a_S, b_S, c_S, b_N, a_D, b_D, c = parameters
    return (a_S * (1 - S) ** b_S + c_S) * N**-b_N + (a_D / data) ** b_D + c


def test_dense_where_no_draw_gains_what_matters(vit: Fit) -> None:
    answer = plan(certain(vit), nonzeros=42.5e6, times_chinchilla=0.5)
    assert (answer.verdict, answer.optimal_sparsity.value) == ("dense", 0)
    hardly = plan(certain(vit), nonzeros=42.5e6, times_chinchilla=1.5)
    assert hardly.verdict == "dense"
    assert 0 < hardly.evidence.advantage.value < hardly.tolerance
    assert hardly.verdict_reason.startswith(f"Sparsity would gain {hardly.gain.value:.2g} nats")


def test_unclear_where_a_gain_that_matters_is_possible(vit: Fit) -> None:
    answer = plan(vit, nonzeros=42.5e6, times_chinchilla=1.5)
    assert answer.verdict == "unclear"
    assert answer.evidence.possible is not None
    assert answer.evidence.possible > answer.tolerance
    assert answer.advice == (answer.verdict_reason,)


@pytest.mark.parametrize(
    ("changes", "question", "expected"),
    [
        ({"status": "not converged: no start reached a stationary point"}, {}, "The fit has not converged."),
        ({"residuals": np.full(10, 0.9)}, {}, "The law misses the runs that it was fitted to by"),
        ({}, {"nonzeros": 5e9}, "N = 5B lies outside the fitted runs by a factor of 120"),
        ({}, {"times_chinchilla": 0.005}, "D = 3.96M images lies outside the fitted runs by a factor of 57"),
        ({}, {"times_chinchilla": 5000}, "98.7% sparsity is far above the highest measured, 93.75%."),
    ],
    ids=["status", "misfit", "size", "data", "sparsity"],
)
def test_what_speaks_against_an_answer(vit: Fit, changes: dict, question: dict, expected: str) -> None:
    asked = {"nonzeros": 42.5e6, "times_chinchilla": 5} | question
    answer = plan(replace(vit, **changes), **asked)
    assert answer.verdict == "unclear"
    assert answer.verdict_reason.startswith(expected)
    assert verdict.headline(answer) == "These runs cannot tell whether sparsity helps"


def test_an_impossible_capacity_between_measured_sparsities(vit: Fit) -> None:
    values = np.array([10.71, 1.345, 41.62, 0.2317, 6.769e8, 0.3846, 0.8304])  # T5 without the cap
    t5 = open_fit("t5-c4-refit")
    free = replace(t5, law=PAPER, parameters=dict(zip(PAPER.names, values.tolist(), strict=True)))
    answer = plan(with_draws(free, np.tile(values, (50, 1))), nonzeros=42.5e6, times_chinchilla=1.5)
    S = answer.optimal_sparsity.value
    assert answer.evidence.capacity == pytest.approx(float(size_multiplier(PAPER, values, S)) * (1 - S))
    assert answer.evidence.capacity > 1
    assert "More than 1 is impossible" in answer.verdict_reason


def test_long_training_pays(vit: Fit) -> None:
    sentence = said(vit, "Sparsity pays", nonzeros=42.5e6, times_chinchilla=20)
    assert "20 times" in sentence
    worth = plan(vit, nonzeros=42.5e6, times_chinchilla=20).multiplier.value
    assert f"is worth {worth:.2f} dense weights" in said(vit, "At ", nonzeros=42.5e6, times_chinchilla=20)


def test_dense_of_another_size_is_compared(vit: Fit) -> None:
    question = {"nonzeros": 42.5e6, "times_chinchilla": 5}
    answer = plan(vit, **question)
    better = answer.best.loss.value - answer.any_dense.loss.value
    assert better > 0
    assert f"{better:.2g} nats better" in said(vit, "If N is not your limit", **question)
    assert "nats worse" in said(
        open_fit("t5-c4-refit"), "No dense model", flops=1e20, data=5e10, cost=Cost(sparse=True)
    )


def test_an_answer_that_flips_with_the_cost_says_so(vit: Fit) -> None:
    question = {"nonzeros": 42.5e6, "times_chinchilla": 0.8}
    assert plan(vit, **question).costs["dense"] == 0 < plan(vit, **question).costs["sparse"]
    said(vit, "The answer depends on what zeros cost", **question)
    assert not any("depends on what zeros cost" in s for s in plan(vit, nonzeros=42.5e6, times_chinchilla=5).advice)


def test_free_size_with_dense_cost_is_dense_for_vit(vit: Fit) -> None:
    answer = plan(vit, flops=1e19, data=1e12)
    assert answer.optimal_sparsity.value == 0
    assert "Prune only if N is limited" in said(vit, "N is free here", flops=1e19, data=1e12)


def test_all_costs_are_compared(vit: Fit) -> None:
    question = {"nonzeros": 42.5e6, "times_chinchilla": 50}
    answer = plan(vit, cost=Cost(measured=CSR), **question)
    assert list(answer.costs) == ["dense", "sparse", "csr"]
    assert answer.costs["csr"] == answer.optimal_sparsity.value
    for name, sparse in (("dense", False), ("sparse", True)):
        assert answer.costs[name] == plan(vit, cost=Cost(sparse=sparse), **question).optimal_sparsity.value


def test_dense_in_draws_is_the_share_of_them() -> None:
    t5 = open_fit("t5-c4-refit")
    answer = plan(t5, nonzeros=1e9, times_chinchilla=0.3)
    assert answer.dense_in_draws is not None
    assert 0.025 < answer.dense_in_draws < 0.975
    assert f"Dense is best in {answer.dense_in_draws:.0%} of the bootstrap draws." in answer.advice


def test_where_a_smaller_model_is_better_no_budget_is_named(vit: Fit) -> None:
    question = {"memory": Memory(8.5e7, Storage("dense")), "times_chinchilla": 0.02, "cost": Cost(sparse=True)}
    assert plan(vit, **question).pays_from.value == np.inf
    assert "too few to fill the memory" in said(vit, "Sparsity pays here only", **question)
