"""The words that all tables share: numbers, intervals, plain tables, warnings; and how they are shown."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from sparselaw.words.forms import count, flops, level, number, percent

__all__ = ["Bounds", "count", "flops", "level", "number", "percent", "plain_table", "show", "span", "warning_lines"]
Bounds = tuple[float | None, float | None]


def show(content: RenderableType) -> None:
    """Print for a person; wide enough not to break tables when the output is not a terminal."""
    console = Console()
    Console(width=console.width if console.is_terminal else 120, highlight=False).print(content)


def span(bounds: Bounds | Sequence[float] | None, form=number) -> str:
    """An interval; a side that is not bounded is said to be so."""
    if bounds is None:
        return "-"
    low, high = bounds
    return f"{'unbounded' if low is None else form(low)} to {'unbounded' if high is None else form(high)}"


def plain_table(*columns: str, title: str | None = None) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, title=title)
    table.title_justify, table.title_style = "left", "bold"
    for k, column in enumerate(columns):
        table.add_column(column, justify="left" if k == 0 else "right", overflow="fold")
    return table


def warning_lines(warnings: Sequence[str]) -> list[RenderableType]:
    return [Text(f"warning: {sentence}", style="yellow") for sentence in warnings]
