"""Answers as tables and sentences: to a question, for all budgets at once, and what a machine's zeros cost."""

from __future__ import annotations

from functools import partial

import numpy as np
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sparselaw.cost.machine import Hardware
from sparselaw.cost.relative_time import RelativeTime
from sparselaw.counts import format_count
from sparselaw.plan import verdict
from sparselaw.plan.answer import Answer
from sparselaw.plan.contours import Contours, LifetimeContours
from sparselaw.plan.estimate import Estimate
from sparselaw.report.text import count, flops, level, number, percent, plain_table, span, spans, warning_lines
from sparselaw.words import FORMS, by_interval, rows

COUNTED = "N counts only the prunable weights, the matrices of the blocks; embeddings and norms come on top.\n"
OPTION_NOTES = ("precision", "pattern", "unfilled", "repeated", "unreachable")
COST_NAMES = {"dense": "if zeros cost compute", "sparse": "if sparse kernels skipped them for free"}


def answer_text(answer: Answer) -> Group:
    """The whole answer: question, headline, table, advice, warnings."""
    known, S = verdict.facts(answer), answer.optimal_sparsity
    headline, lines = verdict.headline(answer), [Text(answer.verdict_reason)]
    if answer.outcomes and answer.question.limit != "count":
        precision = known["precision"] or answer.question.options[0].precision
        which = f"{precision} weights" + (" that use the whole limit" if not answer.question.is_lifetime else "")
        lines = [Text(f"Of {which}: {headline}. {answer.verdict_reason}")]
        headline = answer.options_reason
    if known["optimal_sparsity"] is not None and known["knows_sparsity"]:
        near = f"{spans(answer.near_optimal_pieces, percent)} {verdict.part(answer, '_near')}"
        lines += [Text(f"Best sparsity {percent(S.value)} ({_certainty(answer)}). {near}."), Text(_costs(answer))]
    counted = [] if answer.question.limit == "count" else [Text(_counted(answer), style="dim")]
    return Group(
        Text(_question(answer), style="dim"),
        Text(headline, style="bold"),
        *lines,
        *_options(answer),
        _numbers(answer),
        *_bill(answer),
        *counted,
        *[Text(f"- {sentence}") for sentence in answer.advice[1:]],
        Text(""),
        *warning_lines(answer.warnings),
    )


def _options(answer: Answer) -> list[RenderableType]:
    """What every option comes to, the best first, and what the table takes for granted."""
    if not answer.outcomes:
        return []
    question = answer.question
    has_size = question.limit == "count" and question.nonzeros is not None
    has_bill = question.loss is not None and any(one.gpu_hours for one in answer.outcomes)
    notes = [verdict.options(answer, group) for group in OPTION_NOTES]
    reason = [answer.options_reason] if question.limit == "count" else []
    return [
        _worth(answer),
        *([] if has_size and not has_bill else [_taken(answer, has_bill)]),
        *[Text(f"- {sentence}") for sentence in (*reason, *notes) if sentence],
    ]


def _worth(answer: Answer) -> Table:
    """What each option reaches, and how far it is from the best."""
    question, device = answer.question, answer.question.device
    interval = f"{question.confidence:.0%} interval"
    goal = "loss" if question.loss is None else "lifetime cost" if question.is_lifetime else "FLOPs"
    apart = "above best" if question.loss is None else "times best"
    told = ["bytes", interval] if question.is_for_size else [goal, interval]
    stored = [] if question.is_for_size else ["bytes"]
    table = plain_table("option", "sparsity", *told, apart, interval, *stored, *["token"] * bool(device))
    for one in verdict.distinct(answer):
        written = FORMS["bytes"](one.bytes.value)
        cells = [written] * bool(stored) + [_seconds(one.seconds_per_token)] * bool(device)
        if question.is_for_size:
            reached = written, span(one.bytes.bounds, FORMS["bytes"])
        elif question.loss is not None:
            reached = flops(one.total_flops.value), span(one.total_flops.bounds, flops)
        else:
            reached = _told(one.loss)
        distance = _told(one.difference or one.times_best)
        table.add_row(escape(one.option.name), percent(one.sparsity), *reached, *distance, *cells)
    return table


def _seconds(value: float | None) -> str:
    return "-" if value is None else FORMS["seconds"](value)


def _taken(answer: Answer, has_bill: bool) -> Table:
    """What each option takes: weights, data, hours and money, software."""
    has_money = has_bill and any(one.money for one in answer.outcomes)
    table = plain_table(
        "", "weights", "non-zero", answer.data_unit, *["GPU-hours"] * has_bill, *["price"] * has_money, "runs on"
    )
    for one in verdict.distinct(answer):
        cells = [count(one.total_params), count(one.nonzero_params), count(one.data)]
        cells += [count(one.gpu_hours or 0.0)] * has_bill + [f"{one.money or 0.0:,.0f}"] * has_money
        table.add_row(escape(one.option.name), *cells, ", ".join(one.runtimes) or "nothing today")
    return table


def _told(found: Estimate | None) -> tuple[str, str]:
    """A number and its interval, to the digits that this supports."""
    if found is None or found.known is None:
        return "not determined", "-"
    bounds = found.bounds
    written = partial(by_interval, low=bounds[0], high=bounds[1]) if bounds else number
    return written(found.value), span(bounds, written)


def _counted(answer: Answer) -> str:
    """What N counts, and what the model that is asked about has besides."""
    model = answer.question.architecture
    if model is None:
        return COUNTED
    return (
        f"The {model.name} model has {count(model.total)} weights: {count(model.prunable)} prunable ones, which N counts, and "
        f"{count(model.kept)} of embeddings, norms and biases, which stay in 16 bits.\n"
    )


