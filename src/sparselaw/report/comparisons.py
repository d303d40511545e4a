"""Screens of `compare-patterns` and `compare-pretrained`: tables and sentences about groups of runs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from rich.console import Group as Lines
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sparselaw.counts import format_count
from sparselaw.fit.multipliers import GroupComparison, Ratio
from sparselaw.fit.pretrained import CheckpointValue
from sparselaw.report.text import count, factor, level, plain_table, span, warning_lines

PLAIN = {"unstructured", "gradual"}
"""Words in the label of the group that others of the same sparsity are compared with."""


def comparison_text(found: GroupComparison) -> Lines:
    """A table of groups, and in words which of them differ."""
    title = f"dense weights that a non-zero weight is worth, by {escape(' and '.join(found.by))}"
    table = plain_table("runs of", "number", "multiplier", f"{found.level:.0%}", title=title)
    for group in found.groups:
        table.add_row(group.label, str(group.num_runs), *factor(group.multiplier, group.interval))
    facts = Text(
        f"compared with {found.num_dense} dense runs\n"
        f"noise of a run {found.noise.of_runs:.4f} in ln loss, and {found.noise.of_blocks:.4f} shared by runs of one shape, "
        "data and seed\n"
    )
    return Lines(table, facts, *(Text(line) for line in verdicts(found)), *warning_lines(found.warnings))


def verdicts(found: GroupComparison) -> list[str]:
    """For each sparsity the groups that differ from the plain one, then the pairs of other sparsities that differ."""
    lines = []
    for _, members in groupby(found.groups, key=lambda group: group.sparsity):
        names = [group.label for group in members]
        plain = next((name for name in names if set(name.split()[1:]) <= PLAIN), names[0])
        lines += [_verdict(_ratio(found, name, plain)) for name in names if name != plain]
    others = [r for r in found.ratios if r.is_beyond_noise and not _same_sparsity(found, r)]
    lines += [_verdict(r) for r in others]
    if found.ratios:
        lines.append(f"(The {found.level:.0%} intervals of ratios hold for all {len(found.ratios)} pairs at once.)")
    return lines


def _ratio(found: GroupComparison, first: str, second: str) -> Ratio:
    for ratio in found.ratios:
        if (ratio.first, ratio.second) == (first, second):
            return ratio
        if (ratio.first, ratio.second) == (second, first):
            low, high = ratio.interval
            return Ratio(first, second, 1 / ratio.ratio, (1 / high, 1 / low if low else float("inf")))
    raise KeyError((first, second))


def _same_sparsity(found: GroupComparison, ratio: Ratio) -> bool:
    sparsity = {group.label: group.sparsity for group in found.groups}
    return sparsity[ratio.first] == sparsity[ratio.second]


def _verdict(ratio: Ratio) -> str:
    value, bounds = factor(ratio.ratio, ratio.interval)
    shown = f"{value} times its multiplier, {bounds}"
    if not ratio.is_beyond_noise:
        return f"{ratio.first} does not differ from {ratio.second} beyond noise ({shown})."
    return f"{ratio.first} is {'better' if ratio.ratio > 1 else 'worse'} than {ratio.second} ({shown})."


def pretrained_text(found: Sequence[CheckpointValue], level: float) -> Lines:
    """One row for each cell of runs."""
    table = plain_table(
        "sparsity",
        "non-zeros",
        "dense data",
        "sparse data",
        "runs",
        "loss",
        "from scratch",
        f"over sparse data ({level:.0%})",
        "over both",
        title="data that sparse training from scratch needs to match a pruned dense checkpoint",
    )
    for value in found:
        _add_row(table, value)
    lines = []
    if any(value.extrapolated for value in found):
        lines.append("* extrapolated beyond the data of the runs from scratch")
    if any(value.data_needed_interval is None for value in found):
        lines.append("There are no intervals: no run is repeated, so the noise is unknown.")
    return Lines(table, *map(Text, lines))


def _add_row(table: Table, value: CheckpointValue) -> None:
    both, factor_of_both = value.data_of_both, value.factor_of_both
    table.add_row(
        level(value.sparsity),
        format_count(value.nonzero_params),
        "-" if value.data_before is None else format_count(value.data_before),
        format_count(value.data),
        str(value.num_runs),
        f"{value.loss:.4f}",
        count(value.data_needed) + "*" * value.extrapolated,
        _factor(value.factor, value.interval_over(value.data)),
        "-" if both is None or factor_of_both is None else _factor(factor_of_both, value.interval_over(both)),
    )


def _factor(factor: float, interval: tuple[float, float] | None) -> str:
    if not np.isfinite(factor):
        return "-"
    return f"{factor:.2f}" + (f" ({span(interval, lambda x: f'{x:.2f}')})" if interval else "")
