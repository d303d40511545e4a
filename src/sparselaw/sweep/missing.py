"""Previews the runs of a sweep file, or trains those that are not finished."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sparselaw.errors import UserError, arg
from sparselaw.runs.folders import FINISHED, RunState, is_address
from sparselaw.sweep.driver import Agenda, carry_out, make_agenda, stopping_in_order
from sparselaw.sweep.grid import SweepConfig, expand, load_sweep
from sparselaw.sweep.jobs import INTERRUPTED, Engine, Outcome
from sparselaw.sweep.preview import Preview, preview
from sparselaw.sweep.watch import Sighting, watching


@dataclass(frozen=True)
class Trained:
    """How a sweep ended.

    Attributes:
        folder: folder of the runs.
        num_runs: number of runs in the sweep.
        finished: runs that had finished before.
        left: diverged and failed runs that were not tried again.
        outcomes: outcomes of the runs trained now.
        stopped: whether Ctrl-C or SIGTERM stopped the sweep.
    """

    folder: str
    num_runs: int
    finished: tuple[RunState, ...]
    left: tuple[RunState, ...]
    outcomes: tuple[Outcome, ...]
    stopped: bool

    @property
    def num_finished(self) -> int:
        """Number of runs that are finished now."""
        return len(self.finished) + sum(outcome.status == FINISHED for outcome in self.outcomes)

    def to_json(self) -> list[dict[str, Any]]:
        """One record for each run that has ended."""
        before = [Outcome(one.name, one.state, one.reason, one.record) for one in self.finished]
        before += [Outcome(one.name, one.state, one.reason) for one in self.left]
        return [asdict(outcome) for outcome in (*before, *self.outcomes)]


def train_missing(
    source: str | Path,
    *,
    output: str | None = None,
    engine: str = "local",
    workers: int = 0,
    threads: int = 1,
    address: str | None = None,
    retry: bool = False,
) -> Trained:
    """Trains the runs of a sweep that are not finished, and shows their progress.

    Args:
        source: path of the sweep's TOML file.
        output: folder or address for the runs; if None, `runs/` and the name of the file.
        engine: `local`, `ray` or `slurm`.
        workers: runs at a time; 0 means one per GPU, or without GPUs one per `threads` cores.
        threads: processor threads per run.
        address: address of a Ray cluster; None starts one on this machine.
        retry: try diverged and failed runs again.

    Raises:
        UserError: if a run is impossible, or the folder or the engine cannot be used.
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
    stopped = stop.is_set() or any(outcome.status == INTERRUPTED for outcome in outcomes)
    return Trained(folder, len(runs), agenda.finished, agenda.left, tuple(outcomes), stopped)


def look(source: str | Path, *, threads: int = 1) -> list[Preview]:
    """The size and cost of each run of a sweep, or why the run is impossible; a short probe measures time and memory."""
    return preview(expand(load_sweep(source)), threads=threads)


def default_workers(threads: int) -> int:
    """Runs at a time on this machine: one per GPU, or without GPUs one per `threads` cores."""
    import torch

    # Some systems cannot say which cores a process may use.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return torch.cuda.device_count() or max(1, cores // threads)


def _possible(previews: Sequence[Preview]) -> Sequence[Preview]:
    bad = [seen for seen in previews if seen.problem]
    if bad:
        others = f" (and {len(bad) - 1} more; see {arg('dry_run')})" if len(bad) > 1 else ""
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
    parts += [f"{len(agenda.finished)} already finished"] if agenda.finished else []
    parts += [f"{len(agenda.left)} diverged or failed (--retry tries them again)"] if agenda.left else []
    return ", ".join(parts)
