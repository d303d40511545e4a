"""The verb `design`: from a fit or its name, ranges and a budget to a sweep file that can be trained."""

from dataclasses import replace
from pathlib import Path

import pytest

from sparselaw.design import design
from sparselaw.errors import UserError
from sparselaw.fit import Fit, open_fit
from sparselaw.sweep.grid import expand, load_sweep
from sparselaw.sweep.missing import look
from sparselaw.sweep.preview import preview

LAPTOP = {
    "budget": "5e13", "nonzeros": (14e3, 220e3), "data": (1e6, 16e6), "sparsities": (0.0, 0.5, 0.75, 0.875), "max_runs": 14,
}  # fmt: skip


@pytest.mark.parametrize(
    ("law", "base", "recipe"),
    [
        ("t5-c4-refit", None, "decoder-laptop"),
        ("t5-c4-refit", "t5-laptop", "t5-laptop"),
        ("vit-jft", None, "vit-laptop"),
    ],
)
def test_a_first_sweep_for_a_laptop(law: str, base: str | None, recipe: str, tmp_path: Path) -> None:
    found = design(law, **LAPTOP)
    found.save(tmp_path / "sweep.toml", base)
    sweep = load_sweep(tmp_path / "sweep.toml")
    assert sweep.base == recipe
    seen = preview(expand(sweep), threads=1, probe=False)
    assert len(seen) == found.num_runs <= 14
    assert not any(one.problem for one in seen)


def test_its_dry_run(tmp_path: Path) -> None:
    found = design("t5-c4-refit", **LAPTOP)
    found.save(tmp_path / "sweep.toml")
    seen = look(tmp_path / "sweep.toml")
    assert len(seen) == found.num_runs
    assert not any(one.problem for one in seen)


@pytest.fixture(scope="module")
def own() -> Fit:
    return replace(open_fit("t5-c4-refit"), name="mine")


@pytest.mark.parametrize("answer", ["sparsity", "loss"])
def test_the_answer_asked_for_is_that_of_any_target(own: Fit, answer: str) -> None:
    for target in (None, (85e6, 1e21)):
        found = design(own, budget="1e20", max_runs=3, answer=answer, target=target)
        assert found.target.answer == answer
    assert (found.target.nonzero_params, found.target.flops) == (85e6, 1e21)


def test_a_target_not_given_lies_beyond_the_runs_allowed(own: Fit) -> None:
    found = design(own, budget=1e20, max_runs=3, nonzeros=(2e6, 4e7))
    assert found.target.nonzero_params == pytest.approx(100e6)


def test_any_fit_can_be_a_guess(own: Fit) -> None:
    for guess in (False, True):
        assert design(own, budget=1e20, max_runs=3, guess=guess).guess == guess


MISTAKES = {
    "budget": ({"budget": "much"}, "'much' is not a count"),
    "negative budget": ({"budget": -1.0}, "budget is -1; give a positive number of FLOPs."),
    "target": ({"target": (85e6,)}, "target has 1 numbers; give non-zeros and FLOPs"),
    "range reversed": ({"data": (1e9, 1e6)}, "data is 1e.09 to 1e.06; give two positive numbers, the lower one first."),
    "sparsity": ({"sparsities": (0.5, 50.0)}, "sparsities has 0.5, 50.0; give numbers in"),
    "cost": ({"cost": "spars"}, "did you mean 'sparse'"),
    "confidence": ({"confidence": 95}, "confidence is 95; give a number between 0 and 1."),
    "patches of text": ({"tokens_per_image": 196}, "give tokens_per_image only for laws in images"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_speak_python(own: Fit, case: str) -> None:
    options, sentence = MISTAKES[case]
    with pytest.raises(UserError, match=sentence) as caught:
        design(own, **{"budget": 1e20} | options)
    assert "--" not in str(caught.value)
