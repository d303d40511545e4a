"""The sections of the page below the planner, as HTML; the page's program adds the figures."""

from __future__ import annotations

from html import escape

import numpy as np

from sparselaw.counts import format_count
from sparselaw.fit.comparison import Comparison
from sparselaw.fit.result import Fit, interval
from sparselaw.laws import PowerLaw
from sparselaw.laws.multipliers import size_multiplier
from sparselaw.plan.contours import Contours
from sparselaw.report.checklist import Item, checklist, described_objective, formula
from sparselaw.report.html import bullets, figure, paragraph, section, table
from sparselaw.report.study import Study
from sparselaw.report.text import condition, factor, flops, level, number, percent, span, times
from sparselaw.runs import held_out

SHOWN_COLUMNS = ("run_id", "seed", "pattern", "kind")  # where they differ between runs
MAX_ROWS = 400  # a larger table is for the file it came from
MARKS = {"stated": "✓ stated", "weak": "! weak", "missing": "✗ missing"}
LINES = 9  # sizes in the table of contours


def sections(study: Study) -> list[tuple[str, str, str]]:
    """Name, short title and HTML of each section that has something to say."""
    makers = (
        ("runs", "Runs", runs_section),
        ("quality", "Fit", fit_section),
        ("parameters", "Parameters", parameters_section),
        ("contours", "Contours", contours_section),
        ("multipliers", "Multipliers", multipliers_section),
        ("laws", "Laws", laws_section),
        ("checklist", "Checklist", checklist_section),
    )
    return [(name, title, html) for name, title, maker in makers if (html := maker(study))]


def runs_section(study: Study) -> str:
    if study.runs is None:
        said = "This report was made from a fit alone. Give the runs to see them, the errors and the laws compared."
        return section("runs", "The runs", paragraph(said, look="note"))
    runs = study.runs
    left_out = ", ".join(f"{count} {state}" for state, count in sorted(study.left_out.items()))
    lead = f"{len(runs)} finished runs of {runs.name}" + (f"; not in the table: {left_out}" if left_out else "")
    curves = (
        figure(
            "curves",
            f"Training loss against {runs.data_unit} seen, one line a run, by sparsity",
            numbers=curves_table(study),
        )
        if study.curves
        else ""
    )
    shown = figure(
        "loss",
        f"Loss against non-zero parameters, by {runs.data_unit} seen; lines are the fitted law",
        numbers=runs_table(study),
    )
    return section("runs", "The runs", paragraph(lead), bullets(runs.warnings, look="warnings"), curves, shown)


def curves_table(study: Study) -> str:
    rows = [
        [c.name, format_count(c.nonzero_params), level(c.sparsity), format_count(c.data[-1]), number(c.loss[-1])]
        for c in study.curves
    ]
    return table(["run", "N", "S", "data", "training loss"], rows, caption="Where each training curve ends")


def runs_table(study: Study) -> str:
    """Every run with what the law says of it."""
    runs, fitted = study.runs, study.fitted
    assert runs is not None
    others = [name for name in SHOWN_COLUMNS if name in runs.table and runs.table[name].nunique() > 1]
    predicted = fitted.predict(runs.sparsity, runs.nonzero_params, runs.data)
    columns = [format_count(x) for x in runs.nonzero_params], [level(x) for x in runs.sparsity]
    counts, losses = [format_count(x) for x in runs.data], zip(runs.loss, predicted, strict=True)
    cells = [[number(m), number(p), percent(p / m - 1, 2, "+")] for m, p in losses]
    names = [list(map(str, row)) for row in runs.table[others].to_numpy()]
    rows = [
        [str(k + 1), *names[k], columns[0][k], columns[1][k], counts[k], *cells[k]]
        for k in range(min(len(runs), MAX_ROWS))
    ]
    caption = "The runs" + (f", the first {MAX_ROWS} of {len(runs)}" if len(runs) > MAX_ROWS else "")
    headings = ["run", *others, "N", "S", f"D ({runs.data_unit})", "loss", "predicted", "error"]
    return table(headings, rows, caption=caption, words=range(1, len(others) + 1))


