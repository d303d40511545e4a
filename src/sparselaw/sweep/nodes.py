"""What the engines of several machines share: places that mean the same everywhere, and runs that were begun elsewhere.

A machine may vanish with a run, and the run goes on from its last checkpoint on another one. For that, all machines
must see one folder; the engines make the folder around the runs before they start any, and a machine that does not
find it says so instead of training where nobody looks.
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
"""How often a run whose process or machine died is begun again."""

PATIENCE = 120.0
"""Seconds that a run has to save its state when it is asked to, or that a dead machine may keep the lock of a folder."""


def for_nodes(jobs: Sequence[Job]) -> list[Job]:
    """The jobs with folders that do not depend on where a process was started; the folder around each is made."""
    return [job if is_address(job.folder) else replace(job, folder=str(_made(Path(job.folder)))) for job in jobs]


def train_on_node(job: Job, *, is_again: bool) -> Outcome:
    """Trains a run in this process, on whichever machine it is; see `train_job`.

    Args:
        job: from `for_nodes`.
        is_again: whether the run was begun before; then the process that had it may still be letting go of its folder.
    """
    if not is_address(job.folder) and not (around := Path(job.folder).parent).is_dir():
        reason = f"{around} is not seen by {platform.node()}; choose a folder that all machines share."
        return Outcome(job.name, NO_PLACE, reason)
    deadline = time.monotonic() + (PATIENCE if is_again else 0)
    while (outcome := train_job(job)).status == IN_USE and time.monotonic() < deadline:
        time.sleep(1)
    return outcome


@contextmanager
def saving_on(number: int, otherwise: Callable[[int, Any], Any]) -> Iterator[list[int]]:
    """Makes a signal save and stop the run that this process trains, as SIGTERM does.

    Args:
        number: of the signal.
        otherwise: called instead when there is nothing to save: before the first step and after the last.

    Yields:
        The signals that came while the run was trained.
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
