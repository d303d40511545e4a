"""The command `inspect`: what a table of runs is, and what it can answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from tyro.conf import OmitArgPrefixes, Positional

from sparselaw.cli.fit import Table
from sparselaw.cli.options import Json, Reading, print_json


@dataclass(frozen=True)
class Command:
    """Describe a table of runs before fitting: what it holds, and which questions it can answer."""

    runs: Positional[Table]
    reading: OmitArgPrefixes[Reading] = field(default_factory=Reading)
    json: Json = False

    def run(self) -> None:
        """Reads, prints."""
        from sparselaw.fit import inspect
        from sparselaw.runs import read_runs

        # What was taken for what is on the screen and in the record, so it is not said on standard error too.
        found = inspect(read_runs(self.runs, **self.reading.choices()))
        if self.json:
            print_json(found.to_json())
            return
        from sparselaw.report.inspect_text import inspect_text
        from sparselaw.report.text import show

        show(inspect_text(found))
