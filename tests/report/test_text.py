"""Printed tables hold the answer and every warning, whatever the width; names are printed as they are."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from sparselaw.design import design
from sparselaw.fit import Fit, open_fit
from sparselaw.fit.comparison import Comparison, HoldOut
from sparselaw.plan.answer import plan
from sparselaw.plan.contours import budget_contours
from sparselaw.report import export_text, fit_text, plan_text, text
from sparselaw.report.design_text import design_text


@pytest.fixture
def vit() -> Fit:
    return open_fit("vit-jft")


def printed(content: RenderableType, width: int = 120) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(content)
    return out.getvalue()


def words(content: str) -> str:
    return " ".join(content.split())


@pytest.mark.parametrize("width", [80, 120])
def test_export(width: int) -> None:
    pytest.importorskip("torch")
    from sparselaw.prune.export import Export, StoredTensor

    tensors = (
        StoredTensor("a.weight", "bitmask", "bfloat16", 4096, 1024, 64, 3088, 8192),
        StoredTensor("b.weight", "delta3", "bfloat16", 4096, 1024, 64, 2500, 8192),
        StoredTensor("b.bias", "dense", "bfloat16", 64, 64, 1, 128, 128),
    )
    made = Export(Path("x.safetensors"), "auto", 6000, 17_000, tensors, 12, 0.25, 0.125)
    shown = printed(export_text.export_text(made), width)
    assert f"{export_text.predicted_bytes(tensors[0]):.0f}" == str(2 * 1024 + 4096 // 8 + 64 * 8)
    for part in (
        "6 KB, 36.3% of dense",
        "12 weights are -0",
        "3.07 KB",
        "from a sample of 0.12 of it",
        "4.13 KB, 25.0%",
    ):
        assert part in words(shown)
    assert max(map(len, shown.splitlines())) <= width
    assert export_text.export_record(made)["tensors"][2]["predicted_nbytes"] == 128
    none_smaller = words(
        printed(export_text.export_text(replace(made, tensors=tensors[2:], format="csr", zstd_share=None)))
    )
    assert "no tensor is smaller as csr" in none_smaller
    assert "not measured: the package zstandard" in none_smaller


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("answer", ["sparsity", "loss"])
def test_design(vit: Fit, answer, width: int) -> None:
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


@pytest.mark.parametrize("width", [80, 120])
def test_fit(vit: Fit, width: int) -> None:
    told = replace(vit, warnings=("b_D is weakly identified",), status="not converged: no start was")
    shown = words(printed(fit_text.fit_text(told), width))
    for sentence in ("b_D is weakly identified", "not converged: no start was", f"{vit.objective:.6e}"):
        assert sentence in shown
    for name, value in vit.parameters.items():
        assert name in shown
        assert text.number(value) in shown
    for multiplier in ("1.596", "2.172", "2.634"):
        assert multiplier in shown


def test_markup_in_names_is_literal(vit: Fit) -> None:
    named = replace(vit, name="[red]x[/red]", warnings=("file [bold]y[/bold] has one seed",))
    for content in (fit_text.fit_text(named), plan_text.answer_text(plan(named, nonzeros=1e7, flops=1e20))):
        shown = printed(content)
        assert "[bold]y[/bold]" in shown
        assert "[red]x[/red]" in shown


def test_numbers_are_not_broken_in_a_narrow_terminal(vit: Fit) -> None:
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
