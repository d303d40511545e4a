"""The commands `report` and `demo`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparselaw.commands.options import check_output, count, positive, torch_for
from sparselaw.runs import parse_columns

if TYPE_CHECKING:
    from sparselaw.cli import DemoCommand, ReportCommand


def report(command: ReportCommand) -> None:
    from sparselaw.report.command import report as write_report

    check_output(command.output, "a report", ".html", ".htm")
    write_report(
        command.source,
        output=command.output,
        fit_file=command.fit,
        columns=parse_columns(command.columns) if command.columns else None,
        num_draws=positive(command.bootstrap, "bootstrap"),
        nonzero_params=count(command.nonzeros),
        flops=count(command.flops),
        cost=command.cost,
        units_per_datum=command.tokens_per_image,
        plotlyjs=command.plotlyjs,
        json=command.json,
    )


def demo(command: DemoCommand) -> None:
    with torch_for("training"):
        from sparselaw.demo import demo as show_all

        show_all(command.output)
