"""The verb: from what a caller has (runs, a folder of runs or a fit) to one page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparselaw.cost.machine import IDEAL, SHIPPED, Hardware, open_hardware
from sparselaw.counts import as_count
from sparselaw.errors import UserError, arg, require_at_least
from sparselaw.fit.comparison import ALL_LAWS, Comparison, compare
from sparselaw.fit.losses import Loss
from sparselaw.fit.published import PUBLISHED_FITS, open_fit
from sparselaw.fit.result import FORMAT, Fit, finite
from sparselaw.fit.verb import fit as fit_runs
from sparselaw.plan.question import check_units
from sparselaw.report.checklist import Item, checklist
from sparselaw.report.curves import Curve, read_curves
from sparselaw.report.page import Plotly, write_page
from sparselaw.report.study import Question, Study, study
from sparselaw.runs import PUBLISHED, Runs, read_runs
from sparselaw.runs.folders import FINISHED, is_address, scan
from sparselaw.runs.formats.log_tables import is_sweep
from sparselaw.runs.reading import Reading
from sparselaw.runs.table import chosen

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Material:
    """What a source holds: a fit, runs, or both; and what else a folder of runs tells."""

    fitted: Fit | None = None
    runs: Runs | None = None
    curves: tuple[Curve, ...] = ()
    left_out: Mapping[str, int] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """A page that was written.

    Attributes:
        study: what it tells.
        output: the file.
        nbytes: its size.
    """

    study: Study
    output: Path
    nbytes: int

    @property
    def checklist(self) -> tuple[Item, ...]:
        """What a reader of the runs should find stated, and whether it is."""
        return tuple(checklist(self.study))

    def to_json(self) -> dict[str, Any]:
        """The answer and the checklist."""
        record = {
            "output": str(self.output),
            "bytes": self.nbytes,
            "fit": self.study.fitted.name,
            "law": self.study.fitted.law.name,
            "answer": self.study.answer and self.study.answer.to_json(),
            "no_answer": self.study.no_answer or None,
            "checklist": [asdict(item) for item in self.checklist],
            "notes": list(self.study.notes),
        }
        return finite(record)


def report(
    source: Runs | DataFrame | Fit | str | Path,
    *,
    output: str | Path = "report.html",
    fit: Fit | str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    where: str | None = None,
    last_of: str | None = None,
    best_of: str | None = None,
    loss_unit: str | None = None,
    bootstrap: int = 1000,
    nonzeros: float | str | None = None,
    flops: float | str | None = None,
    cost: str = "dense",
    tokens_per_image: float = 1.0,
    plotlyjs: Plotly = "inline",
) -> Report:
    """Write runs, or a fit, as one HTML page with a planner.

    Args:
        source: a table of runs, a fit, or the name or path of either; a folder of runs adds their training curves.
        output: the HTML file.
        fit: a fit of the runs; they are fitted here if None.
        columns, where, last_of, best_of, loss_unit: of a table, as in `sparselaw.read_runs`.
        bootstrap: number of resamples for intervals, where the runs are fitted here.
        nonzeros: N that the page opens with; the largest fitted if None.
        flops: training FLOPs that it opens with; those of dense training of N on the most data if None.
        cost: that it opens with, as in `plan`.
        tokens_per_image: for laws in images: tokens (patches) of one.
        plotlyjs: "inline" works offline and takes 5 MB; "cdn" is small, and its figures need a connection.

    Raises:
        UserError: one sentence about what cannot be reported.
    """
    machine, cost = _machine(cost)
    question = Question(as_count(nonzeros), as_count(flops), cost, tokens_per_image)
    found = _open(source, Reading(columns, where, last_of, best_of, loss_unit))
    fitted = _fit_of(found, fit, bootstrap)
    comparisons, not_compared = ([], []) if found.runs is None else compare_all(found.runs, fitted.loss)
    check_units(fitted, tokens_per_image)
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
    return Report(told, Path(output), write_page(Path(output), told, plotlyjs=plotlyjs))


def _fit_of(found: Material, given: Fit | str | Path | None, num_draws: int) -> Fit:
    """The fit given, that of the source, or a new one of its runs."""
    fitted, runs = open_fit(given) if given else found.fitted, found.runs
    if fitted is None:
        assert runs is not None
        require_at_least(1, bootstrap=num_draws)
        return fit_runs(runs, bootstrap=num_draws)
    if runs is not None and fitted.num_runs != len(runs):
        raise UserError(
            f"{arg('fit')} is of {fitted.num_runs} runs and {runs.name} holds {len(runs)}; give the runs that were fitted."
        )
    return fitted


def compare_all(runs: Runs, loss: Loss) -> tuple[list[Comparison], list[str]]:
    """Every built-in law on the same runs, and why some cannot be fitted to them."""
    try:
        found = compare(runs, ALL_LAWS, loss=loss)
    except UserError as error:
        return [], [str(error)]
    return list(found), list(found.refused.values())


def _open(source: Runs | DataFrame | Fit | str | Path, reading: Reading) -> Material:
    if isinstance(source, Fit):
        return Material(fitted=source)
    if not isinstance(source, str | Path):
        read = (
            chosen(source, reading)
            if isinstance(source, Runs)
            else Runs.from_frame(source, name="table", **reading.given)
        )
        return Material(runs=read)
    name = str(source)
    if (name in PUBLISHED_FITS and name not in PUBLISHED) or _is_fit_file(name):
        return Material(fitted=open_fit(name))
    try:
        runs = read_runs(name, **reading.given)
    except UserError as error:
        if name not in PUBLISHED_FITS:
            raise
        note = f"This report is of the published coefficients alone, because the runs could not be read: {error}"
        return Material(fitted=open_fit(name), notes=(note,))
    if not ((is_address(name) or Path(name).is_dir()) and is_sweep(name)):
        return Material(runs=runs)
    states = scan(name)
    left_out = Counter(state.state for state in states if state.state != FINISHED)
    return Material(runs=runs, curves=read_curves(name, states), left_out=left_out)


def _is_fit_file(source: str) -> bool:
    if not source.lower().endswith(".json") or is_address(source):
        return False
    try:
        record = json.loads(Path(source).read_text(encoding="utf-8"))
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
