"""Tables of fits: parameters, multipliers, laws side by side, the published recipe."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sparselaw.fit.comparison import Comparison, extrapolation_error
from sparselaw.fit.profiles import Profile
from sparselaw.fit.recipe import RecipeRun
from sparselaw.fit.result import Fit, interval
from sparselaw.laws import PowerLaw
from sparselaw.laws.multipliers import size_multiplier
from sparselaw.report.text import Bounds, level, number, plain_table, span, warning_lines


def fit_text(fitted: Fit, profiles: Sequence[Profile] = ()) -> Group:
    intervals = fitted.intervals()
    profiled = {p.name: p.interval for p in profiles}
    headings = ["parameter", "value"]
    headings += ["95% bootstrap"] if intervals else []
    headings += ["95% profile"] if profiles else []
    table = plain_table(
        *headings, "note", title=f"{escape(fitted.law.name)} law on {escape(fitted.name)}, {fitted.num_runs} runs"
    )
    for name, value in fitted.parameters.items():
        row = [name, number(value)]
        row += [span(intervals[name])] if intervals else []
        row += [span(profiled.get(name))] if profiles else []
        table.add_row(*row, "pinned" if name in fitted.pinned else "at its bound" if name in fitted.at_bound else "")
    parts: list[RenderableType] = [table, _fit_facts(fitted)]
    if isinstance(fitted.law, PowerLaw) and len(fitted.domain.sparsity) > 1:
        parts.append(multiplier_table(fitted, {p.name: p.interval for p in profiles}))
    return Group(*parts, *warning_lines(fitted.warnings))


def _fit_facts(fitted: Fit) -> Text:
    unit = "in ln loss" if fitted.loss.log else "in loss"
    starts = fitted.starts
    lines = [
        f"status       {fitted.status}",
        f"objective    {fitted.objective:.6e} (mean, residuals {unit}, delta {fitted.loss.delta:g})",
        f"starts       {starts.tried} tried, {starts.converged} converged, {starts.at_optimum} at the optimum",
        f"condition    {fitted.condition:.1f}",
    ]
    if len(fitted.residuals):
        lines.append(f"residuals    root mean square {np.sqrt(np.mean(fitted.residuals**2)):.4g} {unit}")
    if fitted.bootstrap:
        boot = fitted.bootstrap
        lines.append(f"bootstrap    {boot.tried} resamples by {boot.by}, {len(boot.draws)} converged")
    error = extrapolation_error(fitted)
    if error is not None:
        lines.append(f"extrapolation to the published 604M-non-zero run: {error:+.2%}")
    return Text("\n".join(lines) + "\n")


def multiplier_table(fitted: Fit, profiled: dict[str, Bounds]) -> Table:
    """Dense-equivalent size of each fitted sparsity; K non-zeros at S do the work of K * multiplier dense parameters."""
    assert isinstance(fitted.law, PowerLaw)
    columns = (
        ["sparsity", "multiplier"] + ["95% bootstrap"] * bool(len(fitted.draws)) + ["95% profile"] * bool(profiled)
    )
    table = plain_table(*columns, title="dense-equivalent size, per non-zero parameter")
    for S in (s for s in fitted.domain.sparsity if s > 0):
        value = float(size_multiplier(fitted.law, fitted.values, S))
        draws = size_multiplier(fitted.law, fitted.draws, S)
        cells = [span(interval(draws))] if len(draws) else []
        cells += [span(profiled.get(multiplier_name(S)))] if profiled else []
        table.add_row(level(S), f"{value:.3f}", *cells)
    return table


def multiplier_name(S: float) -> str:
    return f"multiplier at {level(S)}"


def recipe_text(fitted: Fit, attempts: Sequence[RecipeRun]) -> Table:
    table = plain_table(
        "fit",
        "objective",
        "above optimum",
        *fitted.law.names,
        "BFGS says",
        title="the published recipe (best of 25 starts of BFGS), repeated over seeds",
    )
    table.add_row("optimum", f"{fitted.objective:.5e}", "", *map(number, fitted.parameters.values()), "")
    for attempt in attempts:
        above = f"{attempt.objective / fitted.objective - 1:+.2%}"
        claims = f"{attempt.num_claimed_success} of 25"
        values = map(number, attempt.parameters.values())
        table.add_row(f"seed {attempt.seed}", f"{attempt.objective:.5e}", above, *values, claims)
    return table


def compare_text(comparisons: Sequence[Comparison]) -> Group:
    summary = plain_table(
        "law", "para-\nmeters", "objective", "AIC", "BIC", "extra-\npolation", "status", title="laws side by side"
    )
    best = min(c.aic for c in comparisons)
    for c in comparisons:
        error = "-" if c.extrapolation_error is None else f"{c.extrapolation_error:+.2%}"
        criteria = (f"{c.aic:.1f}" + (" *" if c.aic == best else ""), f"{c.bic:.1f}")
        summary.add_row(
            c.fit.law.name, str(len(c.fit.law.names)), f"{c.fit.objective:.4e}", *criteria, error, c.fit.status
        )
    names = [c.fit.law.name for c in comparisons]
    headings = [name.replace("-", "-\n") for name in names]
    errors = plain_table("left out", "runs", *headings, title="mean |error| on runs left out of the fit")
    for row in zip(*(c.hold_outs for c in comparisons), strict=True):
        cells = ["-" if h.mean_abs_error is None else f"{h.mean_abs_error:.2%}" for h in row]
        errors.add_row(row[0].left_out, str(row[0].num_runs), *cells)
    return Group(
        summary,
        errors,
        Text(
            "* lowest AIC. '-': the law has not seen that sparsity, or the other runs do not identify it.", style="dim"
        ),
    )
