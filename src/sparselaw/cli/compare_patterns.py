"""The command `compare-patterns`: groups of runs, and which of them differ."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional

from sparselaw.cli.options import Columns, Confidence, Json, named_columns, option, print_json, required
from sparselaw.errors import UserError, arg

if TYPE_CHECKING:
    from sparselaw.fit.multipliers import GroupComparison
    from sparselaw.runs import Runs

Figure = Annotated[
    Path | None,
    option("figure to write, such as compared.png, .svg or .pdf", metavar="FILE", default="not drawn"),
]


@dataclass(frozen=True)
class Command:
    """Compare n:m patterns, or any groups of runs: how many dense weights is a non-zero worth?

    Says which groups differ beyond noise.
    """

    runs: Annotated[Positional[tuple[str, ...]], required("tables or folders of runs, some of them dense", "RUNS ...")]
    by: Annotated[
        str, option("columns that tell groups apart, such as recipe, or pattern,recipe", metavar="COLUMN,...")
    ] = "pattern"
    columns: Columns = None
    confidence: Confidence = 0.95
    figure: Figure = None
    json: Json = False

    def run(self) -> None:
        """Fits, prints, draws."""
        from sparselaw.fit.multipliers import compare_groups

        by = tuple(filter(None, (word.strip() for word in self.by.split(","))))
        found = compare_groups(read_several(self.runs, self.columns), by, level=checked_confidence(self.confidence))
        if self.figure:
            from sparselaw.report import figures

            figures.save(figures.multiplier_figure(found), self.figure)
        if self.json:
            print_json(_record(found))
            return
        from sparselaw.report.comparisons import comparison_text
        from sparselaw.report.text import show

        show(comparison_text(found))


def read_several(sources: tuple[str, ...], columns: str | None) -> Runs:
    """All runs in one table."""
    from sparselaw.runs import read_all

    if not sources:
        raise UserError("Give RUNS, at least one table or folder of runs.")
    return read_all(sources, columns=named_columns(columns))


def checked_confidence(confidence: float) -> float:
    """The confidence, if it is one."""
    if not 0 < confidence < 1:
        raise UserError(f"{arg('confidence')} is {confidence:g}; give a number between 0 and 1.")
    return confidence


def _record(found: GroupComparison) -> dict[str, Any]:
    names = ("by", "level", "num_dense", "warnings")
    return {name: getattr(found, name) for name in names} | {
        "noise": asdict(found.noise),
        "groups": [asdict(group) for group in found.groups],
        "ratios": [asdict(r) | {"is_beyond_noise": r.is_beyond_noise} for r in found.ratios],
    }
