"""The tables of a terminal as HTML, for notebooks."""

from __future__ import annotations

from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.text import Text

from sparselaw.report.text import count, number, plain_table, warning_lines
from sparselaw.runs import COLUMNS, Runs

ENDS = 5  # rows shown of each end of a long table


def html(content: RenderableType) -> str:
    """What a terminal would show, as one escaped `<pre>` without scripts, styles or links from elsewhere."""
    console = Console(record=True, width=110, file=StringIO(), highlight=False)
    console.print(content)
    return console.export_html(inline_styles=True, code_format='<pre style="line-height:1.3">{code}</pre>')


def runs_table(runs: Runs) -> Group:
    """N, S, D and L of the first and last runs, and what is odd about any."""
    data, loss = f"D ({escape(runs.data_unit)})", f"loss ({escape(runs.loss_unit)})"
    table = plain_table("run", "non-zeros N", "S", data, loss, title=f"{escape(runs.name)}, {len(runs)} runs")
    rows = list(zip(runs.nonzero_params, runs.sparsity, runs.data, runs.loss, strict=True))
    for k, (N, S, D, L) in enumerate(rows):
        if k < ENDS or k >= len(rows) - ENDS:
            table.add_row(str(k), count(N), f"{S:g}", count(D), number(L))
        elif k == ENDS:
            table.add_row(*["..."] * 5)
    others = [name for name in map(str, runs.table.columns) if name not in COLUMNS]
    said = [Text(f"other columns: {', '.join(others)}")] if others else []
    return Group(table, *said, *warning_lines(runs.warnings))
