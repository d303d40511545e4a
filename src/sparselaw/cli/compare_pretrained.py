"""The command `compare-pretrained`: what a dense checkpoint is worth."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

from tyro.conf import Positional

from sparselaw.cli.compare_patterns import Figure, checked_confidence, read_several
from sparselaw.cli.options import Columns, Confidence, Json, option, print_json, required


@dataclass(frozen=True)
class Command:
    """Compare pruning a dense checkpoint with sparse training from scratch.

    Says how much data sparse training from scratch needs to reach the same
    loss.
    """

    runs: Annotated[
        Positional[tuple[str, ...]], required("tables or folders of runs, with and without a checkpoint", "RUNS ...")
    ]
    fit: Annotated[
        str | None,
        option("fit of runs from scratch, such as fit.json", metavar="FIT", default="straight lines between the runs"),
    ] = None
    columns: Columns = None
    confidence: Confidence = 0.95
    figure: Figure = None
    json: Json = False

    def run(self) -> None:
        """Compares, prints, draws."""
        from sparselaw.fit import open_fit
        from sparselaw.fit.pretrained import compare_pretrained

        law = open_fit(self.fit) if self.fit else None
        level = checked_confidence(self.confidence)
        found = compare_pretrained(read_several(self.runs, self.columns), law, level=level)
        if self.figure:
            from sparselaw.report import figures

            figures.save(figures.pretrained_figure(found), self.figure)
        if self.json:
            print_json([asdict(v) | {"factor": v.factor, "factor_of_both": v.factor_of_both} for v in found])
            return
        from sparselaw.report.comparisons import pretrained_text
        from sparselaw.report.text import show

        show(pretrained_text(found, level))
