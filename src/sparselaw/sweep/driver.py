"""Trains the unfinished runs of a sweep in its folder, whatever state the folder is in."""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from sparselaw.errors import UserError
from sparselaw.runs.folders import DIVERGED, FAILED, FAILED_FILE, FINISHED, RunState, is_address, open_address, scan
from sparselaw.sweep.grid import PlannedRun
from sparselaw.sweep.jobs import IN_USE, NO_PLACE, Engine, Job, Outcome
from sparselaw.train.config import config_to
from sparselaw.train.place import LOCK, FolderNotWritableError, not_writable
from sparselaw.train.run_folder import difference_of

_SECONDS_BETWEEN_LOOKS = 2.0


@dataclass(frozen=True)
class Agenda:
    """The runs of a sweep by what remains to be done.

    Attributes:
        jobs: runs to train, the longest first, so that no long run is left for the end.
        finished: finished runs.
        left: diverged and failed runs, which are not tried again.
    """

    jobs: tuple[Job, ...]
    finished: tuple[RunState, ...]
    left: tuple[RunState, ...]


def make_agenda(
    runs: Sequence[PlannedRun], folder: str, *, threads: int, retry: bool, flops: Mapping[str, float]
) -> Agenda:
    """Compares the runs of a sweep with its folder.

    Args:
        runs: the runs of the sweep.
        folder: path or address; created if missing.
        threads: processor threads per run.
        retry: train diverged runs again from the start, and failed ones from their last checkpoint.
        flops: training FLOPs of each run, by name.

    Raises:
        UserError: if a run's folder holds another run, or the folder cannot be written.
    """
    fs, root = open_address(folder)
    try:
        fs.makedirs(root, exist_ok=True)
    except OSError as error:
        raise not_writable(folder, error.strerror) from error
    there = {state.name: state for state in scan(folder)}
    for run in runs:
        _check_same(run, there.get(run.name), folder)
    ended = [there[run.name] for run in runs if run.name in there]
    left = () if retry else tuple(state for state in ended if state.state in (DIVERGED, FAILED))
    finished = tuple(state for state in ended if state.state == FINISHED)
    if retry:
        for state in ended:
            if state.state == DIVERGED:
                fs.rm(f"{root}/{state.name}", recursive=True)
    no_more = {state.name for state in (*finished, *left)}
    todo = sorted((run for run in runs if run.name not in no_more), key=lambda run: flops[run.name], reverse=True)
    place = folder.rstrip("/") if is_address(folder) else str(Path(folder).absolute())
    return Agenda(
        tuple(Job(run.name, config_to(run.config), f"{place}/{run.name}", threads) for run in todo), finished, left
    )


def _check_same(run: PlannedRun, state: RunState | None, folder: str) -> None:
    if state and state.config and (difference := difference_of(state.config, run.config)):
        raise UserError(f"{folder}/{run.name} holds another run ({difference}); choose another folder.")


def carry_out(todo: Sequence[Job], engine: Engine, *, stop: threading.Event) -> Iterator[Outcome]:
    """Trains jobs on an engine; waits for runs that another sweep is training.

    Yields:
        The outcome of each run as it ends.

    Raises:
        FolderNotWritableError: as soon as the folder of one run cannot be written; the other runs save first.
    """
    in_use: list[Job] = []
    by_name = {job.name: job for job in todo}
    while todo:
        for outcome in engine(todo, stop):
            if outcome.status == NO_PLACE:
                stop.set()
                raise FolderNotWritableError(outcome.reason)
            if outcome.status == IN_USE:
                in_use.append(by_name[outcome.name])
                continue
            if outcome.status == FAILED:
                _mark(by_name[outcome.name], outcome)
            yield outcome
        todo, in_use = _released(in_use, stop), []


def _released(in_use: Sequence[Job], stop: threading.Event) -> list[Job]:
    """Waits until no other process trains in any of the folders; returns no jobs if the sweep stops."""
    while not stop.is_set() and any(_is_in_use(job.folder) for job in in_use):
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    return [] if stop.is_set() else list(in_use)


def _is_in_use(folder: str) -> bool:
    try:
        with FileLock(Path(folder) / LOCK, timeout=0):
            return False
    except Timeout:
        return True


def _mark(job: Job, outcome: Outcome) -> None:
    """Writes failed.json for a run that could not, because its process died."""
    fs, root = open_address(job.folder)
    if not fs.exists(f"{root}/{FAILED_FILE}"):
        fs.makedirs(root, exist_ok=True)
        fs.pipe_file(f"{root}/{FAILED_FILE}", json.dumps({"reason": outcome.reason}, indent=1).encode())


@contextmanager
def stopping_in_order(say: Callable[[str], None]) -> Iterator[threading.Event]:
    """Gives an event that Ctrl-C and SIGTERM set; the second signal ends the process at once."""
    stop = threading.Event()

    def ask(number: int, _: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        say("stopping when all runs have saved (press Ctrl-C again to stop at once)")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