def _certainty(answer: Answer) -> str:
    """How sure the best sparsity is."""
    bounds = answer.optimal_sparsity.bounds
    if bounds:
        return f"{answer.question.confidence:.0%} interval {span(bounds, percent)}"
    return "no interval" if answer.dense_in_draws is None else "the same in nearly all draws"


def _question(answer: Answer) -> str:
    asked, source = answer.question, f"{answer.law} law from {answer.fit}"
    if asked.inference is None:
        return f"{verdict.part(answer, '_size')}, {flops(answer.best.flops.value)} FLOPs, {_cost(answer)}, {source}"
    served = f"{format_count(asked.inference)} {answer.data_unit} to serve"
    costs = f"{_cost(answer)} of training and {asked.inference_cost.name} cost of inference"
    return f"loss {asked.loss:g}, {served}, {costs}, {source}"


def _cost(answer: Answer) -> str:
    """The cost by its name, with the ramp where it matters."""
    cost = answer.question.cost
    ramp = f" (pruned over {percent(cost.schedule.start, 0)} to {percent(cost.schedule.end, 0)} of training)"
    return f"{cost.name} cost{'' if cost.zeros_are_computed else ramp}"


def _costs(answer: Answer) -> str:
    said = [f"{COST_NAMES.get(name, f'on {name}')} {percent(S)}" for name, S in answer.costs.items()]
    what = "Best sparsity by cost of inference" if answer.question.is_lifetime else "Best sparsity"
    return f"{what}: {'; '.join(said)}"


def _numbers(answer: Answer) -> Table:
    facts = verdict.facts(answer)
    table = plain_table("", "value", f"{answer.question.confidence:.0%} interval")
    for key, label, form in rows(verdict.topic_of(answer), facts):
        bounds, written = facts.get(f"{key}_interval"), FORMS[form]
        if bounds and form == "number":
            written = partial(by_interval, low=bounds[0], high=bounds[1])
        table.add_row(escape(label), written(facts[key]), span(bounds, written))
    return table


def _bill(answer: Answer) -> list[RenderableType]:
    """GPU-hours and money, if asked for."""
    hours, money = answer.gpu_hours, answer.money
    if hours is None:
        return []
    table = plain_table("", "GPU-hours", *["price"] * bool(money))
    for name, value in hours.items():
        table.add_row(name.replace("_", " "), count(value), *[f"{money[name]:,.0f}"] * bool(money) if money else [])
    return [table]


def contours_text(found: Contours) -> Table:
    """The budget at which each sparsity becomes optimal, for some sizes."""
    table = plain_table(
        "non-zeros N",
        "Chinchilla",
        *map(level, found.levels),
        title=f"training FLOPs at which a sparsity becomes optimal, {found.cost.name} cost",
    )
    for k in np.linspace(0, len(found.nonzero_params) - 1, 9).astype(int):
        cells = []
        for j in range(len(found.levels)):
            cell = flops(found.lines[j, k])
            if found.lines_low is not None and found.lines_high is not None:
                cell += f"\n{flops(found.lines_low[j, k], 2)} to\n{flops(found.lines_high[j, k], 2)}"
            cells.append(cell)
        table.add_row(format_count(found.nonzero_params[k]), flops(found.chinchilla[k]), *cells)
    return table


def lifetime_contours_text(found: LifetimeContours) -> Table:
    """The best sparsity for some demands and losses."""
    some = np.linspace(0, len(found.inference) - 1, 7).astype(int)
    costs = f"{found.cost.name} cost of training, {found.inference_cost.name} cost of inference"
    title = f"best sparsity by {found.fit.data_unit} to serve, {costs}"
    table = plain_table("loss", *(format_count(found.inference[k]) for k in some), title=title)
    for j in some:
        table.add_row(number(found.loss[j]), *(percent(found.sparsity[k, j]) for k in some))
    return table


def hardware_text(machine: Hardware) -> Group:
    """Every timing, and the relative times that a plan takes from them."""
    table = plain_table("task", "shape", "batch", "kernel", *(f"{S:g}" for S in _sparsities(machine)))
    table.title = f"time over that of the dense product on {machine.name}, {machine.threads} threads, {machine.dtype}"
    rows = {(t.task, t.rows, t.columns, t.batch, t.kernel): {} for t in machine.timings}
    for t in machine.timings:
        rows[t.task, t.rows, t.columns, t.batch, t.kernel][t.sparsity] = f"{t.relative:.2f}"
    for (task, height, width, batch, kernel), cells in rows.items():
        shown = [cells.get(S, "-") for S in _sparsities(machine)]
        table.add_row(task, f"{height}x{width}", str(batch), kernel, *shown)
    planned = plain_table("for plans", *(f"{S:g}" for S in _sparsities(machine)), "faster from")
    for task, time in (("training", machine.training), ("inference", machine.inference)):
        if time is not None:
            planned.add_row(task, *(f"{time(S):.2f}" for S in _sparsities(machine)), _faster_from(time))
    skipped = [Text(f"skipped {kernel}: {reason}") for kernel, reason in machine.skipped.items()]
    return Group(table, planned, Text(f"counted: {machine.counted}"), *skipped)


def _sparsities(machine: Hardware) -> list[float]:
    return sorted({t.sparsity for t in machine.timings})


def _faster_from(time: RelativeTime) -> str:
    """The sparsity from which dense is beaten by a hundredth."""
    grid = np.linspace(0, 0.999, 1000)
    faster = time(grid) < 0.99
    return percent(grid[faster.argmax()]) if faster.any() else "nowhere"
