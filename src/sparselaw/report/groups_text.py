"""Fits of several groups of runs, side by side."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group
from rich.markup import escape
from rich.text import Text

from sparselaw.errors import UserError
from sparselaw.fit.result import Fit
from sparselaw.plan.evidence import misfit
from sparselaw.report.text import number, percent, plain_table, warning_lines

FEW_WARNINGS = 2  # of each group


def groups_text(found: Mapping[str, Fit | UserError], column: str) -> Group:
    """A row for each group: its runs, how far the law misses them, its parameters; then why some cannot be fitted."""
    fits = {label: one for label, one in found.items() if isinstance(one, Fit)}
    names = dict.fromkeys(name for one in fits.values() for name in one.law.names)
    table = plain_table(column, "runs", "misfit", *names)
    for label, one in fits.items():
        values = [number(one.parameters[name]) if name in one.parameters else "-" for name in names]
        missed = misfit(one)
        table.add_row(escape(label), str(one.num_runs), "-" if missed is None else percent(missed, 2), *values)
    refused = [Text(f"{label}: {one}") for label, one in found.items() if isinstance(one, UserError)]
    doubts = [f"{label}: {told}" for label, one in fits.items() for told in one.warnings[:FEW_WARNINGS]]
    return Group(*[table] * bool(fits), *refused, Text(""), *warning_lines(doubts))
