"""The command `hardware`: what zeros cost on this machine."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from sparselaw.cli.options import Json, check_output, option, print_json, torch_for
from sparselaw.errors import UserError, arg, require_at_least


@dataclass(frozen=True)
class Command:
    """Measure the time of products with sparse weights on this machine, relative to dense ones.

    The file that it writes serves as --cost and --inference-cost of plan.
    """

    shapes: Annotated[
        tuple[str, ...], option("shapes of weight matrices, such as 4096x4096", metavar="ROWSxCOLUMNS ...")
    ] = ("1024x1024", "4096x1024")
    batches: Annotated[
        tuple[int, ...],
        option("tokens in one product, such as 1 64; training is timed at the largest", metavar="NUMBER ..."),
    ] = (1, 16, 128)
    sparsities: Annotated[tuple[float, ...], option("sparsities to time, such as 0.5 0.9", metavar="SPARSITY ...")] = (
        0.5, 0.75, 0.875, 0.9375, 0.984375,
    )  # fmt: skip
    rounds: Annotated[int, option("number of times that each product is timed, such as 21", metavar="NUMBER")] = 7
    threads: Annotated[
        int | None,
        option(
            "threads of PyTorch, such as 8; with 1, processor time is counted, which other work does not add to",
            metavar="NUMBER",
            default="as many as PyTorch takes",
        ),
    ] = None
    output: Annotated[
        Path | None, option("file to write, such as machine.json", metavar="FILE", default="not written", short="-o")
    ] = None
    json: Json = False

    def run(self) -> None:
        """Measures, writes, prints."""
        with torch_for("Measuring"):
            from sparselaw.cost.measuring import measure
        self._check()
        found = measure(
            shapes=[_shape(shape) for shape in self.shapes],
            batches=self.batches,
            sparsities=sorted(self.sparsities),
            rounds=self.rounds,
            threads=self.threads,
            progress=lambda line: print(line, file=sys.stderr),
        )
        if self.output:
            found.save(self.output)
        if self.json:
            print_json(found.to_json())
            return
        from sparselaw.report.plan_text import hardware_text
        from sparselaw.report.text import show

        show(hardware_text(found))

    def _check(self) -> None:
        for name in ("shapes", "batches", "sparsities"):
            if not getattr(self, name):
                raise UserError(f"{arg(name)} is empty; give at least one value.")
        for S in self.sparsities:
            if not 0 < S < 1:
                raise UserError(f"{arg('sparsities')} has {S:g}; give numbers between 0 and 1, such as 0.5.")
        require_at_least(
            1, batches=min(self.batches), rounds=self.rounds, threads=1 if self.threads is None else self.threads
        )
        check_output(self.output, "measurements", ".json")


def _shape(text: str) -> tuple[int, int]:
    rows, _, columns = text.lower().partition("x")
    if not (rows.isdecimal() and columns.isdecimal() and int(rows) and int(columns)):
        raise UserError(f"{arg('shapes')} has {text!r}; give ROWSxCOLUMNS, such as 4096x1024.")
    return int(rows), int(columns)
