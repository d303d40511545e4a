"""Figures of compared groups of runs: multipliers with intervals, and what a dense checkpoint is worth."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from sparselaw.counts import format_count
from sparselaw.fit.multipliers import GroupComparison
from sparselaw.fit.pretrained import CheckpointValue
from sparselaw.report.figures.style import GREY, MARKERS, blank, colour_of, log_axis, roomy, styled
from sparselaw.report.text import level

LINES = ("-", "--", ":", "-.")


@styled
def multiplier_figure(found: GroupComparison) -> Figure:
    """A dot and an interval for each group, a colour a sparsity."""
    groups = found.groups[::-1]
    num_runs = found.num_dense + sum(group.num_runs for group in groups)
    figure, axes = blank(4.8, 0.26 * len(groups) + 0.9, f"{found.level:.0%} intervals from {num_runs} runs")
    ax = axes[0, 0]
    for y, group in enumerate(groups):
        colour = colour_of(group.sparsity)
        ax.plot(group.interval, (y, y), "-", color=colour)
        ax.plot([group.multiplier], [y], "o", ms=5, color=colour)
    ax.axvline(1, color=GREY, lw=0.7, ls="--", zorder=0)
    reach = [1.0, *(value for group in groups for value in (group.multiplier, *group.interval))]
    log_axis(ax, "x", roomy(reach), form="{:g}".format)
    ax.set(xlabel="dense weights that a non-zero is worth", ylim=(-0.6, len(groups) - 0.4))
    ax.set_yticks(range(len(groups)), [group.label for group in groups])
    ax.tick_params(axis="y", length=0)
    return figure


@styled
def pretrained_figure(found: Sequence[CheckpointValue]) -> Figure:
    """The factor of the second step against sparsity, a line an amount of sparse data."""
    figure, axes = blank(4.2, 3.0, "data from scratch to match a pruned checkpoint")
    ax = axes[0, 0]
    budgets = sorted({value.data for value in found})
    reach = [1.0, *(value.factor for value in found)]
    for k, data in enumerate(budgets):
        cells = [value for value in found if value.data == data]
        x = [100 * value.sparsity + 0.6 * (k - (len(budgets) - 1) / 2) for value in cells]
        look = {"ls": LINES[k % len(LINES)], "marker": MARKERS[k % len(MARKERS)], "color": GREY}
        ax.plot(x, [value.factor for value in cells], label=format_count(data), zorder=1, **look)
        for at, value in zip(x, cells, strict=True):
            colour = colour_of(value.sparsity)
            ax.plot([at], [value.factor], MARKERS[k % len(MARKERS)], color=colour, ms=6)
            if bounds := value.interval_over(value.data):
                ax.plot((at, at), bounds, "-", color=colour)
                reach += bounds
    ax.axhline(1, color=GREY, lw=0.7, ls="--", zorder=0)
    ax.set(xlabel="sparsity", ylabel="times the sparse data")
    levels = sorted({value.sparsity for value in found})
    ax.set_xticks([100 * S for S in levels], [level(S) for S in levels])
    log_axis(ax, "y", roomy(reach), form="{:g}".format)
    ax.legend(title="sparse data", alignment="left")
    return figure