def fit_section(study: Study) -> str:
    fitted = study.fitted
    facts = [
        ["law", f"{fitted.law.name}: {formula(fitted.law)}" if isinstance(fitted.law, PowerLaw) else fitted.law.name],
        ["objective", f"{fitted.objective:.6e}, {described_objective(fitted.loss)}"],
        ["status", fitted.status],
        ["starts", f"{fitted.starts.at_optimum} of {fitted.starts.tried} reached the optimum"],
        ["condition number", condition(fitted.condition)],
        *_errors(study),
    ]
    parts = [
        bullets(fitted.warnings, look="warnings"),
        table(["property", "value"], facts, caption="What was fitted", words=(1,)),
    ]
    if study.runs is not None:
        parts.append(
            figure(
                "predicted", "Predicted against measured loss; below, the error in percent. Numbers: the table of runs."
            )
        )
    if study.comparison is not None:
        parts.append(_hold_outs(study.comparison))
    return section("quality", "How well the law fits", *parts)


def _errors(study: Study) -> list[list[str]]:
    fitted, rows = study.fitted, []
    if len(fitted.residuals):
        unit = "in ln loss" if fitted.loss.log else "in loss"
        rows.append(["residuals", f"root mean square {np.sqrt(np.mean(fitted.residuals**2)):.4g} {unit}"])
    extra = held_out(fitted.name)
    if extra is not None:
        found = float(fitted.predict(extra.sparsity, extra.nonzero_params, extra.data))
        what = f"{format_count(extra.nonzero_params)} non-zeros at {level(extra.sparsity)}, not fitted"
        said = f"{what}: measured {extra.loss:.4g}, predicted {found:.4g} ({percent(found / extra.loss - 1, 2, '+')})"
        rows.append(["extrapolation", said])
    return rows


def _hold_outs(comparison: Comparison) -> str:
    rows = []
    for one in comparison.hold_outs:
        errors = ["cannot tell"] * 2
        if one.mean_abs_error is not None and one.mean_error is not None:
            errors = [f"{one.mean_abs_error:.2%}", f"{one.mean_error:+.2%}"]
        rows.append([one.left_out, str(one.num_runs), *errors])
    said = "The law fitted without some runs, and asked for them. 'Cannot tell': the other runs do not identify it."
    headings = ["left out", "runs", "mean |error|", "mean error"]
    return paragraph(said) + table(headings, rows, caption="Errors on runs left out of the fit")


def parameters_section(study: Study) -> str:
    fitted = study.fitted
    intervals = fitted.intervals()
    rows = [
        [name, number(value), span(intervals.get(name)), _remark(fitted, name)]
        for name, value in fitted.parameters.items()
    ]
    boot = fitted.bootstrap
    said = (
        f"Intervals are the central 95% of refits to {len(boot.draws)} resamples (by {boot.by}) of the runs. Parameters trade "
        "off against each other: trust what follows from them before them."
        if boot
        else "No intervals: this fit has no bootstrap draws."
    )
    headings = ["parameter", "value", "95% interval", "note"]
    shown = table(headings, rows, caption=f"Parameters, for N in weights and D in {fitted.data_unit}", words=(3,))
    return section("parameters", "Parameters", paragraph(said), shown)


def _remark(fitted: Fit, name: str) -> str:
    return "pinned" if name in fitted.pinned else "at its bound" if name in fitted.at_bound else ""


def contours_section(study: Study) -> str:
    if not study.contours:
        said = study.no_answer or study.no_contours
        return section("contours", "Where each sparsity is best", paragraph(f"{_sentence(said)}", look="note"))
    said = (
        "Along a line its sparsity is the best for that many non-zeros and training FLOPs; the dashed line is where a dense "
        "model of that size is compute-optimal (Chinchilla). The band of the line nearest to the answer holds 95% of the refits. "
        "Beyond the sizes that were fitted the map is extrapolation."
    )
    tables = "".join(_contours_table(name, found) for name, found in study.contours.items())
    shown = figure("contours", "Best sparsity over non-zero parameters and training FLOPs", numbers=tables)
    return section("contours", "Where each sparsity is best", paragraph(said), shown)


