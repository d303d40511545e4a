"""Questions: what has no answer is refused in one sentence that speaks Python, or flags on the command line."""

import pytest

from sparselaw.cost import Memory
from sparselaw.errors import UserError
from sparselaw.fit import Fit, open_fit
from sparselaw.laws import PAPER
from sparselaw.plan import Question, plan
from sparselaw.plan.question import check_units


@pytest.fixture
def vit() -> Fit:
    return open_fit("vit-jft")


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"nonzeros": 1e7},
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
    with pytest.raises(UserError, match="Give two of a size"):
        plan(vit, **question)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (Question(nonzeros=-5.0, flops=1e18), "nonzeros is -5; give a positive number"),
        (Question(nonzeros=float("nan"), flops=1e18), "nonzeros is nan"),
        (Question(nonzeros=1e50, flops=1e18), "which no training run comes near; check its unit"),
        (Question(nonzeros=1e7, flops=1e18, tolerance=0.0), "tolerance is 0; give a number between 0 and 1"),
        (Question(nonzeros=1e7, flops=1e18, confidence=95), "confidence is 95"),
        (Question(nonzeros=1e7, memory=Memory(8e9), flops=1e18), "Give one of"),
        (Question(inference=1e12), "give loss, the loss to reach"),
        (Question(inference=1e12, loss=2.0, flops=1e18), "give loss, the loss to reach"),
        (
            Question(inference=1e12, loss=2.0, memory=Memory(8e9), total=1e9),
            "memory and latency alone may hold together",
        ),
    ],
    ids=["negative", "nan", "absurd", "tolerance", "confidence", "both", "no-loss", "too-much", "memory"],
)
def test_impossible_questions_are_one_sentence(question: Question, expected: str) -> None:
    with pytest.raises(UserError, match=expected) as caught:
        question.check(PAPER)
    assert "--" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_flags_stand_where_python_has_arguments() -> None:
    with pytest.raises(UserError) as caught:
        Question(nonzeros=1e7).check(PAPER)
    assert (
        "a size (--nonzeros, --memory, --total or --latency), a budget (--flops, or --gpu and --gpu-hours)"
        in caught.value.on_command_line()
    )
    assert "--times-chinchilla" in caught.value.on_command_line()


def test_tolerances_are_the_usual_ones_unless_given() -> None:
    assert Question().share_of_no_difference == 1e-3
    assert Question(inference=1e9).share_of_no_difference == 1e-2
    assert Question(inference=1e9, tolerance=0.2).share_of_no_difference == 0.2


def test_tokens_of_an_image_are_for_laws_in_images(vit: Fit) -> None:
    check_units(vit, 196.0)
    with pytest.raises(UserError, match="only for laws in images"):
        check_units(open_fit("t5-c4-refit"), 196.0)
    with pytest.raises(UserError, match="tokens_per_image is 0"):
        check_units(vit, 0.0)
