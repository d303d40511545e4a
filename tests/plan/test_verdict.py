"""Advice follows from the numbers; sensitivities against finite changes and constructed draws."""

import numpy as np
import pytest

from sparselaw.cost import Cost, Memory, RelativeTime, Storage
from sparselaw.fit import Fit, open_fit
from sparselaw.plan import plan

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


def test_about_chinchilla_it_is_hardly_worth_it(vit: Fit) -> None:
    sentence = said(vit, "Hardly worth it", nonzeros=42.5e6, times_chinchilla=1.5)
    answer = plan(vit, nonzeros=42.5e6, times_chinchilla=1.5)
    assert 0 < answer.gain.value < answer.tolerance
    assert f"lowers the loss by {answer.gain.value:.2g} nats" in sentence


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
