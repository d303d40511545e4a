"""The command `runs`: what is in the folder of a sweep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional

from sparselaw.cli.options import Json, option, print_json, required


@dataclass(frozen=True)
class Command:
    """List the runs of a sweep: progress, loss and the reason for any failure."""

    folder: Annotated[Positional[str], required("folder of a sweep, or its address (s3://...)", metavar="FOLDER")]
    output: Annotated[
        Path | None,
        option(
            "table of the finished runs to write, such as runs.csv or .json",
            metavar="FILE",
            default="not written",
            short="-o",
        ),
    ] = None
    json: Json = False

    def run(self) -> None:
        """Writes the table, prints the list."""
        from sparselaw.runs.folders import runs_in, scan

        if self.output:
            runs_in(self.folder).write(self.output)
        states = scan(self.folder)
        if self.json:
            print_json([{"name": one.name, "state": one.state, "reason": one.reason, **one.record} for one in states])
            return
        from sparselaw.report.sweep_text import runs_text
        from sparselaw.report.text import show

        show(runs_text(states))
