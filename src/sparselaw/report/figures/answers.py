"""An answer drawn: what is lowest at the best sparsity, against sparsity."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from sparselaw.counts import format_flops
from sparselaw.plan import verdict
from sparselaw.plan.answer import Answer
from sparselaw.report.figures.style import BAND, GREY, blank, colour_of, styled

ROOM = 1.0  # of the fall from dense to the best, shown above dense


@styled
def answer_figure(answer: Answer) -> Figure:
    """The loss, or the lifetime cost, against sparsity: the best one, its interval, and the range that is as good."""
    S, goal = answer.curve
    best = answer.optimal_sparsity
    figure, axes = blank(4.6, 3.0, f"{verdict.headline(answer)}: {answer.law} law, {answer.fit}")
    ax, colour = axes[0, 0], colour_of(best.value)
    lowest = float(np.nanmin(goal))
    ax.plot(100 * S, goal, marker="o" if len(S) < 10 else "", color="black")
    if best.bounds:
        ax.axvspan(*(100 * end for end in best.bounds), color=colour, alpha=BAND, lw=0)
    for low, high in answer.near_optimal_pieces:
        ax.plot([100 * low, 100 * high], [lowest, lowest], color=GREY, lw=3, solid_capstyle="butt", zorder=1)
    ax.plot(100 * best.value, lowest, "o", color=colour, zorder=3)
    no_difference = answer.tolerance * (lowest if answer.question.is_lifetime else 1)
    top = max(float(goal[0]), lowest + no_difference)
    ax.set_ylim(lowest - 0.1 * (top - lowest), top + ROOM * (top - lowest))
    ax.xaxis.set_major_formatter(PercentFormatter(decimals=0))
    ax.set(xlim=(0, 100), xlabel="sparsity")
    if answer.question.is_lifetime:
        ax.set_ylabel("lifetime cost (training FLOPs)")
        ax.yaxis.set_major_formatter(lambda value, _: format_flops(value))
    else:
        ax.set_ylabel(f"loss ({answer.loss_unit})")
    shade = f"shaded: {answer.question.confidence:.0%} interval; " if best.bounds else ""
    ax.set_title(f"{shade}bar: {verdict.part(answer, '_near')}", weight="normal", loc="left", x=-0.12)
    return figure
