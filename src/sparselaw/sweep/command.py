"""The command `sparselaw sweep`: look at a sweep, or train what is missing of it."""

import json as json_module
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from sparselaw.errors import UserError
from sparselaw.runs.folders import FINISHED, RunState, is_address
from sparselaw.sweep.driver import Agenda, carry_out, make_agenda, stopping_in_order
from sparselaw.sweep.grid import PlannedRun, SweepConfig, expand, load_sweep
from sparselaw.sweep.jobs import INTERRUPTED, Engine, Outcome
from sparselaw.sweep.preview import Preview, preview
from sparselaw.sweep.watch import Sighting, watching

STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""


def sweep(
    source: str | Path,
    *,
    output: str | None = None,
    engine: str = "local",
    workers: int = 0,
    threads: int = 1,
    address: str | None = None,
    retry: bool = False,
    json: bool = False,
) -> int:
    """Trains what is missing of a sweep and says what is there.

    Args:
        source: path of the sweep's TOML file.
        output: folder or address for the runs; by default `runs/` and the file's name.
        engine: `local`, `ray` or `slurm`.
        workers: runs at a time; 0 takes one for each GPU, or as many as the processor's cores allow.
        threads: of the processor, for each run.
        address: of a Ray cluster; without one, one is started here.
        retry: try diverged and failed runs again.
        json: print one record of all runs as JSON.

    Returns:
        The exit code: 0 if all runs are finished, 130 after Ctrl-C, else 1.

    Raises:
        UserError: one sentence about what cannot be done.
    """
    config = load_sweep(source)
    runs = expand(config)
    facts = {seen.name: seen.facts for seen in _possible(preview(runs, threads=threads, probe=False))}
    folder = output or str(Path("runs") / Path(source).stem)
    flops = {name: fact["flops"] for name, fact in facts.items()}
    agenda = make_agenda(runs, folder, threads=threads, retry=retry, flops=flops)
    workers = workers or default_workers(threads)
    sightings = [Sighting(job.name, job.folder, facts[job.name]["steps"], flops[job.name]) for job in agenda.jobs]
    with watching(sightings, workers=workers) as watch, stopping_in_order(watch.say) as stop:
        watch.say(_opening(agenda, folder))
        outcomes = []
        for outcome in carry_out(agenda.jobs, _engine(engine, config, workers, address, folder), stop=stop):
            watch.ended(outcome)
            outcomes.append(outcome)
    return _close(runs, agenda, outcomes, folder, stopped=stop.is_set(), json=json)


def look(source: str | Path, *, threads: int = 1) -> list[Preview]:
    """What each run of a sweep is and costs, measured by a short probe, or why it cannot be."""
    return preview(expand(load_sweep(source)), threads=threads)


def default_workers(threads: int) -> int:
    """Runs at a time on this machine: one a GPU, or as many as the cores allow."""
    import torch

    # Not every system tells which cores a process may use.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return torch.cuda.device_count() or max(1, cores // threads)


def _possible(previews: Sequence[Preview]) -> Sequence[Preview]:
    bad = [seen for seen in previews if seen.problem]
    if bad:
        others = f" (and {len(bad) - 1} more; see --dry-run)" if len(bad) > 1 else ""
        raise UserError(f"The run {bad[0].name} is impossible: {bad[0].problem.rstrip('.')}{others}.")
    return previews


def _engine(name: str, config: SweepConfig, workers: int, address: str | None, folder: str) -> Engine:
    if name == "ray":
        from sparselaw.sweep.ray_cluster import train_on_ray

        return partial(train_on_ray, address=address, gpus_per_run=config.gpus_per_run)
    if name == "slurm":
        from sparselaw.sweep.slurm import train_on_slurm

        logs = Path("slurm-logs") if is_address(folder) else Path(folder).with_name(f"{Path(folder).name}-slurm-logs")
        return partial(train_on_slurm, workers=workers, options=config.slurm, log_folder=logs.absolute())
    from sparselaw.sweep.local import train_locally

    return partial(train_locally, workers=workers, gpus=_gpus())


def _gpus() -> list[str]:
    import torch

    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return visible.split(",") if visible else [str(k) for k in range(torch.cuda.device_count())]


def _opening(agenda: Agenda, folder: str) -> str:
    parts = [f"{len(agenda.jobs)} runs to train in {folder}"]
    parts += [f"{len(agenda.finished)} finished before"] if agenda.finished else []
    parts += [f"{len(agenda.left)} diverged or failed (--retry tries them again)"] if agenda.left else []
    return ", ".join(parts)


def _close(
    runs: Sequence[PlannedRun],
    agenda: Agenda,
    outcomes: Sequence[Outcome],
    folder: str,
    *,
    stopped: bool,
    json: bool,
) -> int:
    finished = len(agenda.finished) + sum(outcome.status == FINISHED for outcome in outcomes)
    if json:
        records = [_record(state) for state in (*agenda.finished, *agenda.left)] + [asdict(o) for o in outcomes]
        print(json_module.dumps(records, indent=1))
    else:
        print(f"{finished} of {len(runs)} runs finished in {folder}")
        for state in agenda.left:
            print(f"{state.name} {state.state}{': ' if state.reason else ''}{state.reason}", file=sys.stderr)
    if stopped or any(outcome.status == INTERRUPTED for outcome in outcomes):
        return STOPPED
    return 0 if finished == len(runs) else 1


def _record(state: RunState) -> dict[str, Any]:
    result = state.record if state.state == FINISHED else {}
    return asdict(Outcome(state.name, state.state, state.reason, result))