def _contours_table(name: str, found: Contours) -> str:
    rows = []
    for k in np.linspace(0, len(found.nonzero_params) - 1, LINES).astype(int):
        rows.append([format_count(found.nonzero_params[k]), flops(found.chinchilla[k]), *map(flops, found.lines[:, k])])
    headings = ["N", "Chinchilla", *map(level, found.levels)]
    return table(headings, rows, caption=f"Training FLOPs at which a sparsity is best, {name} cost")


def multipliers_section(study: Study) -> str:
    fitted = study.fitted
    levels = [S for S in fitted.domain.sparsity if S > 0]
    if not isinstance(fitted.law, PowerLaw) or not levels:
        return ""
    rows = []
    for S in levels:
        draws = size_multiplier(fitted.law, fitted.draws, S)
        value = float(size_multiplier(fitted.law, fitted.values, S))
        told, bounds = factor(value, interval(draws) if len(draws) else None)
        rows.append([level(S), told, bounds, times(value * (1 - S))])
    said = (
        "A sparse model does what a dense model of this many times its non-zeros would do with the same data. For every weight "
        "it started with, zeros included, it does less than a dense one."
    )
    headings = ["sparsity", "per non-zero", "95% interval", "per weight with zeros"]
    shown = table(headings, rows, caption="Size of the equivalent dense model")
    return section("multipliers", "What a non-zero is worth", paragraph(said), shown)


def laws_section(study: Study) -> str:
    if not study.comparisons:
        said = (
            "Laws can be compared on their runs only; give the runs." if study.runs is None else "No law was compared."
        )
        return section(
            "laws", "Laws compared", paragraph(said, look="note"), bullets(study.not_compared, look="warnings")
        )
    best = min(c.aic for c in study.comparisons)
    rows = [_law_row(c, best) for c in study.comparisons]
    headings = [
        "law",
        "parameters",
        "objective",
        "AIC",
        "BIC",
        "hold-outs",
        "largest N and D",
        "extrapolation",
        "status",
    ]
    said = (
        "Every law was fitted to the same runs with the same objective. Lower is better; * marks the lowest AIC. Hold-outs are "
        "the mean error over the sets of runs that this law could be asked for, so laws may be judged on different sets."
    )
    shown = table(headings, rows, caption="Laws side by side", words=(8,))
    return section("laws", "Laws compared", paragraph(said), shown, bullets(study.not_compared, look="warnings"))


def _law_row(one: Comparison, best: float) -> list[str]:
    known = [h.mean_abs_error for h in one.hold_outs if h.mean_abs_error is not None]
    corner = next((h.mean_abs_error for h in one.hold_outs if h.left_out == "largest N and largest D"), None)
    return [
        one.fit.law.name,
        str(len(one.fit.law.names)),
        f"{one.fit.objective:.4e}",
        f"{one.aic:.1f}" + (" *" if one.aic == best else ""),
        f"{one.bic:.1f}",
        f"{np.mean(known):.2%} of {len(known)}" if known else "-",
        "-" if corner is None else f"{corner:.2%}",
        "-" if one.extrapolation_error is None else f"{one.extrapolation_error:+.2%}",
        one.fit.status,
    ]


def checklist_section(study: Study) -> str:
    items = checklist(study)
    counts = {state: sum(item.state == state for item in items) for state in MARKS}
    said = ", ".join(f"{count} {state}" for state, count in counts.items())
    lead = f"What a study of scaling laws should state, read off this fit and its runs: {said}."
    rows = "".join(map(_item, items))
    return section("checklist", "What a study should state", paragraph(lead), f'<dl class="checklist">{rows}</dl>')


def _item(item: Item) -> str:
    mark = f'<span class="mark {item.state}">{MARKS[item.state]}</span>'
    return f"<div><dt>{escape(item.name)} {mark}</dt><dd>{escape(item.said)}</dd></div>"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
