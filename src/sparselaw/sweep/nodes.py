"""What the engines for several machines share: one folder for all, and runs that were started elsewhere.

If a machine dies, its run resumes from the last checkpoint on another. So all machines must see the same folder. The
engine creates it before any run starts, and a machine that does not find it reports an error.
"""

import platform
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sparselaw.runs.folders import is_address
from sparselaw.sweep.jobs import IN_USE, NO_PLACE, Job, Outcome, train_job

MOST_RETRIES = 3
"""How often a run is started again after its process or machine died."""

PATIENCE = 120.0
"""Seconds in which a run must save when it is asked to stop, or for which a dead machine may hold the lock of a folder."""


def for_nodes(jobs: Sequence[Job]) -> list[Job]:
    """The jobs with absolute folders; creates the parent of each folder."""
    return [job if is_address(job.folder) else replace(job, folder=str(_made(Path(job.folder)))) for job in jobs]


def train_on_node(job: Job, *, is_again: bool) -> Outcome:
    """Trains a run in this process, on any machine; see `train_job`.

    Args:
        job: a job from `for_nodes`.
        is_again: whether the run was started before; its earlier process may then hold the folder for a while.
    """
    if not is_address(job.folder) and not (around := Path(job.folder).parent).is_dir():
        reason = f"{platform.node()} cannot see {around}; choose a folder that all machines share."
        return Outcome(job.name, NO_PLACE, reason)
    deadline = time.monotonic() + (PATIENCE if is_again else 0)
    while (outcome := train_job(job)).status == IN_USE and time.monotonic() < deadline:
        time.sleep(1)
    return outcome


@contextmanager
def saving_on(number: int, otherwise: Callable[[int, Any], Any]) -> Iterator[list[int]]:
    """Makes a signal save and stop the run in this process, as SIGTERM does.

    Args:
        number: number of the signal.
        otherwise: handler for the time before the first step and after the last, when there is nothing to save.

    Yields:
        The signals that came during training.
    """
    idle, came = signal.getsignal(signal.SIGTERM), []

    def handle(signum: int, frame: Any) -> None:
        if signal.getsignal(signal.SIGTERM) is idle:
            otherwise(signum, frame)
        else:
            came.append(signum)
            signal.raise_signal(signal.SIGTERM)

    before = signal.signal(number, handle)
    try:
        yield came
    finally:
        signal.signal(number, before)


def _made(folder: Path) -> Path:
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    return folder
