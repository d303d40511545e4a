"""Plans of a model to be served: intervals from draws, hours and money, contours, mistakes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw.cost import Cost, Gpu, open_hardware
from sparselaw.cost.serving import SERVED_SPARSE
from sparselaw.errors import UserError
from sparselaw.fit import Fit, open_fit
from sparselaw.fit.result import Bootstrap
from sparselaw.laws.lifetime import Demand, best_sparsity, life_at
from sparselaw.plan import Answer, Estimate, Question, ask
from sparselaw.plan.contours import lifetime_contours

CONTRACT = {
    *("optimal_sparsity", "interval", "loss", "dense_loss", "equivalent_dense_params"),
    *("data", "flops", "times_chinchilla", "warnings"),
}


@pytest.fixture
def t5() -> Fit:
    return open_fit("t5-c4-refit")


def plan_served(fitted: Fit, **question) -> Answer:
    return ask(fitted, Question(**question))


def with_draws(fitted: Fit, draws: np.ndarray) -> Fit:
    return replace(fitted, bootstrap=Bootstrap(draws, "run", len(draws), 0))


def test_the_plan_is_the_cheapest_life(t5: Fit) -> None:
    answer = plan_served(t5, loss=1.7, inference=1e12, inference_cost=SERVED_SPARSE)
    S, N, D = answer.optimal_sparsity.value, answer.best.nonzero_params.value, answer.best.data.value
    assert t5.predict(S, N, D) == pytest.approx(1.7, rel=1e-12)
    assert answer.best.flops.value == pytest.approx(6 * N * D / (1 - S), rel=1e-12)
    assert answer.best.inference_flops.value == pytest.approx(2 * N * 1e12, rel=1e-12)
    assert answer.best.total.value == pytest.approx(
        answer.best.flops.value + answer.best.inference_flops.value, rel=1e-12
    )
    assert answer.saving.value == pytest.approx(1 - answer.best.total.value / answer.dense.total.value, rel=1e-12)
    low, high = answer.near_optimal
    demand = Demand(1.7, 1e12, Cost(), SERVED_SPARSE)
    ends = life_at(t5.law, t5.values, np.array([low, high]), demand).total
    assert ends == pytest.approx(1.01 * answer.best.total.value, rel=1e-6)
    assert answer.costs["sparse"] == pytest.approx(S, abs=1e-12)
    assert answer.costs["dense"] < S


def test_intervals_are_quantiles_of_constructed_draws(t5: Fit) -> None:
    draws = np.tile(t5.values, (41, 1))
    draws[:, 0] *= np.linspace(0.5, 1.5, 41)
    answer = plan_served(with_draws(t5, draws), loss=1.7, inference=1e12, inference_cost=SERVED_SPARSE)
    S = best_sparsity(t5.law, draws, Demand(1.7, 1e12, Cost(), SERVED_SPARSE))
    assert answer.optimal_sparsity.bounds == pytest.approx(np.sort(S)[[1, 39]], rel=1e-12)
    assert answer.sensitivity[0].name == "a_S"
    assert answer.sensitivity[0].explained > 0.9  # of rank, with which the answer does not go on a line


def test_draws_that_cannot_reach_the_loss_are_told(t5: Fit) -> None:
    draws = np.tile(t5.values, (40, 1))
    draws[:4, -1] = 1.8  # the irreducible loss
    answer = plan_served(with_draws(t5, draws), loss=1.7, inference=1e12)
    assert (
        "The loss is out of reach in 10% of the bootstrap draws, which then have no best sparsity." in answer.warnings
    )
    assert answer.best.total.high == np.inf
    assert answer.optimal_sparsity.bounds is None  # all draws that reach it agree


def test_without_draws_there_is_no_interval(t5: Fit) -> None:
    answer = plan_served(replace(t5, bootstrap=None), loss=1.7, inference=1e12)
    assert all(value.bounds is None for value in vars(answer).values() if isinstance(value, Estimate))


def test_hours_and_money_are_flops_over_speed(t5: Fit) -> None:
    gpu = Gpu(0.4, 0.1, peak=1e15, price=2.5)
    answer = plan_served(t5, loss=1.7, inference=1e12, inference_cost=SERVED_SPARSE, gpu=gpu)
    hours, money = answer.gpu_hours, answer.money
    assert hours is not None
    assert money is not None
    assert hours["training"] == pytest.approx(answer.best.flops.value / (0.4 * 1e15 * 3600), rel=1e-12)
    assert hours["inference"] == pytest.approx(answer.best.inference_flops.value / (0.1 * 1e15 * 3600), rel=1e-12)
    assert hours["total"] == pytest.approx(answer.best.total.value / (0.4 * 1e15 * 3600), rel=1e-12)
    assert hours["total"] < hours["dense_total"]
    assert money["total"] == pytest.approx(2.5 * hours["total"], rel=1e-12)
    # Inference that is four times dearer moves the plan as four times the demand does.
    more = plan_served(t5, loss=1.7, inference=4e12, inference_cost=SERVED_SPARSE)
    assert answer.optimal_sparsity.value == pytest.approx(more.optimal_sparsity.value, abs=1e-9)
    assert answer.best.nonzero_params.value == pytest.approx(more.best.nonzero_params.value, rel=1e-9)


def test_tokens_of_an_image_count_in_every_cost() -> None:
    vit, patches = open_fit("vit-jft"), {"units_per_datum": 196.0}
    served = replace(SERVED_SPARSE, **patches)
    answer = plan_served(vit, loss=5.4, inference=1e11, cost=Cost(**patches), inference_cost=served)
    plain = plan_served(vit, loss=5.4, inference=1e11, inference_cost=SERVED_SPARSE)
    assert answer.optimal_sparsity.value == pytest.approx(plain.optimal_sparsity.value, abs=1e-9)
    assert answer.costs == pytest.approx(plain.costs, abs=1e-9)
    assert answer.best.total.value == pytest.approx(196 * plain.best.total.value, rel=1e-9)


def test_a_given_size_keeps_it(t5: Fit) -> None:
    answer = plan_served(t5, loss=1.7, inference=1e12, nonzeros=6e7, inference_cost=SERVED_SPARSE)
    assert answer.best.nonzero_params == Estimate(6e7)
    free = plan_served(t5, loss=1.7, inference=1e12, inference_cost=SERVED_SPARSE)
    assert answer.best.total.value >= free.best.total.value


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ({"loss": 0.5, "inference": 1e12}, "below the irreducible loss"),
        ({"loss": 1.2, "inference": 1e12, "nonzeros": 1e4}, "out of reach with 10K non-zeros"),
        ({"loss": 1.7, "inference": -1.0}, "inference is -1; give a positive number"),
        ({"loss": 1.7, "inference": 1e50}, "inference is 1e\\+50"),
        ({"loss": 1.7, "inference": 1e12, "tolerance": 0.0}, "between 0 and 1"),
    ],
    ids=["floor", "N", "negative", "absurd", "tolerance"],
)
def test_impossible_questions_are_one_sentence(t5: Fit, question: dict, expected: str) -> None:
    with pytest.raises(UserError, match=expected) as caught:
        plan_served(t5, **question)
    assert "\n" not in str(caught.value)


def test_advice_is_about_the_numbers(t5: Fit) -> None:
    vit = open_fit("vit-jft")
    dense = plan_served(vit, loss=5.4, inference=1e9)
    assert dense.optimal_sparsity.value == 0
    assert any(sentence.startswith("Do not prune") for sentence in dense.advice)
    flips = plan_served(vit, loss=5.4, inference=1e11)
    assert any("depends on what zeros cost" in sentence for sentence in flips.advice)
    sparse = plan_served(t5, loss=1.7, inference=1e12, inference_cost=SERVED_SPARSE)
    assert any(
        f"Sparsity cuts the lifetime cost by {sparse.saving.value:.1%}" in sentence for sentence in sparse.advice
    )


@pytest.mark.parametrize("machine", ["epyc-csr", "a100-2:4"])
def test_contours_cell_by_cell(t5: Fit, machine: str) -> None:
    served = open_hardware(machine).inference_cost()
    found = lifetime_contours(t5, inference=(1e9, 1e14), cost=Cost(sparse=True), inference_cost=served, grid=9)
    assert found.loss[[0, -1]] == pytest.approx(t5.domain.loss)
    for i, j in ((0, 0), (4, 2), (8, 8), (3, 7)):
        demand = Demand(found.loss[j], found.inference[i], training=Cost(sparse=True), serving=served)
        S = best_sparsity(t5.law, t5.values, demand)
        assert found.sparsity[i, j] == pytest.approx(S, abs=1e-12)
        assert found.total[i, j] == pytest.approx(life_at(t5.law, t5.values, S, demand).total, rel=1e-12)


anything = st.one_of(st.floats(), st.floats(-45, 45).map(lambda power: 10.0**power))
FITS = {name: open_fit(name) for name in ("vit-jft", "t5-c4-refit")}
SERVINGS = [SERVED_SPARSE, open_hardware("epyc-csr").inference_cost(), open_hardware("a100-2:4").inference_cost()]


@given(
    source=st.sampled_from(sorted(FITS)),
    loss=st.one_of(anything, st.floats(0.5, 8)),
    inference=anything,
    N=st.one_of(st.none(), anything),
    serving=st.sampled_from(SERVINGS),
)
@settings(deadline=None, max_examples=40)
def test_a_sentence_or_finite_numbers(source, loss, inference, N, serving) -> None:
    question = {"loss": loss, "inference": inference, "nonzeros": N, "inference_cost": serving}
    try:
        answer = plan_served(FITS[source], **question)
    except UserError:
        return
    estimates = [getattr(answer.best, name).value for name in ("nonzero_params", "data", "flops", "total")]
    assert np.isfinite([answer.optimal_sparsity.value, *estimates]).all()
    assert 0 <= answer.near_optimal[0] <= answer.optimal_sparsity.value <= answer.near_optimal[1] < 1


def test_contours_below_the_floor() -> None:
    with pytest.raises(UserError, match="above the irreducible loss"):
        lifetime_contours(open_fit("vit-jft"), inference=(1e9, 1e12), loss=(4.0, 6.0))
