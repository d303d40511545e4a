"""The commands `train`, `sweep`, `runs` and `export`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from sparselaw.commands.options import not_negative, positive, print_json, torch_for
from sparselaw.errors import UserError
from sparselaw.report import text

if TYPE_CHECKING:
    from sparselaw.cli import ExportCommand, RunsCommand, SweepCommand, TrainCommand


def train(command: TrainCommand) -> None:
    """Exits with 1 if the run diverged and 143 if SIGTERM interrupted it."""
    with torch_for("training"):
        from sparselaw.train.command import train as train_model
    sys.exit(train_model(command.config, output=command.output, overrides=command.overrides, json=command.json))


def sweep(command: SweepCommand) -> None:
    """Exits with 1 if a run is not finished in the end, and 130 after Ctrl-C."""
    positive(command.threads, "threads")
    not_negative(command.workers, "workers")
    if command.address and command.engine != "ray":
        raise UserError("--address is that of a Ray cluster; give --engine ray with it")
    with torch_for("training"):
        from sparselaw.sweep import command as sweeps
    if command.dry_run:
        from sparselaw.report import sweep_text

        seen = sweeps.look(command.sweep, threads=command.threads)
        workers = command.workers or sweeps.default_workers(command.threads)
        if command.json:
            print_json([asdict(one) for one in seen])
        else:
            text.show(sweep_text.preview_text(seen, workers=workers))
        sys.exit(2 if any(one.problem for one in seen) else 0)
    sys.exit(
        sweeps.sweep(
            command.sweep,
            output=command.output,
            engine=command.engine,
            workers=command.workers,
            threads=command.threads,
            address=command.address,
            retry=command.retry,
            json=command.json,
        )
    )


def runs(command: RunsCommand) -> None:
    from sparselaw.report import sweep_text
    from sparselaw.runs.folders import runs_in, scan

    if command.output:
        runs_in(command.folder).write(command.output)
    states = scan(command.folder)
    if command.json:
        print_json([{"name": one.name, "state": one.state, "reason": one.reason, **one.record} for one in states])
    else:
        text.show(sweep_text.runs_text(states))


def export(command: ExportCommand) -> None:
    with torch_for("exporting"):
        from sparselaw.prune.command import export as export_model
    export_model(
        command.model,
        output=command.output,
        format=command.format,
        precision=command.precision,
        restore=command.restore,
        json=command.json,
    )
