"""The screen of a design."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sparselaw.counts import format_count
from sparselaw.design.result import Design
from sparselaw.plan.estimate import Estimate
from sparselaw.report.text import flops, level, number, percent, plain_table, span, warning_lines


def design_text(found: Design) -> Group:
    """The question, the answer now and as expected after the runs and after the grid, and the runs."""
    target, asked = found.target, found.target.answer == "sparsity"
    question = (
        f"{'Optimal sparsity' if asked else 'Loss'} of {format_count(target.nonzero_params)} non-zeros trained with "
        f"{flops(target.flops)} FLOPs, {found.cost} cost, {found.law} law from {found.fit}"
    )
    spent = f"{_these(found.num_runs)}: {flops(found.flops)} of {flops(found.budget)} FLOPs"
    if not found.recommended:
        return Group(
            Text(question, style="dim"),
            Text(found.reason, style="bold"),
            _answers(found),
            *warning_lines(found.warnings),
        )
    praise = f"  ({found.efficiency:.0%} efficient)" if found.efficiency > 0.5 else ""
    headline = Text.assemble("Train ", (spent, "bold"), praise)
    return Group(Text(question, style="dim"), headline, _answers(found), _runs(found), *warning_lines(found.warnings))


def _answers(found: Design) -> Table:
    form = percent if found.target.answer == "sparsity" else number
    table = plain_table("", "answer", f"{found.confidence:.0%} interval", "width")
    table.add_row("as a guess" if found.guess else "now", *_answer(found.before, form))
    table.add_row(f"expected with {_these(found.num_runs)}", *_answer(found.after, form))
    if found.rival:
        table.add_row(f"expected with a grid of {_number_of(found.rival.num_runs)}", *_answer(found.rival.after, form))
    return table


def _answer(estimate: Estimate, form: Callable[[float], str]) -> tuple[str, str, str]:
    assert estimate.low is not None
    assert estimate.high is not None
    value = "not determined" if estimate.open_question else form(estimate.value)
    return value, span(estimate.bounds, form), form(estimate.high - estimate.low)


def _number_of(runs: int) -> str:
    return f"{runs} run{'s' * (runs > 1)}"


def _these(runs: int) -> str:
    return f"these {runs} runs" if runs > 1 else "this run"


def _runs(found: Design) -> Table:
    table = plain_table(
        "non-zeros N", "sparsity", f"data ({escape(found.data_unit)})", "seeds", "FLOPs", "share of budget"
    )
    for cell in found.cells:
        table.add_row(
            format_count(cell.nonzero_params),
            level(cell.sparsity),
            format_count(cell.data),
            str(cell.seeds),
            flops(cell.flops),
            percent(cell.flops / found.budget),
        )
    return table
