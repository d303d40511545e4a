"""The command `report`: one page."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import OmitArgPrefixes, Positional

from sparselaw.cli.options import (
    Intervals,
    Json,
    Reading,
    TokensPerImage,
    TrainingCost,
    check_output,
    option,
    print_json,
    required,
)

if TYPE_CHECKING:
    from sparselaw.report.verb import Report


@dataclass(frozen=True)
class Command:
    """Write runs, a folder of runs or a fit as one HTML page with a planner."""

    source: Annotated[
        Positional[str],
        required(
            "table or folder of runs, a published sweep (t5-c4 or vit-jft), a fit file or a published law",
            metavar="SOURCE",
        ),
    ]
    output: Annotated[Path, option("page to write, such as mine.html", metavar="FILE", short="-o")] = Path(
        "report.html"
    )
    fit: Annotated[
        str | None, option("fit of these runs, such as fit.json", metavar="FIT", default="fit them here")
    ] = None
    reading: OmitArgPrefixes[Reading] = field(default_factory=Reading)
    bootstrap: Intervals = 1000
    nonzeros: Annotated[
        str | None,
        option("non-zeros N that the page opens with, such as 85M", metavar="WEIGHTS", default="the largest fitted"),
    ] = None
    flops: Annotated[
        str | None,
        option(
            "training FLOPs that the page opens with, such as 1e20",
            metavar="FLOPS",
            default="dense training of N on the most data fitted",
        ),
    ] = None
    cost: TrainingCost = "dense"
    tokens_per_image: TokensPerImage = 1.0
    plotlyjs: Annotated[
        Literal["inline", "cdn"],
        option(
            "where the page has plotly.js from: inline (5 MB, works offline) or cdn (small, figures need a connection)",
            metavar="inline|cdn",
        ),
    ] = "inline"
    json: Json = False

    def run(self) -> None:
        """Writes the page and prints the answer in it."""
        check_output(self.output, "a report", ".html", ".htm")
        from sparselaw.report.verb import report

        made = report(
            self.source,
            output=self.output,
            fit=self.fit,
            **self.reading.choices(),
            bootstrap=self.bootstrap,
            nonzeros=self.nonzeros,
            flops=self.flops,
            cost=self.cost,
            tokens_per_image=self.tokens_per_image,
            plotlyjs=self.plotlyjs,
        )
        if self.json:
            print_json(made.to_json())
        else:
            _show(made)


def _show(made: Report) -> None:
    from sparselaw.plan.verdict import headline

    study = made.study
    for note in study.notes:
        print(f"sparselaw: {note}", file=sys.stderr)
    if study.answer is None:
        print(f"No optimal sparsity: {study.no_answer}")
    else:
        print(f"{study.fitted.name}: {headline(study.answer)}")
    states = Counter(item.state for item in made.checklist)
    print(f"checklist: {', '.join(f'{states[state]} {state}' for state in ('stated', 'weak', 'missing'))}")
    print(f"wrote {made.output} ({made.nbytes / 1e6:.2f} MB)")
