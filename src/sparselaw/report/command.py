"""The command `sparselaw report`: runs, a folder of runs or a fit as one page."""

from __future__ import annotations

import json as json_module
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sparselaw.cost.machine import SHIPPED, Hardware, open_hardware
from sparselaw.errors import UserError
from sparselaw.fit import ALL_LAWS, PUBLISHED_FITS, Comparison, Fit, Loss, bootstrap, compare, fit, open_fit
from sparselaw.fit.losses import usual_loss
from sparselaw.fit.result import FORMAT, finite
from sparselaw.plan.question import check_units
from sparselaw.report.checklist import checklist
from sparselaw.report.curves import Curve, read_curves
from sparselaw.report.page import Plotly, write_page
from sparselaw.report.record import IDEAL
from sparselaw.report.study import Question, Study, study
from sparselaw.report.text import percent
from sparselaw.runs import PUBLISHED, Runs, read_runs
from sparselaw.runs.folders import FINISHED, is_address, scan


@dataclass(frozen=True)
class Material:
    """What a source holds: a fit, runs, or both; and what else a folder of runs tells."""

    fitted: Fit | None = None
    runs: Runs | None = None
    curves: tuple[Curve, ...] = ()
    left_out: Mapping[str, int] | None = None
    notes: tuple[str, ...] = ()


def report(
    source: str,
    *,
    output: Path,
    fit_file: str | None = None,
    columns: Mapping[str, str] | None = None,
    num_draws: int = 1000,
    nonzero_params: float | None = None,
    flops: float | None = None,
    cost: str = "dense",
    units_per_datum: float = 1.0,
    plotlyjs: Plotly = "inline",
    json: bool = False,
) -> None:
    """Writes the report and says what is in it.

    Args:
        source: a table, folder or published name of runs, or a fit file or published law.
        output: the HTML file.
        fit_file: a fit of the runs; they are fitted here if None.
        columns: names in a table, as `read_runs` takes them.
        num_draws: bootstrap draws, where the runs are fitted here.
        nonzero_params: of the question that the page opens with; the largest fitted if None.
        flops: of that question; what the most fitted data cost if None.
        cost: of that question.
        units_per_datum: of that question: tokens of an image.
        plotlyjs: "inline", or "cdn".
        json: print one record.

    Raises:
        UserError: one sentence about what cannot be done.
    """
    machine, cost = _machine(cost)
    question = Question(nonzero_params, flops, cost, units_per_datum)
    found = _open(source, columns)
    fitted = _fit_of(found, source, fit_file, num_draws)
    comparisons, not_compared = ([], []) if found.runs is None else compare_all(found.runs, fitted.loss)
    check_units(fitted, units_per_datum)
    told = study(
        fitted,
        question=question,
        runs=found.runs,
        comparisons=comparisons,
        not_compared=not_compared,
        curves=found.curves,
        left_out=found.left_out,
        machine=machine,
        notes=found.notes,
    )
    size = write_page(output, told, plotlyjs=plotlyjs)
    if json:
        print(json_module.dumps(finite(_record(told, output, size)), indent=1))
    else:
        _say(told, output, size)


def _fit_of(found: Material, source: str, fit_file: str | None, num_draws: int) -> Fit:
    """The fit given, that of the source, or a new one of its runs."""
    fitted, runs = open_fit(fit_file) if fit_file else found.fitted, found.runs
    if fitted is None:
        assert runs is not None
        return bootstrap(fit(runs, loss=usual_loss(runs.name)), runs, num_draws=num_draws)
    if runs is not None and fitted.num_runs != len(runs):
        raise UserError(
            f"{fit_file} is a fit of {fitted.num_runs} runs and {source} holds {len(runs)}; give the runs it is of"
        )
    return fitted


def compare_all(runs: Runs, loss: Loss) -> tuple[list[Comparison], list[str]]:
    """Every built-in law on the same runs, and why some cannot be fitted to them."""
    found, refused = [], []
    for law in ALL_LAWS:
        try:
            found += compare(runs, [law], loss=loss)
        except UserError as error:
            refused.append(str(error))
    return found, refused


def _open(source: str, columns: Mapping[str, str] | None) -> Material:
    if source in PUBLISHED_FITS and source not in PUBLISHED:
        return Material(fitted=open_fit(source))
    if _is_fit_file(source):
        return Material(fitted=open_fit(source))
    try:
        runs = read_runs(source, columns=columns)
    except UserError as error:
        if source not in PUBLISHED_FITS:
            raise
        note = f"this report is of the published coefficients alone, because the runs could not be read: {error}"
        return Material(fitted=open_fit(source), notes=(note,))
    if not (is_address(source) or Path(source).is_dir()):
        return Material(runs=runs)
    states = scan(source)
    left_out = Counter(state.state for state in states if state.state != FINISHED)
    return Material(runs=runs, curves=read_curves(source, states), left_out=left_out)


def _is_fit_file(source: str) -> bool:
    if not source.lower().endswith(".json") or is_address(source):
        return False
    try:
        record = json_module.loads(Path(source).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False  # reading it as runs says what is wrong
    return isinstance(record, dict) and record.get("format") == FORMAT


def _machine(cost: str) -> tuple[Hardware | None, str]:
    """The machine of a hardware file, and what the page calls that cost."""
    if cost in IDEAL or cost in SHIPPED:
        return None, cost
    machine = open_hardware(cost)
    is_taken = machine.name in IDEAL or machine.name in SHIPPED
    return machine, f"{machine.name} (file)" if is_taken else machine.name


def _record(told: Study, output: Path, size: int) -> dict[str, Any]:
    return {
        "output": str(output),
        "bytes": size,
        "fit": told.fitted.name,
        "law": told.fitted.law.name,
        "answer": told.answer and told.answer.to_json(),
        "no_answer": told.no_answer or None,
        "checklist": [asdict(item) for item in checklist(told)],
        "notes": list(told.notes),
    }


def _say(told: Study, output: Path, size: int) -> None:
    for note in told.notes:
        print(f"sparselaw: {note}", file=sys.stderr)
    states = Counter(item.state for item in checklist(told))
    if told.answer is None:
        print(f"no optimal sparsity: {told.no_answer}")
    else:
        S = told.answer.optimal_sparsity.value
        print(f"{told.fitted.name}: {f'train it {percent(S)} sparse' if S else 'train it dense'}")
    print(f"checklist: {', '.join(f'{states[state]} {state}' for state in ('stated', 'weak', 'missing'))}")
    print(f"wrote {output} ({size / 1e6:.2f} MB)")
