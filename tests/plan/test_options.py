"""Options under the same question: each is the model at its sparsity, and none beats the best one."""

import pytest

from sparselaw.cost import Cost
from sparselaw.errors import UserError
from sparselaw.fit import open_fit
from sparselaw.plan.estimate import Estimates
from sparselaw.plan.options import DENSE, STANDARD, UNSTRUCTURED, Option, options_of, parse_option
from sparselaw.plan.paths import OnBudget
from sparselaw.plan.solve import solve


@pytest.mark.parametrize("option", [DENSE, Option("half", 0.5), Option("most", 0.9)], ids=lambda o: o.name)
def test_an_option_is_the_model_at_its_sparsity(option: Option) -> None:
    fitted, N, C = open_fit("vit-jft"), 42.5e6, 1e19
    path, estimate = OnBudget(fitted.law, N, C, Cost()), Estimates(fitted, 0.95)
    found, best = solve(path, option, estimate), solve(path, UNSTRUCTURED, estimate)
    S = option.sparsity
    assert S is not None
    assert found.loss.value == pytest.approx(float(fitted.predict(S, N, C * (1 - S) / (6 * N))), rel=1e-12)
    assert found.sparsity.bounds is None
    assert found.start_params == pytest.approx(N / (1 - S))
    assert best.loss.value < found.loss.value


WORDS = {
    "dense": Option("dense", 0.0, "dense"),
    "DENSE": Option("DENSE", 0.0, "dense"),
    "unstructured": Option("unstructured"),
    "50%": Option("50%", 0.5),
    "0.5": Option("0.5", 0.5),
    "2:4": Option("2:4", 0.5, "2:4"),
    "1:4 int8": Option("1:4 int8", 0.75, "1:4", "int8"),
    "int4": Option("int4", 0.0, "dense", "int4"),
    "int4 87.5%": Option("int4 87.5%", 0.875, precision="int4"),
    "  dense   int8 ": Option("dense int8", 0.0, "dense", "int8"),
    "2B 50%": Option("2B 50%", 0.5, total=2e9),
    "1B": Option("1B", 0.0, "dense", total=1e9),
    "0%": Option("0%", 0.0, "dense"),
}


@pytest.mark.parametrize("text", WORDS)
def test_an_option_is_written_in_words(text: str) -> None:
    assert parse_option(text) == WORDS[text]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "int5",
        "4:2",
        "2:4 50% 75%",
        "dense 50%",
        "2:4 75%",
        "int4 int8",
        "100%",
        "-5%",
        "sparse",
        "1.5",
        "nan",
        "50 %",
    ],
)
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(UserError) as error:
        parse_option(text)
    assert str(error.value).endswith((".", "?"))


def test_an_own_option_joins_the_standard_ones() -> None:
    own = parse_option("60% int8")
    assert options_of((), own) == (*STANDARD, own)
    assert options_of(("dense",), own) == (DENSE, own)
    assert options_of(("dense", "50%")) == (DENSE, parse_option("50%"))


@pytest.mark.parametrize("text", ["MoE", "lora int4", "structured 50%", "distilled"])
def test_what_no_law_covers_is_refused_with_the_place_that_says_more(text: str) -> None:
    with pytest.raises(UserError, match=r"no law here covers .*'Limits of the method'"):
        parse_option(text)
