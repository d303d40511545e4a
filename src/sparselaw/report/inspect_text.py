"""The screen of `inspect`: what a table of runs is, and what it can and cannot say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sparselaw.fit.inspection import Grid, Inspection
from sparselaw.fit.levels import Levels
from sparselaw.fit.questions import Finding
from sparselaw.fit.repeats import Repeats
from sparselaw.report.text import count, facts_table, flops, level, number, plain_table, warning_lines

Form = Callable[[float], str]
VERBS = {"yes": "can say", "roughly": "can say only roughly", "no": "cannot say"}


def inspect_text(found: Inspection) -> Group:
    """What was read, the runs of each level, how they cross, and which questions they answer."""
    title = Text(f"{found.name}, {_several(found.num_runs, 'run')}", style="bold")
    sentences: list[RenderableType] = [Text(line) for line in answers(found.findings)]
    facts = (facts_table(_quantities(found)), _counts(found), facts_table(_design(found) | _laws(found)), Text(""))
    return Group(title, *facts, *sentences, *warning_lines(found.warnings))


def _quantities(found: Inspection) -> dict[str, str]:
    taken = {"reading": "\n".join(found.taken)} if found.taken else {}
    return taken | {
        "non-zero weights N": _levels(found.sizes, count, "size"),
        "sparsity S": _levels(found.sparsities, level, "sparsity"),
        "data D": _levels(found.durations, count, "duration", found.data_unit),
        "loss L": f"{_span(found.loss, number)} {found.loss_unit}",
        "training FLOPs": f"{_span(found.flops, flops)} (6 x weights before pruning x {found.data_unit})",
    }


def _levels(levels: Levels, form: Form, name: str, unit: str = "") -> str:
    return f"{f'{_span(levels.span, form)} {unit}'.rstrip()} ({_several(levels.num_distinct, name)})"


def _span(ends: tuple[float, float], form: Form) -> str:
    """Two values, or one where they are written alike."""
    low, high = map(form, ends)
    return low if low == high else f"{low} to {high}"


def _several(how_many: int, name: str) -> str:
    plural = f"{name.removesuffix('y')}ies" if name.endswith("y") else f"{name}s"
    return f"{how_many} {name if how_many == 1 else plural}"


def _counts(found: Inspection) -> Table:
    """The number of runs of each level, or bin of levels."""
    unit = escape(found.data_unit)
    table = plain_table("sparsity", "runs", "non-zero weights", "runs", unit, "runs")
    columns = [_cells(found.sparsities, level), _cells(found.sizes, count), _cells(found.durations, count)]
    for row in zip_longest(*columns, fillvalue=("", "")):
        table.add_row(*(cell for pair in row for cell in pair))
    return table


def _cells(levels: Levels, form: Form) -> list[tuple[str, str]]:
    return [(_span((one.low, one.high), form), str(one.num_runs)) for one in levels.bins]


def _design(found: Inspection) -> dict[str, str]:
    facts = {"grid": _grid(found.grid), "repeats": _repeats(found.repeats)}
    trainings = found.trainings
    if trainings.most_checkpoints > 1:
        facts["checkpoints"] = (
            f"the rows are checkpoints of {trainings.number} trainings, up to {trainings.most_checkpoints} each"
        )
    return facts


def _grid(grid: Grid) -> str:
    sizes, sparsities, durations = grid.shape
    kind = " (weights before pruning)" if grid.counts_zeros else ""
    crossing = (
        f"{_several(sizes, 'size')}{kind} x {_several(sparsities, 'sparsity')} x {_several(durations, 'duration')}"
    )
    total = sizes * sparsities * durations
    if total == 1:
        return crossing
    told = f"{crossing}: {_share(grid.filled, total)} combinations have runs"
    if grid.filled == total or 1 in grid.shape:  # else the pairs tell where it has gaps
        return told
    of_two = (sizes * sparsities, sizes * durations, sparsities * durations)
    names = ("sizes x sparsities", "sizes x durations", "sparsities x durations")
    return f"{told}\n" + ", ".join(f"{n}: {_share(*pair)}" for n, *pair in zip(names, grid.pairs, of_two, strict=True))


def _repeats(repeats: Repeats) -> str:
    if not repeats.num_repeated:
        return "none: no two runs have the same size, sparsity and data"
    seeds = f", with {_several(repeats.num_seeds, 'seed')}" if repeats.num_seeds else ""
    varied = f"; they differ in {', '.join(repeats.varied)}" if repeats.varied else ""
    if repeats.num_settings == 1:
        return f"all {repeats.most} runs have the same size, sparsity and data{seeds}{varied}"
    share = _share(repeats.num_repeated, repeats.num_settings)
    return f"{share} settings of size, sparsity and data have several runs, up to {repeats.most}{seeds}{varied}"


def _share(some: int, total: int) -> str:
    return f"all {total}" if some == total else f"{some} of {total}"


def _laws(found: Inspection) -> dict[str, str]:
    """The laws that can be fitted, and those that cannot, by their reasons."""
    reasons: dict[str, list[str]] = {}
    for law, reason in found.laws.items():
        reasons.setdefault(reason, []).append(law)
    facts = {"laws to fit": ", ".join(reasons.pop("", ["none"]))}
    refused = [f"{', '.join(laws)}: {reason}" for reason, laws in reasons.items()]
    return facts | ({"laws refused": "\n".join(refused)} if refused else {})


def answers(findings: Sequence[Finding]) -> list[str]:
    """What the runs can say, what only roughly, and what not: a sentence for each reason."""
    groups: dict[tuple[str, str], list[str]] = {}
    for one in sorted(findings, key=lambda one: list(VERBS).index(one.answer)):
        groups.setdefault((one.answer, one.reason), []).append(one.question)
    lines = []
    for (answer, reason), questions in groups.items():
        because = f", because {reason}" if reason else ""
        lines.append(f"{'They' if lines else 'These runs'} {VERBS[answer]} {_joined(questions, answer)}{because}.")
    return lines


def _joined(questions: Sequence[str], answer: str) -> str:
    *others, last = questions
    return f"{', '.join(others)} {'or' if answer == 'no' else 'and'} {last}" if others else last
