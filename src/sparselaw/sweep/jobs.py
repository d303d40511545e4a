"""What a sweep hands to a worker, and what comes back; the same for every engine."""

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sparselaw.errors import UserError
from sparselaw.runs.folders import FAILED, FINISHED

INTERRUPTED, IN_USE, NO_PLACE = "interrupted", "in use", "not writable"


@dataclass(frozen=True)
class Job:
    """A run to be trained.

    Attributes:
        name: of the run.
        config: what `config_to` gives.
        folder: of the run; a path that every worker sees, or an address.
        threads: of the processor.
    """

    name: str
    config: dict[str, Any] = field(repr=False)
    folder: str
    threads: int = 1


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        name: of the run.
        status: `finished`, `diverged`, `interrupted`, `failed`, `in use` (another process trains it), or `not
            writable` (its folder; then the whole sweep stops).
        reason: one sentence, unless it finished.
        result: what result.json holds.
        warnings: of the run.
    """

    name: str
    status: str
    reason: str = ""
    result: dict[str, Any] = field(default_factory=dict, repr=False)
    warnings: tuple[str, ...] = ()


Engine = Callable[[Sequence[Job], threading.Event], Iterator[Outcome]]
"""Trains jobs and gives each one's outcome as it comes. When the event is set, runs save their state and end as
`interrupted`, and those not begun give no outcome."""


def train_job(job: Job) -> Outcome:
    """Trains a run in this process; never raises, so that one bad run does not end a worker."""
    import torch

    from sparselaw.train.config import config_from
    from sparselaw.train.place import FolderInUseError, FolderNotWritableError
    from sparselaw.train.run_folder import run

    torch.set_num_threads(job.threads)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            result = run(config_from(job.config), job.folder, quiet=True)
            reason = "" if result["status"] == FINISHED else f"after {result['steps_done']} of {result['steps']} steps"
            outcome = Outcome(job.name, result["status"], reason, result)
        except FolderInUseError as error:
            outcome = Outcome(job.name, IN_USE, str(error))
        except FolderNotWritableError as error:
            outcome = Outcome(job.name, NO_PLACE, str(error))
        except Exception as error:
            reason = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
            outcome = Outcome(job.name, FAILED, reason)
    return replace(outcome, warnings=tuple(dict.fromkeys(str(warning.message) for warning in caught)))
