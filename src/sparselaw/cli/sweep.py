"""The command `sweep`: look at a grid of runs, or train those that are missing."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional

from sparselaw.cli.options import Json, option, print_json, required, torch_for
from sparselaw.errors import UserError, arg, require_at_least

STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""
EngineName = Literal["local", "ray", "slurm"]


@dataclass(frozen=True)
class Command:
    """Train a grid of models over sizes, sparsities and data; stop and resume at any time.

    Finished runs are skipped, and interrupted ones continue from their last
    checkpoint.
    """

    sweep: Annotated[Positional[Path], required("TOML file of the sweep; see docs/sweeps.md", metavar="SWEEP")]
    output: Annotated[
        str | None,
        option(
            "folder or address for the runs, such as s3://bucket/runs",
            metavar="FOLDER",
            default="runs/NAME",
            short="-o",
        ),
    ] = None
    engine: Annotated[
        EngineName,
        option(
            "where to train: local (processes on this machine), or a cluster such as slurm", metavar="local|ray|slurm"
        ),
    ] = "local"
    workers: Annotated[
        int,
        option(
            "runs at a time, such as 4, with the engines local and slurm; ray takes what the cluster has",
            metavar="NUMBER",
            default="one for each GPU, else one for each core",
        ),
    ] = 0
    threads: Annotated[int, option("processor threads of each run, such as 4", metavar="NUMBER")] = 1
    address: Annotated[
        str | None, option("address of a Ray cluster, such as head:6379", metavar="HOST:PORT", default="start one here")
    ] = None
    retry: Annotated[bool, option("try diverged and failed runs again", default="leave them")] = False
    dry_run: Annotated[
        bool, option("print every run with its cost, from a short probe, and train nothing", default="train")
    ] = False
    json: Json = False

    def run(self) -> int:
        """Trains, or with --dry-run looks; returns 1 if a run is not finished in the end, and 130 after Ctrl-C."""
        require_at_least(1, threads=self.threads)
        require_at_least(0, workers=self.workers)
        if self.address and self.engine != "ray":
            raise UserError(f"{arg('address')} is that of a Ray cluster; give {arg('engine', 'ray')} with it.")
        with torch_for("Training"):
            from sparselaw.sweep.missing import train_missing
        if self.dry_run:
            return self._look()
        done = train_missing(
            self.sweep,
            output=self.output,
            engine=self.engine,
            workers=self.workers,
            threads=self.threads,
            address=self.address,
            retry=self.retry,
        )
        if self.json:
            print_json(done.to_json())
        else:
            print(f"{done.num_finished} of {done.num_runs} runs finished in {done.folder}")
            for state in done.left:
                print(f"{state.name} {state.state}{': ' if state.reason else ''}{state.reason}", file=sys.stderr)
        return STOPPED if done.stopped else int(done.num_finished < done.num_runs)

    def _look(self) -> int:
        """Prints the runs; returns 2 if one is impossible."""
        from sparselaw.report.sweep_text import preview_text
        from sparselaw.report.text import show
        from sparselaw.sweep.missing import default_workers, look

        seen = look(self.sweep, threads=self.threads)
        if self.json:
            print_json([asdict(one) for one in seen])
        else:
            show(preview_text(seen, workers=self.workers or default_workers(self.threads)))
        return 2 if any(one.problem for one in seen) else 0
