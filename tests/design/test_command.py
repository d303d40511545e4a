"""The command `design` from text to a sweep file that can be trained; mistakes in one sentence."""

from dataclasses import replace
from pathlib import Path

import pytest
from sparselaw.design.command import design
from sparselaw.sweep.command import look

from sparselaw.cost import Cost
from sparselaw.errors import UserError
from sparselaw.fit import Fit, open_fit
from sparselaw.sweep.grid import expand, load_sweep
from sparselaw.sweep.preview import preview

LAPTOP = {"budget": "3e12", "nonzeros": "6K:60K", "data": "50K:2M", "sparsities": (0.0, 0.5, 0.75), "max_runs": 5}
UNSAID = {
    "target": None, "answer": "sparsity", "nonzeros": None, "data": None, "sparsities": (), "max_runs": None, "max_seeds": 1,
    "noise": None, "guess": False, "cost": Cost(), "confidence": 0.95, "base": None, "output": None,
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
    found = design(open_fit(law), **UNSAID | LAPTOP | {"base": base, "output": tmp_path / "sweep.toml"})
    sweep = load_sweep(tmp_path / "sweep.toml")
    assert sweep.base == recipe
    seen = preview(expand(sweep), threads=1, probe=False)
    assert len(seen) == found.num_runs == 5
    assert not any(one.problem for one in seen)


def test_its_dry_run(tmp_path: Path) -> None:
    design(open_fit("t5-c4-refit"), **UNSAID | LAPTOP | {"max_runs": 2, "output": tmp_path / "sweep.toml"})
    seen = look(tmp_path / "sweep.toml")
    assert len(seen) == 2
    assert not any(one.problem for one in seen)


@pytest.fixture(scope="module")
def own() -> Fit:
    return replace(open_fit("t5-c4-refit"), name="mine")


@pytest.mark.parametrize("answer", ["sparsity", "loss"])
def test_the_answer_asked_for_is_that_of_any_target(own: Fit, answer: str) -> None:
    for target in (None, "85M,1e21"):
        found = design(own, **UNSAID | {"budget": "1e20", "max_runs": 3, "answer": answer, "target": target})
        assert found.target.answer == answer
    assert (found.target.nonzero_params, found.target.flops) == (85e6, 1e21)


def test_a_target_not_given_lies_beyond_the_runs_allowed(own: Fit) -> None:
    found = design(own, **UNSAID | {"budget": "1e20", "max_runs": 3, "nonzeros": "2M:40M"})
    assert found.target.nonzero_params == pytest.approx(100e6)


def test_any_fit_can_be_a_guess(own: Fit) -> None:
    for guess in (False, True):
        assert design(own, **UNSAID | {"budget": "1e20", "max_runs": 3, "guess": guess}).guess == guess


MISTAKES = {
    "budget": ({"budget": "much"}, "is not a count"),
    "target": ({"target": "85M"}, "--target takes non-zeros,FLOPs"),
    "range": ({"nonzeros": "1M"}, "LOW:HIGH"),
    "range reversed": ({"data": "1B:1M"}, "lowest first"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes(own: Fit, case: str) -> None:
    options, sentence = MISTAKES[case]
    with pytest.raises(UserError, match=sentence):
        design(own, **UNSAID | {"budget": "1e20"} | options)
