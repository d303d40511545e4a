"""Tables of runs and sweeps for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group
from rich.markup import escape
from rich.text import Text

from sparselaw.counts import format_seconds
from sparselaw.report.text import count, flops, level, number, plain_table
from sparselaw.runs.folders import RunState

if TYPE_CHECKING:
    from sparselaw.sweep.preview import Preview


def runs_text(states: Sequence[RunState]) -> Group:
    """The runs of a folder, and how many are in each state."""
    table = plain_table("run", "state", "N", "S", "D", "loss", "time")
    for one in states:
        record = one.record
        cells = [count(record[key]) if key in record else "-" for key in ("nonzero_params", "data")]
        loss = number(record.get("loss"))
        time = format_seconds(record["seconds"]) if "seconds" in record else "-"
        S = level(record["sparsity"]) if "sparsity" in record else "-"
        table.add_row(escape(one.name), one.state, cells[0], S, cells[1], loss, time)
    counts = Counter(one.state for one in states)
    said = Text(", ".join(f"{how_many} {state}" for state, how_many in counts.items()) or "no runs")
    return Group(table, said, *(Text(f"{one.name}: {one.reason}", style="yellow") for one in states if one.reason))


def preview_text(previews: Sequence[Preview], *, workers: int) -> Group:
    """Every run of a sweep before it is trained, and the totals."""
    table = plain_table("run", "N", "S", "D", "dense", "FLOPs", "if sparse", "memory", "time")
    for one in previews:
        if one.problem:
            table.add_row(escape(one.name), *["-"] * 7, "impossible")
            continue
        fact = one.facts
        counts = [count(fact[key]) for key in ("nonzero_params", "data", "dense_params")]
        table.add_row(
            escape(one.name), counts[0], level(fact["sparsity"]), *counts[1:], flops(fact["flops"]),
            flops(fact["flops_sparse"]), f"{one.memory / 1e6:.3g} MB", format_seconds(one.seconds),
        )  # fmt: skip
    possible = [one for one in previews if not one.problem]
    seconds, work = sum(one.seconds for one in possible), sum(one.facts["flops"] for one in possible)
    total = (
        f"{len(possible)} runs, {flops(work)} FLOPs, {format_seconds(seconds)} one by one, "
        f"about {format_seconds(seconds / workers)} with {workers} at a time"
    )
    problems = (Text(f"impossible: {one.name}: {one.problem}", style="yellow") for one in previews if one.problem)
    return Group(table, Text(total), *problems)
