"""The commands `compare-patterns` and `compare-pretrained`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sparselaw.commands.options import print_json
from sparselaw.errors import UserError
from sparselaw.fit import open_fit
from sparselaw.fit.multipliers import GroupComparison, compare_groups
from sparselaw.fit.pretrained import compare_pretrained as values_of_checkpoints
from sparselaw.report import comparisons, figures
from sparselaw.report.text import show
from sparselaw.runs import Runs, parse_columns, read_all

if TYPE_CHECKING:
    from sparselaw.cli import ComparePatternsCommand, ComparePretrainedCommand


def compare_patterns(command: ComparePatternsCommand) -> None:
    """Fit, print, draw."""
    by = tuple(filter(None, (word.strip() for word in command.by.split(","))))
    found = compare_groups(_read(command), by, level=_share(command.confidence))
    if command.figure:
        figures.save(figures.multiplier_figure(found), command.figure)
    if command.json:
        print_json(_record(found))
    else:
        show(comparisons.comparison_text(found))


def compare_pretrained(command: ComparePretrainedCommand) -> None:
    """Compare, print, draw."""
    law = open_fit(command.fit) if command.fit else None
    level = _share(command.confidence)
    found = values_of_checkpoints(_read(command), law, level=level)
    if command.figure:
        figures.save(figures.pretrained_figure(found), command.figure)
    if command.json:
        print_json([asdict(v) | {"factor": v.factor, "factor_of_both": v.factor_of_both} for v in found])
    else:
        show(comparisons.pretrained_text(found, level))


def _read(command: ComparePatternsCommand | ComparePretrainedCommand) -> Runs:
    if not command.runs:
        raise UserError("give at least one table or folder of runs")
    return read_all(command.runs, columns=parse_columns(command.columns) if command.columns else None)


def _share(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise UserError(f"--confidence must lie between 0 and 1, got {confidence}")
    return confidence


def _record(found: GroupComparison) -> dict[str, Any]:
    names = ("by", "level", "num_dense", "warnings")
    return {name: getattr(found, name) for name in names} | {
        "noise": asdict(found.noise),
        "groups": [asdict(group) for group in found.groups],
        "ratios": [asdict(r) | {"is_beyond_noise": r.is_beyond_noise} for r in found.ratios],
    }
