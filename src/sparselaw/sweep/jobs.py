"""Jobs that a sweep gives to workers, and their outcomes; the same for every engine."""

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
    """A run to train.

    Attributes:
        name: name of the run.
        config: configuration from `config_to`.
        folder: folder of the run: a path that every worker sees, or an address.
        threads: processor threads.
    """

    name: str
    config: dict[str, Any] = field(repr=False)
    folder: str
    threads: int = 1


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        name: name of the run.
        status: `finished`, `diverged`, `interrupted`, `failed`, `in use` (another process trains it), or `not
            writable` (the folder; the whole sweep then stops).
        reason: why the run did not finish; empty if it did.
        result: contents of result.json.
        warnings: warnings of the run.
    """

    name: str
    status: str
    reason: str = ""
    result: dict[str, Any] = field(default_factory=dict, repr=False)
    warnings: tuple[str, ...] = ()


Engine = Callable[[Sequence[Job], threading.Event], Iterator[Outcome]]
"""Trains jobs and yields the outcome of each as it ends. When the event is set, runs save their state and end as
`interrupted`; runs that have not begun have no outcome."""


def train_job(job: Job) -> Outcome:
    """Trains a run in this process; returns errors as outcomes, so that one bad run does not end a worker."""
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
