"""Figures: loss against size with the fit, predicted against measured, contours of optimal sparsity, profiles.

Every function returns a matplotlib figure; `save` writes PNG, SVG or PDF by the file's ending.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from scipy.special import chdtri

from sparselaw.counts import format_count
from sparselaw.errors import UserError
from sparselaw.fit.profile import Profile
from sparselaw.fit.result import Fit
from sparselaw.laws import Array
from sparselaw.plan.contours import Contours
from sparselaw.plan.served_contours import ServedContours
from sparselaw.runs import Runs, held_out

STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "legend.frameon": False,
    "svg.hashsalt": "sparselaw",  # the same figure gives the same file
}
ENDINGS = (".png", ".svg", ".pdf")
UNDATED = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
MAX_PANELS = 6
GREY = "0.45"


def save(figure: Figure, path: Path) -> None:
    """Write a figure.

    Raises:
        UserError: an ending that is not .png, .svg or .pdf, or a place that cannot be written.
    """
    if path.suffix.lower() not in ENDINGS:
        raise UserError(f"cannot write a figure to {path}: the name must end in {', '.join(ENDINGS)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with mpl.rc_context(STYLE):
            figure.savefig(path, dpi=200, metadata=UNDATED.get(path.suffix.lower()))
    except OSError as error:
        raise UserError(f"cannot write the figure {path}: {error.strerror}") from error


def fit_figures(fitted: Fit, runs: Runs, profiles: Sequence[Profile], folder: Path) -> None:
    """Write loss.png, predicted.png and one profile-NAME.png a profile."""
    save(loss_figure(fitted, runs), folder / "loss.png")
    save(predicted_figure(fitted, runs), folder / "predicted.png")
    for one in profiles:
        save(profile_figure(one), folder / f"profile-{re.sub('[^A-Za-z0-9_.-]+', '-', one.name)}.png")


def colours(count: int) -> list[tuple[float, float, float, float]]:
    """A sequential palette that stays apart for colour-blind readers and in grey."""
    return [mpl.colormaps["viridis"](x) for x in np.linspace(0.0, 0.88, max(count, 2))][:count]


def page_palette(count: int) -> dict[str, list[str]]:
    """The palette as hex colours, for a light page, and lighter for a dark one."""
    dark = [mpl.colormaps["viridis"](x) for x in np.linspace(0.3, 1.0, count)]
    return {name: [to_hex(c) for c in found] for name, found in (("light", colours(count)), ("dark", dark))}


def blank(width: float, height: float, **grid: Any) -> tuple[Figure, Array]:
    """A figure of this size in inches, and its axes [rows, columns]."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots(squeeze=False, **grid)


def _log_counts(axis: mpl.axis.Axis) -> None:
    axis.set_major_locator(LogLocator(numticks=8))
    axis.set_major_formatter(FuncFormatter(lambda value, _: format_count(value)))
    axis.set_minor_formatter(NullFormatter())


