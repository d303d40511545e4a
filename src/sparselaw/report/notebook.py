"""Results as text, as HTML tables for notebooks, and as figures: what `sparselaw.shown` asks for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from html import escape
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.markup import escape as literal
from rich.table import Table
from rich.text import Text

from sparselaw.design.result import Design
from sparselaw.fit.comparison import Comparisons
from sparselaw.fit.inspection import Inspection
from sparselaw.fit.result import Fit
from sparselaw.plan.answer import Answer
from sparselaw.plan.contours import Contours, LifetimeContours
from sparselaw.report.design_text import design_text
from sparselaw.report.fit_text import compare_text, fit_text
from sparselaw.report.inspect_text import inspect_text
from sparselaw.report.plan_text import answer_text, contours_text, lifetime_contours_text
from sparselaw.report.text import count, number, plain_table, printed, warning_lines
from sparselaw.runs import COLUMNS, Runs
from sparselaw.shown import Readable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


ENDS = 5  # rows shown of each end of a long table of runs


def runs_table(runs: Runs) -> Group:
    """N, S, D and L of the first and last runs, and what is odd about any."""
    data, loss = f"D ({literal(runs.data_unit)})", f"loss ({literal(runs.loss_unit)})"
    table = plain_table("run", "non-zeros N", "S", data, loss, title=f"{literal(runs.name)}, {len(runs)} runs")
    rows = list(zip(runs.nonzero_params, runs.sparsity, runs.data, runs.loss, strict=True))
    for k, (N, S, D, L) in enumerate(rows):
        if k < ENDS or k >= len(rows) - ENDS:
            table.add_row(str(k), count(N), f"{S:g}", count(D), number(L))
        elif k == ENDS:
            table.add_row(*["..."] * 5)
    others = [name for name in map(str, runs.table.columns) if name not in COLUMNS]
    said = [Text(f"other columns: {', '.join(others)}")] if others else []
    return Group(table, *said, *warning_lines(runs.warnings))


@singledispatch
def content(result: Readable) -> RenderableType:
    """The tables and sentences of a result."""
    raise TypeError(f"there is no text for {type(result).__name__}")


content.register(Runs, runs_table)
content.register(Fit, fit_text)
content.register(Comparisons, compare_text)
content.register(Inspection, inspect_text)
content.register(Answer, answer_text)
content.register(Contours, contours_text)
content.register(LifetimeContours, lifetime_contours_text)
content.register(Design, design_text)


def summary(result: Readable) -> str:
    """The result as plain text."""
    return printed(content(result))


def html(result: Readable) -> str:
    """The result as escaped HTML: tables and paragraphs, without scripts, styles or links."""
    return "\n".join(_parts(content(result)))


def figure(result: Readable) -> Figure:
    """The result as a figure."""
    from sparselaw.report import figures

    match result:
        case Fit():
            return figures.law_figure(result)
        case Contours():
            return figures.contour_figure(result)
        case LifetimeContours():
            return figures.lifetime_contour_figure(result)
        case _:
            assert isinstance(result, Answer)
            return figures.answer_figure(result)


def _parts(shown: RenderableType) -> Iterator[str]:
    if isinstance(shown, Group):
        for part in shown.renderables:
            yield from _parts(part)
    elif isinstance(shown, Table):
        yield _table(shown)
    elif text := _plain(shown).strip():
        yield f"<p>{escape(text).replace(chr(10), '<br>')}</p>"


def _table(table: Table) -> str:
    caption = f"<caption>{escape(_plain(table.title))}</caption>" if table.title else ""
    heads = "".join(f"<th>{escape(_plain(column.header))}</th>" for column in table.columns)
    head = f"<thead><tr>{heads}</tr></thead>" if table.show_header else ""
    rows = zip(*(map(_plain, column.cells) for column in table.columns), strict=True)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{caption}{head}<tbody>{body}</tbody></table>"


def _plain(cell: RenderableType) -> str:
    return cell.plain if isinstance(cell, Text) else Text.from_markup(str(cell)).plain
