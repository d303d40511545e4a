"""A study: the question it answers when none is asked, and what it says where there is no answer."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparselaw.cost import Cost, open_hardware
from sparselaw.cost.machine import SHIPPED
from sparselaw.errors import UserError
from sparselaw.fit import fit, open_fit
from sparselaw.report.study import Question, Study, rounded_down, study

from .conftest import simulated_runs

DENSE, SPARSE = Cost(), Cost(sparse=True)


@given(st.floats(1e-12, 1e30))
def test_rounding_down_keeps_three_digits_and_adds_nothing(value: float) -> None:
    assert value * 0.99 < rounded_down(value) <= value * (1 + 1e-12)
    assert float(f"{rounded_down(value):.2e}") == rounded_down(value)


def test_the_largest_model_and_budget_are_asked_for_unless_others_are(simulated: Study) -> None:
    """The runs go to 64M non-zeros and 64B tokens: 6 N D = 2.4576e19 FLOPs."""
    assert simulated.answer is not None
    assert simulated.answer.best.nonzero_params.value == 64e6
    assert simulated.answer.best.flops.value == pytest.approx(2.45e19)


@pytest.mark.parametrize(
    ("cost", "units", "flops"),
    [("dense", 1.0, 6.0), ("sparse", 1.0, 6.0), ("dense", 196.0, 6 * 196)],
    ids=["zeros are computed", "zeros are free", "patches of images"],
)
def test_a_budget_that_is_not_given_pays_for_the_fitted_data(cost: str, units: float, flops: float) -> None:
    fitted = open_fit("vit-jft")
    told = study(fitted, question=Question(nonzero_params=1e6, cost=cost, units_per_datum=units))
    assert told.answer is not None
    assert told.answer.best.flops.value == pytest.approx(flops * 1e6 * fitted.domain.data[1], rel=0.01)
    assert told.contours["dense"].cost == replace(DENSE, units_per_datum=units)
    assert told.contours["sparse"].cost == replace(SPARSE, units_per_datum=units)


def test_a_machine_stands_beside_the_shipped_ones() -> None:
    machine = replace(open_hardware("epyc-csr"), name="mine")
    told = study(open_fit("vit-jft"), question=Question(cost="mine (file)"), machine=machine)
    assert list(told.machines) == [*SHIPPED, "mine (file)"]
    assert told.answer is not None
    assert told.answer.question.cost == machine.training_cost()


def test_a_law_without_sparsity_cannot_tell_whether_it_helps() -> None:
    runs = simulated_runs()
    told = study(fit(runs, "dense", starts=4, bootstrap=0), runs=runs)
    assert told.answer is not None
    assert told.answer.verdict == "unclear"
    assert told.answer.optimal_sparsity.value == 0
    assert told.contours == {}


def test_a_law_of_single_sparsities_has_an_answer_but_no_contours() -> None:
    told = study(fit(simulated_runs(), "free-multiplier", starts=4))
    assert told.answer is not None
    assert told.answer.optimal_sparsity.value in (0.0, 0.5, 0.75, 0.875)
    assert told.contours == {}
    assert "free-multiplier" in told.no_contours


def test_the_comparison_is_that_of_the_fitted_law(simulated: Study) -> None:
    assert [one.fit.law.name for one in simulated.comparisons] == ["paper", "dense"]
    assert simulated.comparison is simulated.comparisons[0]
    assert replace(simulated, comparisons=simulated.comparisons[1:]).comparison is None


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (Question(nonzero_params=-1.0), "nonzeros is -1"),
        (Question(flops=0.0), "flops is 0"),
        (Question(flops=1e300), r"flops is 1e\+300"),
    ],
    ids=["negative", "nothing", "absurd"],
)
def test_a_question_without_an_answer_is_refused(question: Question, said: str) -> None:
    with pytest.raises(UserError, match=said):
        study(open_fit("vit-jft"), question=question)
