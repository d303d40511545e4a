"""Answers as tables and sentences: for a budget, for a life, for all budgets at once, and what a machine's zeros cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sparselaw.cost.machine import Hardware
from sparselaw.cost.relative_time import RelativeTime
from sparselaw.counts import format_bytes, format_count
from sparselaw.plan.answer import Plan
from sparselaw.plan.contours import Contours
from sparselaw.plan.estimate import Estimate
from sparselaw.plan.served import ServedPlan
from sparselaw.plan.served_contours import ServedContours
from sparselaw.report.text import count, flops, level, number, percent, plain_table, span, warning_lines

SIZED = "Sized are the weights that N counts, the matrices of the blocks; embeddings and norms come on top.\n"


def plan_text(answer: Plan) -> Group:
    S = answer.optimal_sparsity
    budget = f"{_size(answer)}, {flops(answer.flops.value)} FLOPs"
    verdict = f"{S.value:.1%} sparse" if S.value > 0 else "dense"
    confidence = f"{answer.confidence:.0%} interval {span(S.bounds, percent)}" if S.bounds else "no interval"
    headline = Text.assemble(("Train it ", ""), (verdict, "bold"), f"  ({confidence})")
    near = f"within {answer.tolerance:.2g} nats of the best: {span(answer.near_optimal, percent)} sparse"
    table = plain_table("", "value", f"{answer.confidence:.0%} interval")
    for label, estimate, form in _plan_rows(answer):
        table.add_row(label, form(estimate.value), span(estimate.bounds, form))
    question = Text(f"{budget}, {answer.cost} cost, {answer.law} law from {answer.fit}", style="dim")
    sized = [] if answer.memory is None else [Text(SIZED, style="dim")]
    told = (*sized, *advice_lines(answer.advice), *warning_lines(answer.warnings))
    return Group(
        question, headline, Text(near), Text(cost_line("best sparsity by cost of zeros", answer.costs)), table, *told
    )


def _size(answer: Plan) -> str:
    if answer.memory is None:
        return f"{format_count(answer.nonzero_params.value)} non-zero prunable weights"
    return f"{format_bytes(answer.memory)} of {answer.precision} weights as {answer.format}"


def cost_line(what: str, costs: dict[str, float]) -> str:
    names = {"dense": "computed", "sparse": "free"}
    return f"{what}: {', '.join(f'{names.get(name, name)} {percent(S)}' for name, S in costs.items())}"


def advice_lines(advice: Sequence[str]) -> list[RenderableType]:
    return [Text(f"- {sentence}") for sentence in advice] + [Text("")]


def _plan_rows(answer: Plan) -> list[tuple[str, Estimate, Callable[[float], str]]]:
    unit, bytes_given = escape(answer.data_unit), answer.memory is not None
    dense = [("parameters of the dense model of these bytes", Estimate(answer.dense_params), count)]
    return [
        ("non-zero parameters N", answer.nonzero_params, count),
        ("weights before pruning", Estimate(answer.start_params), count),
        *(dense if bytes_given else []),
        ("training FLOPs", answer.flops, flops),
        (f"times Chinchilla-optimal compute{' of that' * bytes_given}", answer.times_chinchilla, number),
        (f"data it pays for ({unit})", Estimate(answer.data), count),
        (f"data it pays for if dense ({unit})", Estimate(answer.dense_data), count),
        ("loss", answer.loss, number),
        (f"loss if dense, same {'bytes' if bytes_given else 'N'} and FLOPs", answer.dense_loss, number),
        ("gain over dense (nats)", answer.gain, number),
        ("best dense model of any size", answer.best_dense_params, count),
        ("its loss with the same FLOPs", answer.best_dense_loss, number),
        ("equivalent dense parameters", answer.equivalent_dense_params, count),
    ]


def served_text(answer: ServedPlan) -> Group:
    S, unit = answer.optimal_sparsity, answer.data_unit
    verdict = f"{S.value:.1%} sparse" if S.value > 0 else "dense"
    confidence = f"{answer.confidence:.0%} interval {span(S.bounds, percent)}" if S.bounds else "no interval"
    question = (
        f"loss {answer.loss:g}, {format_count(answer.inference)} {unit} to serve, {answer.cost} cost of training and "
        f"{answer.inference_cost} of inference, {answer.law} law from {answer.fit}"
    )
    headline = Text.assemble(("Train it ", ""), (verdict, "bold"), f"  ({confidence})")
    near = f"within {answer.tolerance:.2g} of the least cost: {span(answer.near_optimal, percent)} sparse"
    table = plain_table("", "value", f"{answer.confidence:.0%} interval")
    for label, estimate, form in _served_rows(answer):
        table.add_row(label, form(estimate.value), span(estimate.bounds, form))
    costs = Text(cost_line("best sparsity by cost of zeros in inference", answer.costs))
    told = (*_bill(answer), *advice_lines(answer.advice), *warning_lines(answer.warnings))
    return Group(Text(question, style="dim"), headline, Text(near), costs, table, *told)


def _served_rows(answer: ServedPlan) -> list[tuple[str, Estimate, Callable[[float], str]]]:
    return [
        ("non-zero parameters N", answer.nonzero_params, count),
        ("weights before pruning", Estimate(answer.start_params), count),
        (f"data to train on ({escape(answer.data_unit)})", answer.data, count),
        ("training FLOPs", answer.flops, flops),
        ("inference FLOPs", answer.inference_flops, flops),
        ("total, as training FLOPs", answer.total, flops),
        ("cheapest dense model", answer.dense_params, count),
        ("its total", answer.dense_total, flops),
        ("saving over it", answer.saving, percent),
        ("times Chinchilla-optimal compute", answer.times_chinchilla, number),
        ("equivalent dense parameters", answer.equivalent_dense_params, count),
    ]


def _bill(answer: ServedPlan) -> list[RenderableType]:
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


def served_contours_text(found: ServedContours, unit: str) -> Table:
    """The best sparsity for some demands and losses."""
    some = np.linspace(0, len(found.inference) - 1, 7).astype(int)
    title = f"best sparsity by {unit} to serve, {found.cost.name} cost of training, {found.inference_cost.name} of inference"
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
