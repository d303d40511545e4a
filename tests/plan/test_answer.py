"""A plan: intervals from draws, warnings, contradictory questions; only sentences or finite numbers whatever is asked."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw.cost import Cost, RelativeTime
from sparselaw.errors import UserError
from sparselaw.fit import Fit, open_fit
from sparselaw.fit.result import Bootstrap
from sparselaw.plan import Estimate, plan

MEASURED = RelativeTime("csr", (0.0, 0.5, 0.5, 0.7, 0.9, 0.98), (1.0, 1.0, 0.9, 0.9, 0.45, 0.2))
CONTRACT = {
    *("optimal_sparsity", "interval", "loss", "dense_loss", "equivalent_dense_params"),
    *("data", "flops", "times_chinchilla", "warnings"),
}


@pytest.fixture
def vit() -> Fit:
    return open_fit("vit-jft")


def with_draws(fitted: Fit, draws: np.ndarray) -> Fit:
    return replace(fitted, bootstrap=Bootstrap(draws, "run", len(draws), 0))


def test_without_draws_there_is_no_interval_and_a_warning(vit: Fit) -> None:
    answer = plan(replace(vit, bootstrap=None), nonzeros=42.5e6, flops=2e20)
    parts = (answer, answer.best, answer.dense, answer.any_dense)
    estimates = [value for part in parts for value in vars(part).values() if isinstance(value, Estimate)]
    assert len(estimates) == 6 + 3 * 8
    assert all(e.bounds is None for e in estimates)
    assert answer.to_json()["interval"] is None
    assert any("There are no intervals" in sentence for sentence in answer.warnings)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (
            {"nonzeros": 425e6, "flops": 1e21},
            "N = 425M lies outside the fitted runs (664K to 42.5M) by a factor of 10.",
        ),
        (
            {"nonzeros": 66.4e3, "data": 1e9},
            "N = 66.4K lies outside the fitted runs (664K to 42.5M) by a factor of 10.",
        ),
        ({"nonzeros": 42.5e6, "data": 1.8e11}, "outside the fitted runs (225M to 1.8B)"),
        ({"nonzeros": 1e6, "times_chinchilla": 1e4}, "sparsity is higher than in any fitted run (9"),
        ({"nonzeros": 1e6, "times_chinchilla": 1e9}, "the highest one considered, 99.9%"),
        ({"nonzeros": 1e6, "loss": 15.0}, "worse than that of every fitted run"),
    ],
    ids=["N-beyond", "N-below", "D", "S", "edge", "loss"],
)
def test_questions_beyond_the_data_say_how_far(vit: Fit, question: dict, expected: str) -> None:
    assert any(expected in sentence for sentence in plan(vit, **question).warnings)


def test_times_beyond_are_ratios(vit: Fit) -> None:
    answer = plan(vit, nonzeros=3 * vit.domain.nonzero_params[1], flops=1e21)
    assert any("by a factor of 3." in sentence for sentence in answer.warnings)
    beyond = answer.best.data.value / vit.domain.data[1]
    if beyond > 1.001:
        assert any(f"by a factor of {beyond:.2g}." in sentence for sentence in answer.warnings)


def test_an_unfinished_fit_is_told(vit: Fit) -> None:
    unfinished = replace(vit, status="not converged: no start reached a stationary point")
    assert "The fit is not converged: no start reached a stationary point." in plan(
        unfinished, nonzeros=1e7, flops=1e19
    ).warnings  # fmt: skip


def test_budgets_in_data_and_in_multiples_agree_with_flops(vit: Fit) -> None:
    by_data = plan(vit, nonzeros=1e7, data=1e9)
    assert by_data.best.flops.value == pytest.approx(6 * 1e7 * 1e9, rel=1e-14)
    assert by_data.dense.data.value == pytest.approx(1e9, rel=1e-14)
    by_times = plan(vit, nonzeros=1e7, times_chinchilla=7.0)
    assert by_times.times_chinchilla.value == pytest.approx(7.0, rel=1e-12)
    again = plan(vit, nonzeros=1e7, flops=by_times.best.flops.value)
    assert again.optimal_sparsity == by_times.optimal_sparsity


anything = st.one_of(st.none(), st.floats(), st.floats(-45, 45).map(lambda power: 10.0**power))


@given(
    source=st.sampled_from(["vit-jft", "t5-c4-refit", "t5-c4-published"]),
    N=anything,
    budget=st.tuples(st.sampled_from(["flops", "data", "times_chinchilla"]), anything),
    loss=st.one_of(st.none(), st.floats(), st.floats(0.5, 8)),
    cost=st.sampled_from([Cost(), Cost(sparse=True), Cost(measured=MEASURED)]),
    shares=st.tuples(st.floats(), st.floats()) | st.just((1e-3, 0.95)),
)
@settings(deadline=None, max_examples=150)
def test_a_sentence_or_finite_numbers(source, N, budget, loss, cost, shares) -> None:
    options = {"tolerance": shares[0], "confidence": shares[1], "cost": cost}
    try:
        answer = plan(open_fit(source), nonzeros=N, loss=loss, **{budget[0]: budget[1]}, **options)
    except UserError:
        return
    parts = (answer, answer.best, answer.dense, answer.any_dense)
    values = [v.value if isinstance(v, Estimate) else v for part in parts for v in vars(part).values()]
    assert np.isfinite([v for v in values if isinstance(v, float)]).all()
    assert 0 <= answer.near_optimal[0] <= answer.optimal_sparsity.value <= answer.near_optimal[1] < 1
