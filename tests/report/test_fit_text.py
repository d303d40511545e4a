"""Fits and comparisons printed: every number and warning; names are printed as they are."""

from dataclasses import replace

import numpy as np
import pytest

from sparselaw.fit import Fit
from sparselaw.fit.comparison import Comparison, HoldOut
from sparselaw.laws import law_named
from sparselaw.plan.contours import budget_contours
from sparselaw.plan.verb import plan
from sparselaw.report import fit_text, plan_text, text


@pytest.mark.parametrize("width", [80, 120])
def test_fit(vit: Fit, width: int, printed, words) -> None:
    told = replace(vit, warnings=("b_D is weakly identified",), status="not converged: no start was")
    shown = words(printed(fit_text.fit_text(told), width))
    for sentence in ("b_D is weakly identified", "not converged: no start was", f"{vit.objective:.6e}"):
        assert sentence in shown
    for name, value in vit.parameters.items():
        assert name in shown
        assert text.number(value) in shown
    for multiplier in ("1.596", "2.17", "2.63"):
        assert multiplier in shown


def test_the_data_coefficient_is_told_as_chinchilla_writes_it(vit: Fit, printed, words) -> None:
    """B = a_D^b_D, and its interval that of the powers of the draws, not the power of intervals."""
    a_D, b_D = vit.parameters["a_D"], vit.parameters["b_D"]
    k = vit.law.names.index("a_D")
    low, high = np.quantile(vit.draws[:, k] ** vit.draws[:, k + 1], [0.025, 0.975])
    lines = printed(fit_text.fit_text(vit), 100).splitlines()
    (line,) = [line for line in lines if "a_D^b_D" in line]
    assert words(line) == f"a_D^b_D {a_D**b_D:.4g} {low:.4g} to {high:.4g} Chinchilla's B"
    assert max(map(len, lines)) <= 100


def test_only_a_term_with_its_coefficient_inside_has_it(vit: Fit, printed) -> None:
    other = replace(
        vit, law=law_named("density-power"), parameters=dict.fromkeys(law_named("density-power").names, 1.0)
    )
    assert "Chinchilla" not in printed(fit_text.fit_text(replace(other, bootstrap=None)))
    plain = printed(fit_text.fit_text(replace(vit, bootstrap=None)))
    assert "a_D^b_D" in plain
    assert "bootstrap" not in plain


def test_markup_in_names_is_literal(vit: Fit, printed) -> None:
    named = replace(vit, name="[red]x[/red]", warnings=("file [bold]y[/bold] has one seed",))
    for content in (fit_text.fit_text(named), plan_text.answer_text(plan(named, nonzeros=1e7, flops=1e20))):
        shown = printed(content)
        assert "[bold]y[/bold]" in shown
        assert "[red]x[/red]" in shown


def test_numbers_are_not_broken_in_a_narrow_terminal(vit: Fit, printed) -> None:
    names = ("paper", "free-multiplier", "density-power", "no-floor", "average-params", "dense")
    fits = [replace(vit, law=replace(vit.law, name=name)) for name in names]
    left_out = (HoldOut("largest N and largest D", 24, 0.0187, 0.0187),)
    shown = printed(fit_text.compare_text([Comparison(f, -323.61, -308.64, left_out, -0.0187) for f in fits]), 80)
    assert shown.count(f"{vit.objective:.4e}") == len(names)
    assert shown.count("-323.6 *") == len(names)
    assert max(map(len, shown.splitlines())) <= 80
    lines = printed(plan_text.contours_text(budget_contours(vit, grid=9)), 80)
    assert lines.count(" to") >= 9
    assert max(map(len, lines.splitlines())) <= 80
