"""Tables of fits: parameters, multipliers, laws side by side, the published recipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sparselaw.fit.comparison import Comparison, extrapolation_error
from sparselaw.fit.profiles import Profile
from sparselaw.fit.recipe import RecipeRun
from sparselaw.fit.result import Fit, interval
from sparselaw.laws import NATURAL, Array, PowerLaw
from sparselaw.laws.multipliers import size_multiplier
from sparselaw.report.text import (
    Bounds,
    condition,
    factor,
    facts_table,
    level,
    number,
    percent,
    plain_table,
    span,
    warning_lines,
)


def fit_text(fitted: Fit, profiles: Sequence[Profile] = ()) -> Group:
    """Parameters with their intervals, how the fit went, what sparsity is worth, and what the runs do not identify."""
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
    for name, value, draws in _data_coefficients(fitted):
        row = [name, number(value)]
        row += [span(interval(draws))] if intervals else []
        row += [span(None)] if profiles else []
        table.add_row(*row, "Chinchilla's B")
    parts: list[RenderableType] = [table, facts_table(_facts(fitted)), Text("")]
    if isinstance(fitted.law, PowerLaw) and len(fitted.domain.sparsity) > 1:
        parts.append(multiplier_table(fitted, {p.name: p.interval for p in profiles}))
    return Group(*parts, *warning_lines(fitted.warnings))


def _data_coefficients(fitted: Fit) -> Iterator[tuple[str, float, Array]]:
    """B = a_D^b_D of a data term (a_D/D)^b_D, which is B / D^b_D in Hoffmann et al. 2022, and its draws [num_draws]."""
    law = fitted.law
    for term in law.terms if isinstance(law, PowerLaw) else ():
        if term.inside:
            at = law.names.index(term.coefficient)
            values, draws = (law.to_solver(natural, NATURAL)[..., at] for natural in (fitted.values, fitted.draws))
            yield f"{term.coefficient}^{term.exponents[0][0]}", float(values), draws


def _facts(fitted: Fit) -> dict[str, str]:
    unit, starts = "ln loss" if fitted.loss.log else "loss", fitted.starts
    facts = {
        "status": fitted.status,
        "objective": f"{fitted.objective:.6e} (mean over runs, residuals in {unit}, delta {fitted.loss.delta:g})",
        "starts": f"{starts.tried} tried, {starts.converged} converged, {starts.at_optimum} at the optimum",
        "condition": condition(fitted.condition),
    }
    if len(fitted.residuals):
        facts["residuals"] = f"root mean square {np.sqrt(np.mean(fitted.residuals**2)):.4g} in {unit}"
    if fitted.bootstrap:
        boot = fitted.bootstrap
        facts["bootstrap"] = f"{boot.tried} resamples by {boot.by}, {len(boot.draws)} converged"
    if fitted.spread:
        facts["new run"] = (
            f"standard deviation {fitted.spread.noise:.2g} in ln loss, and {fitted.spread.per_decade:.2g} for each factor of "
            "ten in compute beyond the runs"
        )
    error = extrapolation_error(fitted)
    if error is not None:
        facts["extrapolation"] = f"{percent(error, 2, '+')} at the published 604M-non-zero run"
    return facts


def multiplier_table(fitted: Fit, profiled: dict[str, Bounds]) -> Table:
    """For each fitted sparsity, the number of dense weights that a non-zero weight is worth."""
    assert isinstance(fitted.law, PowerLaw)
    columns = (
        ["sparsity", "multiplier"] + ["95% bootstrap"] * bool(len(fitted.draws)) + ["95% profile"] * bool(profiled)
    )
    table = plain_table(*columns, title="dense weights that a non-zero weight is worth")
    for S in (s for s in fitted.domain.sparsity if s > 0):
        value = float(size_multiplier(fitted.law, fitted.values, S))
        draws = size_multiplier(fitted.law, fitted.draws, S)
        told, bounds = factor(value, interval(draws) if len(draws) else None)
        cells = [bounds] if len(draws) else []
        cells += [span(profiled.get(multiplier_name(S)))] if profiled else []
        table.add_row(level(S), told, *cells)
    return table


def multiplier_name(S: float) -> str:
    return f"multiplier at {level(S)}"


def recipe_text(fitted: Fit, attempts: Sequence[RecipeRun]) -> Table:
    table = plain_table(
        "fit",
        "objective",
        "above\noptimum",
        *fitted.law.names,
        "BFGS says",
        title="the published recipe (best of 25 starts of BFGS), by seed",
    )
    table.add_row("optimum", f"{fitted.objective:.5e}", "", *map(number, fitted.parameters.values()), "")
    for attempt in attempts:
        above = f"{attempt.objective / fitted.objective - 1:+.2%}"
        claims = f"{attempt.num_claimed_success} of 25"
        values = map(number, attempt.parameters.values())
        table.add_row(f"seed {attempt.seed}", f"{attempt.objective:.5e}", above, *values, claims)
    return table


def compare_text(comparisons: Sequence[Comparison]) -> Group:
    """The laws with their criteria, and their errors on runs left out of the fit."""
    refused = getattr(comparisons, "refused", {})
    legend = Text(
        "* lowest AIC. new run: standard deviation of a run about the law, and what each factor of ten in compute beyond the "
        "runs adds. far run: error at the published run outside the sweep. -: no such run, a sparsity that the law has not "
        "seen, or other runs that do not identify the law.",
        style="dim",
    )
    return Group(_criteria(comparisons), _errors(comparisons), legend, *warning_lines(tuple(refused.values())))


def _criteria(comparisons: Sequence[Comparison]) -> Table:
    table = plain_table(
        "law", "size", "objective", "AIC", "BIC", "far run", "new run", "status", title="laws side by side"
    )
    best = min(c.aic for c in comparisons)
    for c in comparisons:
        error = "-" if c.extrapolation_error is None else percent(c.extrapolation_error, 2, "+")
        spread = f"{percent(c.spread.noise)} +{percent(c.spread.per_decade)}" if c.spread else "-"
        criteria = (f"{c.aic:.1f}" + (" *" if c.aic == best else ""), f"{c.bic:.1f}")
        table.add_row(
            escape(c.fit.law.name),
            str(len(c.fit.law.names)),
            f"{c.fit.objective:.4e}",
            *criteria,
            error,
            spread,
            c.fit.status,
        )
    return table


def _errors(comparisons: Sequence[Comparison]) -> Table:
    heads = [c.fit.law.name.replace("-", "\n") for c in comparisons]
    table = plain_table("left out", "runs", *map(escape, heads), title="mean |error| on runs left out of the fit")
    for row in zip(*(c.hold_outs for c in comparisons), strict=True):
        cells = ["-" if h.mean_abs_error is None else percent(h.mean_abs_error, 2) for h in row]
        table.add_row(row[0].left_out, str(row[0].num_runs), *cells)
    return table
