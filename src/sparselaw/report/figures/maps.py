"""Maps: lines of optimal sparsity over size and training budget, and over inference demand and loss."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from sparselaw.counts import format_flops
from sparselaw.laws import Array
from sparselaw.plan.contours import Contours, LifetimeContours
from sparselaw.report.figures.style import BAND, FITTED, GREY, blank, colour_of, log_axis, styled
from sparselaw.report.text import level

LINE_HEIGHT = 0.045  # of a line of text, in heights of the axes
STEPS = np.linspace(0, 1, 41)


@styled
def contour_figure(found: Contours) -> Figure:
    """Lines of optimal sparsity over N and C, the Chinchilla line, the fitted sizes; the band of each line in a small panel."""
    title = f"budget at which each sparsity becomes optimal: {found.fit.law.name} law, {found.fit.name}"
    if found.lines_low is None or found.lines_high is None:
        figure, axes = blank(4.4, 3.8, title)
        _all_lines(axes[0, 0], found)
        return figure
    num_rows = -(-len(found.levels) // 2)
    figure, axes = blank(7.4, 4.0, f"{title}; 95% bands", nrows=num_rows, ncols=4, width_ratios=[1.5, 1.5, 1, 1])
    for ax in axes[:, :2].flat:
        ax.remove()
    _all_lines(figure.add_subplot(axes[0, 0].get_gridspec()[:, :2]), found)
    small = axes[:, 2:].flat
    for k, ax in enumerate(small):
        if k < len(found.levels):
            _band(ax, found, k)
            ax.tick_params(labelleft=k % 2 == 0, labelbottom=k + 2 >= len(found.levels))
        else:
            ax.remove()
    return figure


def _all_lines(ax: Axes, found: Contours) -> None:
    _frame(ax, found, most=(6, 8))
    N = found.nonzero_params
    for line, S in zip(found.lines, found.levels, strict=True):
        ax.plot(N, line, color=colour_of(S))
    ax.plot(N, found.chinchilla, "--", color="black", lw=1)
    ax.set(xlabel="non-zero parameters", ylabel=f"training FLOPs ({found.cost.name} cost)")
    names = ["dense optimum\n(Chinchilla)", *map(level, found.levels)]
    _label_ends(ax, [found.chinchilla[-1], *found.lines[:, -1]], names)
    ax.text(0.02, 0.98, "grey: sizes that were fitted", transform=ax.transAxes, va="top", color=GREY)


def _band(ax: Axes, found: Contours, k: int) -> None:
    assert found.lines_low is not None
    assert found.lines_high is not None
    _frame(ax, found, most=(2, 4))
    colour = colour_of(found.levels[k])
    # An end that is out of reach is infinite, and a band with infinite ends would not be drawn.
    low, high = (np.clip(line[k], *ax.get_ylim()) for line in (found.lines_low, found.lines_high))
    ax.fill_between(found.nonzero_params, low, high, color=colour, alpha=BAND, lw=0)
    ax.plot(found.nonzero_params, found.lines[k], color=colour)
    ax.set_title(level(found.levels[k]))


def _frame(ax: Axes, found: Contours, *, most: tuple[int, int]) -> None:
    # Limits first: with an undecided law lines end near the largest float, which autoscaling would exceed.
    log_axis(ax, "x", _ends(found.nonzero_params), most=most[0])
    log_axis(ax, "y", _ends(found.flops), form=format_flops, most=most[1])
    ax.axvspan(*found.fit.domain.nonzero_params, color=FITTED, zorder=-2, lw=0)


def _ends(values: Array) -> tuple[float, float]:
    return float(values[0]), float(values[-1])


def _label_ends(ax: Axes, heights: list[float], names: list[str]) -> None:
    """A name right of each line that ends within the axes' height, moved up where it would touch the one below."""
    low, high = np.log(ax.get_ylim())
    top = -np.inf
    for at, name in sorted(zip((np.log(heights) - low) / (high - low), names, strict=True)):
        if 0 <= at <= 1:
            half = LINE_HEIGHT * (1 + name.count("\n")) / 2
            height = max(at, top + half)
            top = height + half
            ax.text(1.02, height, name, transform=ax.transAxes, va="center")


@styled
def lifetime_contour_figure(found: LifetimeContours) -> Figure:
    """Lines of best sparsity over inference demand and loss, coloured between."""
    title = f"sparsity of the lowest lifetime cost: {found.fit.law.name} law, {found.fit.name}"
    figure, axes = blank(5.2, 3.8, title)
    ax = axes[0, 0]
    colours = ListedColormap([colour_of(S) for S in (STEPS[:-1] + STEPS[1:]) / 2])
    filled = ax.contourf(found.inference, found.loss, found.sparsity.T, levels=STEPS, cmap=colours)
    levels = [S for S in found.levels if found.sparsity.min() < S < found.sparsity.max()]
    if levels:
        lines = ax.contour(found.inference, found.loss, found.sparsity.T, levels=levels, colors="white", linewidths=1)
        labels = ax.clabel(lines, fmt=level, fontsize=8, colors="black")
        for label in labels:
            label.set_path_effects([withStroke(linewidth=2, foreground="white")])
    ax.set(xlabel=f"{found.fit.data_unit} to serve", ylabel=f"loss ({found.fit.loss_unit})")
    log_axis(ax, "x", _ends(found.inference))
    ax.set_title(f"trained at {found.cost.name} cost, served at {found.inference_cost.name} cost", weight="normal")
    figure.colorbar(filled, label="best sparsity", format=lambda S, _: level(S), ticks=STEPS[::8])
    return figure