def loss_figure(fitted: Fit, runs: Runs) -> Figure:
    """Loss against non-zeros, a panel a data budget, a colour a sparsity; lines are the fit."""
    budgets = np.unique(runs.data)
    if len(budgets) > MAX_PANELS:
        budgets = budgets[np.linspace(0, len(budgets) - 1, MAX_PANELS).astype(int)]
    figure, axes = blank(2.4 * len(budgets) + 1.2, 3.1, ncols=len(budgets), sharey=True)
    levels = fitted.domain.sparsity
    sizes = np.geomspace(*fitted.domain.nonzero_params, 80)
    for ax, budget in zip(axes[0], budgets, strict=True):
        for S, colour in zip(levels, colours(len(levels)), strict=True):
            here = (runs.sparsity == S) & (runs.data == budget)
            ax.plot(runs.nonzero_params[here], runs.loss[here], "o", ms=4, color=colour, label=f"{S:.4g}")
            ax.plot(sizes, fitted.predict(S, sizes, budget), "-", lw=1, color=colour)
        ax.set(xscale="log", title=f"{format_count(budget)} {fitted.data_unit}", xlabel="non-zero parameters")
        _log_counts(ax.xaxis)
    axes[0, 0].set_ylabel("validation loss (nats)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), title="sparsity", loc="outside right center", frameon=False)
    return figure


def predicted_figure(fitted: Fit, runs: Runs) -> Figure:
    """Predicted against measured loss, with the relative error below and the published extrapolation run if there is one."""
    figure, axes = blank(4.2, 5.0, nrows=2, sharex=True, height_ratios=[3, 1])
    top, bottom = axes[:, 0]
    levels = fitted.domain.sparsity
    for S, colour in zip(levels, colours(len(levels)), strict=True):
        here = runs.sparsity == S
        predicted = fitted.predict(S, runs.nonzero_params[here], runs.data[here])
        _points(top, bottom, runs.loss[here], predicted, marker="o", ms=4, color=colour, label=f"S = {S:.4g}")
    extra = held_out(fitted.name)
    if extra is not None:
        predicted = fitted.predict(extra.sparsity, extra.nonzero_params, extra.data)
        label = f"not fitted: {format_count(extra.nonzero_params)} at {extra.sparsity:g}"
        _points(top, bottom, np.array([extra.loss]), predicted, marker="*", ms=11, color="crimson", label=label)
    top.axline((float(runs.loss.mean()),) * 2, slope=1, color=GREY, lw=0.8, zorder=0)
    bottom.axhline(0, color=GREY, lw=0.8, zorder=0)
    top.set(ylabel="predicted loss (nats)", title=f"{fitted.law.name} law, {fitted.name}")
    bottom.set(xlabel="measured loss (nats)", ylabel="error (%)")
    bottom.margins(y=0.15)
    top.legend(frameon=False)
    return figure


def _points(top: Axes, bottom: Axes, measured: Array, predicted: Array, **look: Any) -> None:
    top.plot(measured, predicted, ls="", **look)
    bottom.plot(measured, 100 * (predicted / measured - 1), ls="", **look)


def contour_figure(found: Contours, fitted: Fit) -> Figure:
    """Lines of optimal sparsity over N and C with bands, the Chinchilla line, and the sizes that were fitted."""
    figure, axes = blank(5.6, 4.2)
    ax = axes[0, 0]
    N = found.nonzero_params
    for k, colour in enumerate(colours(len(found.levels))):
        ax.plot(N, found.lines[k], color=colour, label=f"{found.levels[k]:.4g}")
        if found.lines_low is not None and found.lines_high is not None:
            ax.fill_between(N, found.lines_low[k], found.lines_high[k], color=colour, alpha=0.18, lw=0)
    ax.plot(N, found.chinchilla, "k--", lw=1, label="Chinchilla\n(dense optimum)")
    ax.axvspan(*fitted.domain.nonzero_params, color="0.93", zorder=-2, lw=0)
    ax.text(0.02, 0.98, "grey: sizes that were fitted", transform=ax.transAxes, va="top", color=GREY, fontsize=8)
    # Limits first: with an undecided law lines end near the largest float, which autoscaling would exceed.
    ax.set(xlim=(N[0], N[-1]), ylim=(found.flops[0], found.flops[-1]), xscale="log", yscale="log")
    ax.set(xlabel="non-zero parameters", ylabel=f"training FLOPs ({found.cost.name} cost)")
    _log_counts(ax.xaxis)
    handles, labels = ax.get_legend_handles_labels()
    band = ", 95% bands" if found.lines_low is not None else ""
    title = "optimal sparsity"
    ax.legend(handles[::-1], labels[::-1], title=title, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    ax.set_title(f"{fitted.law.name} law, {fitted.name}{band}")
    return figure


def served_contour_figure(found: ServedContours, fitted: Fit) -> Figure:
    """Lines of best sparsity over inference demand and loss, coloured between."""
    figure, axes = blank(5.6, 4.2)
    ax = axes[0, 0]
    filled = ax.contourf(found.inference, found.loss, found.sparsity.T, levels=np.linspace(0, 1, 21), cmap="viridis")
    levels = [level for level in found.levels if found.sparsity.min() < level < found.sparsity.max()]
    if levels:
        lines = ax.contour(found.inference, found.loss, found.sparsity.T, levels=levels, colors="white", linewidths=1)
        ax.clabel(lines, fmt=lambda level: f"{level:.4g}", fontsize=8)
    ax.set(xscale="log", xlabel=f"{fitted.data_unit} to serve", ylabel="loss (nats)")
    _log_counts(ax.xaxis)
    figure.colorbar(filled, label="best sparsity")
    ax.set_title(f"{fitted.law.name} law, {fitted.name}; trained {found.cost.name}, served {found.inference_cost.name}")
    return figure


def profile_figure(one: Profile) -> Figure:
    """Deviance of a profile, its interval, and the level at which it is cut."""
    figure, axes = blank(3.6, 2.8)
    ax = axes[0, 0]
    cut = float(chdtri(1, 1 - one.level))
    shown = one.deviance <= 3 * cut
    ax.plot(one.values[shown], one.deviance[shown], color=colours(2)[0], lw=1.2)
    ax.plot([one.estimate], [0], "o", color=colours(2)[0], ms=4, clip_on=False)
    ax.axhline(cut, color=GREY, lw=0.8, ls="--")
    low, high = one.interval
    span = ax.get_xlim()
    ax.axvspan(span[0] if low is None else low, span[1] if high is None else high, color="0.92", zorder=-1, lw=0)
    ax.set(xlim=span, ylim=(0, 3 * cut), xlabel=one.name, ylabel="scaled deviance")
    ax.set_title(f"profile, {one.level:.0%} interval")
    return figure
