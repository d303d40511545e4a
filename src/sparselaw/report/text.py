"""Tables and sentences for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sparselaw.counts import format_bytes, format_count
from sparselaw.fit.compare import Comparison, extrapolation_error
from sparselaw.fit.profile import Profile
from sparselaw.fit.recipe import RecipeRun
from sparselaw.fit.result import Fit, interval
from sparselaw.laws import PowerLaw
from sparselaw.plan.answer import Estimate, Plan
from sparselaw.plan.contours import Contours
from sparselaw.plan.equivalents import size_multiplier
from sparselaw.plan.storage import Storage

if TYPE_CHECKING:
    from sparselaw.prune.export import Export, StoredTensor

SIZED = "Sized are the weights that N counts, the matrices of the blocks; embeddings and norms come on top.\n"
Bounds = tuple[float | None, float | None]


def show(content: RenderableType) -> None:
    """Print for a person; wide enough not to break tables when the output is not a terminal."""
    console = Console()
    Console(width=console.width if console.is_terminal else 120, highlight=False).print(content)


def number(value: float | None) -> str:
    """Four significant digits; large and small numbers in powers of ten."""
    return "-" if value is None else f"{value:.4g}"


def span(bounds: Bounds | Sequence[float] | None, form=number) -> str:
    """An interval; a side that is not bounded is said to be so."""
    if bounds is None:
        return "-"
    low, high = bounds
    return f"{'unbounded' if low is None else form(low)} to {'unbounded' if high is None else form(high)}"


def plain_table(*columns: str, title: str | None = None) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, title=title)
    table.title_justify, table.title_style = "left", "bold"
    for k, column in enumerate(columns):
        table.add_column(column, justify="left" if k == 0 else "right", overflow="fold")
    return table


def warning_lines(warnings: Sequence[str]) -> list[RenderableType]:
    return [Text(f"warning: {sentence}", style="yellow") for sentence in warnings]


def fit_text(fitted: Fit, profiles: Sequence[Profile] = ()) -> Group:
    intervals = fitted.intervals()
    profiled = {p.name: p.interval for p in profiles}
    headings = ["parameter", "value"]
    headings += ["95% bootstrap"] if intervals else []
    headings += ["95% profile"] if profiles else []
    table = plain_table(
        *headings, "note", title=f"{fitted.law.name} law on {escape(fitted.name)}, {fitted.num_runs} runs"
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
        table.add_row(f"{100 * S:g}%", f"{value:.3f}", *cells)
    return table


def multiplier_name(S: float) -> str:
    return f"multiplier at {S:g}"


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
    return Group(question, headline, Text(near), table, *sized, *warning_lines(answer.warnings))


def _size(answer: Plan) -> str:
    if answer.memory is None:
        return f"{format_count(answer.nonzero_params.value)} non-zero prunable weights"
    return f"{format_bytes(answer.memory)} of {answer.precision} weights as {answer.format}"


def _plan_rows(answer: Plan) -> list[tuple[str, Estimate, Callable[[float], str]]]:
    unit, bytes_given = answer.data_unit, answer.memory is not None
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
        ("equivalent dense parameters", answer.equivalent_dense_params, count),
    ]


def percent(value: float) -> str:
    return f"{value:.1%}"


def count(value: float) -> str:
    return format_count(value) if np.isfinite(value) else "out of reach"


def flops(value: float) -> str:
    return f"{value:.3g}".replace("e+", "e") if np.isfinite(value) else "out of reach"


def short(value: float) -> str:
    return f"{value:.1e}".replace("e+", "e")


def contours_text(found: Contours) -> Table:
    """The budget at which each sparsity becomes optimal, for some sizes."""
    table = plain_table(
        "non-zeros N",
        "Chinchilla",
        *(f"S = {S:g}" for S in found.levels),
        title=f"FLOPs at which S is optimal, {found.cost.name} cost",
    )
    for k in np.linspace(0, len(found.nonzero_params) - 1, 9).astype(int):
        cells = []
        for j in range(len(found.levels)):
            cell = flops(found.lines[j, k])
            if found.lines_low is not None and found.lines_high is not None:
                cell += f"\n{short(found.lines_low[j, k])} to\n{short(found.lines_high[j, k])}"
            cells.append(cell)
        table.add_row(format_count(found.nonzero_params[k]), flops(found.chinchilla[k]), *cells)
    return table


PRECISIONS = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16", "int8": "int8"}


def export_text(made: Export) -> Group:
    """What was written, format by format, against the formulas and against dense."""
    dense, values = sum(t.dense_nbytes for t in made.tensors), {t.dtype for t in made.tensors}
    headline = Text.assemble(
        ("Wrote ", ""), (str(made.file), "bold"), f": {format_bytes(made.nbytes)}, {made.nbytes / dense:.1%} of dense"
    )
    table = plain_table("stored as", "tensors", "weights", "non-zero", "sparsity", "bytes", "predicted", "of dense")
    formats = sorted({t.format for t in made.tensors})
    for format in formats:
        table.add_row(format, *_export_cells([t for t in made.tensors if t.format == format]))
    if len(formats) > 1:
        table.add_row("all", *_export_cells(made.tensors))
    facts = [f"names and shapes   {format_bytes(made.nbytes - sum(t.nbytes for t in made.tensors))}"]
    facts += [f"dense              {format_bytes(dense)} in {', '.join(sorted(values))}"]
    if made.zstd_share is not None:
        sampled = "" if made.zstd_sampled == 1 else f", from a sample of {made.zstd_sampled:.2g} of it"
        zstd = f"{format_bytes(dense * made.zstd_share)}, {made.zstd_share:.1%} of dense{sampled}"
        facts += [f"dense + zstd-19    {zstd}"]
    return Group(headline, table, Text("\n".join(facts)), *warning_lines(_export_warnings(made)))


def export_record(made: Export) -> dict[str, Any]:
    """The same for machines, tensor by tensor."""
    tensors = [asdict(t) | {"predicted_nbytes": predicted_bytes(t)} for t in made.tensors]
    record = asdict(made) | {"file": str(made.file), "tensors": tensors, "warnings": _export_warnings(made)}
    return record | {"dense_nbytes": sum(t.dense_nbytes for t in made.tensors)}


def predicted_bytes(tensor: StoredTensor) -> float:
    """What the formula of a tensor's format says it takes; what it takes where none applies: other types, zeros only."""
    if tensor.format == "dense" or tensor.dtype not in PRECISIONS or not tensor.num_nonzero:
        return tensor.nbytes
    storage = Storage(tensor.format, PRECISIONS[tensor.dtype])
    # An n:m pattern is stored as it is, should some of its values be zero too.
    S = storage.levels[0] if storage.levels else 1 - tensor.num_nonzero / tensor.num_weights
    return float(storage.bytes(S, tensor.num_weights * (1 - S), rows=tensor.num_rows))


def _export_cells(tensors: Sequence[StoredTensor]) -> list[str]:
    weights, nonzero = (sum(getattr(t, name) for t in tensors) for name in ("num_weights", "num_nonzero"))
    nbytes, dense = (sum(getattr(t, name) for t in tensors) for name in ("nbytes", "dense_nbytes"))
    counts = [str(len(tensors)), format_count(weights), format_count(nonzero), percent(1 - nonzero / max(1, weights))]
    sizes = [format_bytes(nbytes), format_bytes(sum(predicted_bytes(t) for t in tensors))]
    return [*counts, *sizes, percent(nbytes / max(1, dense))]


def _export_warnings(made: Export) -> list[str]:
    sentences = []
    if made.format != "dense" and all(t.format == "dense" for t in made.tensors):
        sentences.append(f"no tensor is smaller as {made.format}: all are stored dense")
    if made.num_negative_zeros:
        sentences.append(
            f"{format_count(made.num_negative_zeros)} weights are -0 and stored as values, to the bit; "
            "add 0.0 to the weights to make them zeros"
        )
    return sentences
