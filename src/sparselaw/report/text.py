"""What all screens share: intervals, plain tables, warnings, and how they are printed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from functools import partial
from io import StringIO

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from sparselaw.fit.identify import MOST_TOLD
from sparselaw.words.forms import by_interval, count, flops, level, number, percent, times

__all__ = [
    "Bounds",
    "condition",
    "count",
    "factor",
    "facts_table",
    "flops",
    "level",
    "number",
    "percent",
    "plain_table",
    "printed",
    "show",
    "span",
    "spans",
    "times",
    "warning_lines",
]  # fmt: skip

Bounds = tuple[float | None, float | None]
WIDE = 120
"""Columns of an output that is no terminal, unless COLUMNS says otherwise."""
_BLANKS_AT_END = re.compile(r"[ \t]+((?:\x1b\[[0-9;]*m)*)$", re.MULTILINE)


def show(content: RenderableType) -> None:
    """Prints for a person, as wide as the terminal, or wide enough for every table where the output is none."""
    console = Console(highlight=False)
    if not (console.is_terminal or "COLUMNS" in os.environ):
        console.width = WIDE
    with console.capture() as captured:
        console.print(content)
    print(_BLANKS_AT_END.sub(r"\1", captured.get()), end="")


def printed(content: RenderableType, width: int = 80) -> str:
    """What `show` prints, as plain text."""
    out = StringIO()
    Console(file=out, width=width, highlight=False).print(content)
    return _BLANKS_AT_END.sub("", out.getvalue())


def span(bounds: Bounds | Sequence[float | None] | None, form: Callable[[float], str] = number) -> str:
    """An interval; a side without a bound is called unbounded, and a dash stands for one whose ends are written alike."""
    if bounds is None:
        return "-"
    low, high = ("unbounded" if end is None else form(end) for end in bounds)
    return "-" if low == high != "unbounded" else f"{low} to {high}"


def factor(value: float, bounds: tuple[float, float] | None = None) -> tuple[str, str]:
    """A factor and its interval, to the digits that the interval supports."""
    form: Callable[[float], str] = times
    if bounds and times(value)[0].isdigit() and times(bounds[1])[0].isdigit():
        form = partial(by_interval, low=bounds[0], high=bounds[1])
    return form(value), span(bounds, form)


def condition(value: float) -> str:
    """A condition number."""
    return f"{value:.3g}" if value < MOST_TOLD else f"more than {MOST_TOLD:g}"


def spans(pieces: Sequence[tuple[float, float]], form: Callable[[float], str] = number) -> str:
    """Several ranges, such as `0.0% to 2.1% and 40.0% to 55.0%`."""
    *others, last = (form(low) if form(low) == form(high) else span((low, high), form) for low, high in pieces)
    return f"{', '.join(others)} and {last}" if others else last


def plain_table(*columns: str, title: str | None = None) -> Table:
    """A table with a rule under its head; the first column is justified left, the others right."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, title=title)
    table.title_justify, table.title_style = "left", "bold"
    for k, column in enumerate(columns):
        table.add_column(column, justify="left" if k == 0 else "right", overflow="fold")
    return table


def facts_table(facts: dict[str, str]) -> Table:
    """Names and values in two columns without a head."""
    table = Table.grid(padding=(0, 4, 0, 0), pad_edge=False)
    for name, value in facts.items():
        table.add_row(Text(name), Text(value))
    return table


def warning_lines(warnings: Sequence[str]) -> list[RenderableType]:
    """A line for each warning."""
    return [Text(f"warning: {sentence}", style="yellow") for sentence in warnings]
