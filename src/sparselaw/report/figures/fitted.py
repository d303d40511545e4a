"""Figures of a fit beside its runs: loss against size, loss against training FLOPs, predicted against measured, profiles."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.special import chdtri

from sparselaw.cost.training import Cost
from sparselaw.counts import format_count, format_flops
from sparselaw.errors import UserError
from sparselaw.fit.profiles import Profile
from sparselaw.fit.result import Fit
from sparselaw.laws import Array
from sparselaw.plan.contours import budget_contours
from sparselaw.report.figures.maps import contour_figure
from sparselaw.report.figures.style import (
    BAND,
    FITTED,
    GREY,
    MARKERS,
    blank,
    colour_of,
    log_axis,
    roomy,
    save,
    styled,
)
from sparselaw.report.text import level, span
from sparselaw.runs import Runs, held_out

COSTS = (Cost(), Cost(sparse=True))
MAX_PANELS = 4
MAX_LEVELS = len(MARKERS)
ALIKE = 0.15  # relative spread of sizes, or of data, that share a panel
CONFIDENCE = 0.95
MANY = 1e5  # from here on values are written as counts


def save_fit_figures(fitted: Fit, runs: Runs, profiles: Sequence[Profile], folder: Path) -> list[Path]:
    """Write loss.png, flops.png, predicted.png, contours.png if the law has contours, profiles.png if there are profiles."""
    figures = {"loss": loss_figure(fitted, runs), "flops": flops_figure(fitted, runs)}
    figures["predicted"] = predicted_figure(fitted, runs)
    with suppress(UserError):  # a law without sparsity, of the user's own, or for which no budget makes sparsity best
        figures["contours"] = contour_figure(budget_contours(fitted))
    if profiles:
        figures["profiles"] = profiles_figure(profiles, fitted)
    paths = [folder / f"{name}.png" for name in figures]
    for path, figure in zip(paths, figures.values(), strict=True):
        save(figure, path)
    return paths


@styled
def loss_figure(fitted: Fit, runs: Runs) -> Figure:
    """Loss against non-zeros, a panel an amount of data, a colour a sparsity; lines are the fit, with bands."""
    panels = some_groups(runs.data)
    figure, axes = blank(1.75 * len(panels) + 1.3, 2.9, _title(fitted), ncols=len(panels), sharey=True)
    sizes = np.geomspace(*fitted.domain.nonzero_params, 80)
    for ax, (data, here) in zip(axes[0], panels, strict=True):
        log_axis(ax, "x", roomy(sizes))
        for S, marker in _levels(fitted):
            _law_line(ax, fitted, S, sizes, data, x=sizes)
            _runs_at(ax, runs.select(here), runs.nonzero_params[here], S, marker)
        ax.set(title=f"{format_count(data)} {fitted.data_unit}", xlabel="non-zero parameters")
    axes[0, 0].set(ylabel=f"validation loss ({fitted.loss_unit})", ylim=_room_for(runs.loss))
    _legend(figure, fitted)
    return figure


@styled
def law_figure(fitted: Fit) -> Figure:
    """The fitted loss against non-zeros on the most data that was fitted, a colour a sparsity, with bands."""
    data, sizes = fitted.domain.data[1], np.geomspace(*fitted.domain.nonzero_params, 80)
    figure, axes = blank(4.4, 3.2, _title(fitted))
    ax = axes[0, 0]
    log_axis(ax, "x", roomy(sizes))
    for S, _ in _levels(fitted):
        _law_line(ax, fitted, S, sizes, data, x=sizes)
    title = f"{format_count(data)} {fitted.data_unit}"
    ax.set(title=title, xlabel="non-zero parameters", ylabel=f"validation loss ({fitted.loss_unit})")
    _legend(figure, fitted)
    return figure


@styled
def flops_figure(fitted: Fit, runs: Runs) -> Figure:
    """Loss against training FLOPs, a panel a size and cost: the lowest line at a budget is the sparsity to choose.

    Lines are the fit: with bands over the data that were fitted, dotted beyond.
    """
    panels = some_groups(runs.nonzero_params)
    grid = {"nrows": 2, "ncols": len(panels), "sharex": "col", "sharey": "col"}
    title = f"{_title(fitted)}; dotted: beyond the fitted data"
    figure, axes = blank(1.75 * len(panels) + 1.3, 4.4, title, **grid)
    for row, cost in zip(axes, COSTS, strict=True):
        for ax, (size, here) in zip(row, panels, strict=True):
            _loss_on_budgets(ax, fitted, runs.select(here), size, cost)
        row[0].set_ylabel(f"validation loss ({fitted.loss_unit})\nat {cost.name} cost")
    for ax, (size, _) in zip(axes[0], panels, strict=True):
        ax.set_title(f"{format_count(size)} non-zeros")
    for ax in axes[1]:
        ax.set_xlabel("training FLOPs")
    _legend(figure, fitted)
    return figure


def _loss_on_budgets(ax: Axes, fitted: Fit, runs: Runs, size: float, cost: Cost) -> None:
    levels = _levels(fitted)
    ends = [either.flops(S, size, D) for either in COSTS for S, _ in levels for D in fitted.domain.data]
    log_axis(ax, "x", roomy(ends), form=format_flops, most=3)
    budgets, data = np.geomspace(*roomy(ends), 80), np.geomspace(*fitted.domain.data, 40)
    for S, marker in levels:
        ax.plot(budgets, fitted.predict(S, size, cost.data(S, size, budgets)), ":", lw=0.8, color=colour_of(S))
        _law_line(ax, fitted, S, size, data, x=cost.flops(S, size, data))
        _runs_at(ax, runs, cost.flops(S, runs.nonzero_params, runs.data), S, marker)
    ends_of_lines = fitted.predict(np.array([[S] for S, _ in levels]), size, np.array(fitted.domain.data))
    ax.set_ylim(_room_for(np.append(runs.loss, ends_of_lines)))


def _room_for(losses: Array) -> tuple[float, float]:
    room = 0.06 * np.ptp(losses) or 0.1
    return losses.min() - room, losses.max() + room


@styled
def predicted_figure(fitted: Fit, runs: Runs) -> Figure:
    """Predicted against measured loss, with the relative error below and the published extrapolation run if there is one."""
    figure, axes = blank(3.9, 4.8, _title(fitted, bands=False), nrows=2, sharex=True, height_ratios=[3, 1.2])
    top, bottom = axes[:, 0]
    for S, marker in _levels(fitted):
        here = runs.sparsity == S
        predicted = fitted.predict(S, runs.nonzero_params[here], runs.data[here])
        _compare(top, bottom, runs.loss[here], predicted, marker=marker, color=colour_of(S), label=level(S))
    extra = held_out(fitted.name)
    if extra is not None:
        predicted = fitted.predict(extra.sparsity, extra.nonzero_params, extra.data)
        label = f"{level(extra.sparsity)} of {format_count(extra.nonzero_params)}, not fitted"
        _compare(top, bottom, np.array([extra.loss]), predicted, marker="*", ms=10, color="crimson", label=label)
    top.axline((float(runs.loss.mean()),) * 2, slope=1, color=GREY, lw=0.7, zorder=0)
    bottom.axhline(0, color=GREY, lw=0.7, zorder=0)
    top.set_ylabel(f"predicted loss ({fitted.loss_unit})")
    bottom.set(xlabel=f"measured loss ({fitted.loss_unit})", ylabel="predicted above\nmeasured (%)")
    bottom.margins(y=0.15)
    top.legend(title="sparsity", alignment="left")
    return figure


def _compare(top: Axes, bottom: Axes, measured: Array, predicted: Array, **look: Any) -> None:
    top.plot(measured, predicted, ls="", **look)
    bottom.plot(measured, 100 * (predicted / measured - 1), ls="", **look)


@styled
def profiles_figure(profiles: Sequence[Profile], fitted: Fit) -> Figure:
    """A panel a profile: how much worse the fit becomes as one quantity is held, and the interval where that is little."""
    columns = min(4, len(profiles))
    rows = -(-len(profiles) // columns)
    title = f"{_title(fitted, bands=False)}; {profiles[0].level:.0%} profile intervals shaded"
    figure, axes = blank(1.8 * columns + 0.4, 1.75 * rows + 0.3, title, nrows=rows, ncols=columns, sharey=True)
    for ax, one in zip(axes.flat, profiles, strict=False):
        _profile(ax, one)
    for ax in axes.flat[len(profiles) :]:
        ax.remove()
    for ax in axes[:, 0]:
        ax.set_ylabel("deviance (χ² scale)")
    return figure


def _profile(ax: Axes, one: Profile) -> None:
    cut = float(chdtri(1, 1 - one.level))
    colour = colour_of(0.5)
    shown = one.deviance <= 2.5 * cut
    values = one.values[shown]
    ax.plot(values, one.deviance[shown], color=colour)
    ax.plot([one.estimate], [0], "o", color=colour, clip_on=False, zorder=3)
    ax.axhline(cut, color=GREY, lw=0.7, ls="--")
    low, high = one.interval
    ax.axvspan(values[0] if low is None else low, values[-1] if high is None else high, color=FITTED, zorder=-1, lw=0)
    ax.set(xlim=(values[0], values[-1]), ylim=(0, 2 * cut), title=one.name, xlabel=span(one.interval, _short))
    ax.locator_params(axis="x", nbins=4)
    ax.xaxis.set_major_formatter(lambda value, _: _short(value))


def _short(value: float) -> str:
    return format_count(value) if value >= MANY else f"{value:.4g}"


def some_groups(values: Array) -> list[tuple[float, Array]]:
    """At most MAX_PANELS groups of nearly equal values, evenly chosen: their geometric mean, and who is in them [num_runs]."""
    labels = np.empty(len(values), dtype=int)
    start, label = 0.0, -1
    for k in np.argsort(values):
        if values[k] > start * (1 + ALIKE):
            start, label = values[k], label + 1
        labels[k] = label
    chosen = np.unique(np.linspace(0, label, min(MAX_PANELS, label + 1)).round().astype(int))
    return [(float(np.exp(np.log(values[labels == k]).mean())), labels == k) for k in chosen]


def _levels(fitted: Fit) -> list[tuple[float, str]]:
    """The fitted sparsities, at most as many as there are markers, and the marker of each."""
    levels = fitted.domain.sparsity
    chosen = np.unique(np.linspace(0, len(levels) - 1, min(len(levels), MAX_LEVELS)).round().astype(int))
    return [(levels[k], MARKERS[j]) for j, k in enumerate(chosen)]


def _law_line(ax: Axes, fitted: Fit, S: float, N: Array | float, D: Array | float, *, x: Array) -> None:
    ax.plot(x, fitted.predict(S, N, D), color=colour_of(S))
    if len(fitted.draws):
        drawn = fitted.law.predict(fitted.draws[:, None, :], S, N, D)
        low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
        ax.fill_between(x, low, high, color=colour_of(S), alpha=BAND, lw=0)


def _runs_at(ax: Axes, runs: Runs, x: Array, S: float, marker: str) -> None:
    here = runs.sparsity == S
    ax.plot(x[here], runs.loss[here], marker, color=colour_of(S))


def _legend(figure: Figure, fitted: Fit) -> None:
    lines = [Line2D([], [], color=colour_of(S), marker=marker, label=level(S)) for S, marker in _levels(fitted)]
    figure.legend(handles=lines, title="sparsity", loc="outside right center", alignment="left")


def _title(fitted: Fit, *, bands: bool = True) -> str:
    said = f"{fitted.law.name} law fitted to {fitted.num_runs} runs of {fitted.name}"
    return said + (f"; {CONFIDENCE:.0%} bands" if bands and len(fitted.draws) else "")
