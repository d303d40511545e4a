"""A design printed: every run, both intervals and every warning, whatever the width."""

from dataclasses import replace

import pytest

from sparselaw.design import design
from sparselaw.fit import Fit
from sparselaw.report import text
from sparselaw.report.design_text import design_text


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("answer", ["sparsity", "loss"])
def test_design(vit: Fit, answer, width: int, printed, words) -> None:
    named = replace(vit, name="[red]x[/red]")
    found = design(named, budget=1e18, target=(425e6, 3e19), answer=answer, max_runs=8)
    shown = printed(design_text(found), width)
    assert "8 runs" in shown
    assert "[red]x[/red]" in words(shown)
    for estimate in (found.before, found.after):
        assert text.span(estimate.bounds, text.percent if answer == "sparsity" else text.number) in shown
    for cell in found.cells:
        assert text.count(cell.nonzero_params) in shown
        assert text.count(cell.data) in shown
    assert found.warnings
    for sentence in found.warnings:
        assert sentence in words(shown)
    assert max(map(len, shown.splitlines())) <= width
