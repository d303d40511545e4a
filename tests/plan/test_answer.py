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
from sparselaw.laws import optimal_sparsity
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


def test_interval_is_the_quantile_of_constructed_draws(vit: Fit) -> None:
    # 41 draws of a_S alone: the 2.5% and 97.5% quantiles are the second lowest and the second highest, and S_opt rises in a_S.
    draws = np.tile(vit.values, (41, 1))
    draws[:, 0] *= np.linspace(0.5, 1.5, 41)
    answer = plan(with_draws(vit, draws[::-1]), nonzeros=42.5e6, flops=2e20)
    expected = [float(optimal_sparsity(vit.law, draws[k], 42.5e6, 2e20, Cost())) for k in (1, 39)]
    assert expected[0] < answer.optimal_sparsity.value < expected[1]
    assert answer.optimal_sparsity.bounds == pytest.approx(expected, rel=1e-12)
    S = answer.optimal_sparsity.value
    losses = vit.law.predict(draws[[1, 39]], S, 42.5e6, 2e20 * (1 - S) / (6 * 42.5e6))
    assert answer.best.loss.bounds == pytest.approx(sorted(losses), rel=1e-12)


def test_without_draws_there_is_no_interval_and_a_warning(vit: Fit) -> None:
    answer = plan(replace(vit, bootstrap=None), nonzeros=42.5e6, flops=2e20)
    estimates = [value for value in vars(answer).values() if isinstance(value, Estimate)]
    assert len(estimates) == 12
    assert all(e.bounds is None for e in estimates)
    assert answer.to_json()["interval"] is None
    assert any("no intervals" in sentence for sentence in answer.warnings)


def test_draws_that_cannot_reach_the_loss_leave_the_interval_open(vit: Fit) -> None:
    draws = np.tile(vit.values, (41, 1))
    draws[:, -1] = np.linspace(4.0, 5.5, 41)  # the irreducible loss
    answer = plan(with_draws(vit, draws), nonzeros=42.5e6, loss=5.4)
    assert answer.best.flops.low is not None
    assert np.isfinite(answer.best.flops.low)
    assert answer.best.flops.high == np.inf
    assert answer.to_json()["flops_interval"][1] is None


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ({"nonzeros": 425e6, "flops": 1e21}, "non-zeros N = 425M is 10 times beyond"),
        ({"nonzeros": 66.4e3, "data": 1e9}, "times below the fitted runs"),
        ({"nonzeros": 42.5e6, "data": 1.8e11}, "beyond the fitted runs (225M to 1.8B)"),
        ({"nonzeros": 1e6, "times_chinchilla": 1e4}, "sparsity is beyond the fitted runs (at most 9"),
        ({"nonzeros": 1e6, "times_chinchilla": 1e9}, "the largest sparsity considered"),
        ({"nonzeros": 1e6, "loss": 15.0}, "worse than that of every fitted run"),
    ],
    ids=["N-beyond", "N-below", "D", "S", "edge", "loss"],
)
def test_questions_beyond_the_data_say_how_far(vit: Fit, question: dict, expected: str) -> None:
    assert any(expected in sentence for sentence in plan(vit, **question).warnings)


def test_times_beyond_are_ratios(vit: Fit) -> None:
    answer = plan(vit, nonzeros=3 * vit.domain.nonzero_params[1], flops=1e21)
    assert any("is 3 times beyond the fitted runs" in sentence for sentence in answer.warnings)
    beyond = answer.best.data.value / vit.domain.data[1]
    if beyond > 1.001:
        assert any(f"is {beyond:.3g} times beyond" in sentence for sentence in answer.warnings)


def test_an_unfinished_fit_is_told(vit: Fit) -> None:
    unfinished = replace(vit, status="not converged: no start reached a stationary point")
    assert "the fit is not converged: no start reached a stationary point" in plan(
        unfinished, nonzeros=1e7, flops=1e19
    ).warnings  # fmt: skip


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"nonzeros": 1e7},
        {"flops": 1e20},
        {"loss": 5.0},
        {"nonzeros": 1e7, "flops": 1e20, "data": 1e9},
        {"nonzeros": 1e7, "flops": 1e20, "loss": 5.0},
        {"times_chinchilla": 2.0, "loss": 5.0},
        {"data": 1e9, "times_chinchilla": 2.0},
        {"flops": 1e20, "times_chinchilla": 2.0},
        {"flops": 1e20, "times_chinchilla": 2.0, "loss": 5.0},
    ],
    ids=lambda q: "-".join(q) or "nothing",
)
def test_contradictory_questions(vit: Fit, question: dict) -> None:
    with pytest.raises(UserError, match="give two of --nonzeros"):
        plan(vit, **question)


def test_budgets_in_data_and_in_multiples_agree_with_flops(vit: Fit) -> None:
    by_data = plan(vit, nonzeros=1e7, data=1e9)
    assert by_data.best.flops.value == pytest.approx(6 * 1e7 * 1e9, rel=1e-14)
    assert by_data.dense.data.value == pytest.approx(1e9, rel=1e-14)
    by_times = plan(vit, nonzeros=1e7, times_chinchilla=7.0)
    assert by_times.times_chinchilla.value == pytest.approx(7.0, rel=1e-12)
    again = plan(vit, nonzeros=1e7, flops=by_times.best.flops.value)
    assert again.optimal_sparsity == by_times.optimal_sparsity


def test_record_keeps_the_contract(vit: Fit) -> None:
    record = plan(vit, nonzeros=42.5e6, flops=2e20).to_json()
    assert set(record) >= CONTRACT
    assert record["gain"] == pytest.approx(record["dense_loss"] - record["loss"], rel=1e-12)
    assert record["equivalent_dense_params"] == pytest.approx(record["multiplier"] * 42.5e6, rel=1e-12)


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
    values = [v.value if isinstance(v, Estimate) else v for v in vars(answer).values()]
    assert np.isfinite([v for v in values if isinstance(v, float)]).all()
    assert 0 <= answer.near_optimal[0] <= answer.optimal_sparsity.value <= answer.near_optimal[1] < 1
