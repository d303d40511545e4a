"""The engine for Slurm clusters: one job array, submitted through submitit.

When Slurm signals a job, shortly before its time limit or before it is preempted, the job saves its run and requeues
itself. A job that Slurm requeues resumes from its last checkpoint. A job that disappears without a result is submitted
again. squeue says which jobs are alive, because many clusters have no accounting for sacct.
"""

import io
import math
import os
import secrets
import shutil
import signal
import subprocess
import threading
import time
import warnings
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparselaw.errors import UserError
from sparselaw.sweep.jobs import FAILED, INTERRUPTED, Job, Outcome
from sparselaw.sweep.nodes import MOST_RETRIES, PATIENCE, for_nodes, saving_on, train_on_node

DEFAULT_MINUTES = 240
"""Default time limit of a job; a run that needs longer is queued again."""

_MOST_SITTINGS = 100
_LOOK_EVERY = 5.0
_OURS = (
    "nodes",
    "tasks_per_node",
    "stderr_to_stdout",
    "slurm_time",
    "slurm_ntasks_per_node",
    "slurm_array_parallelism",
)


def train_on_slurm(
    jobs: Sequence[Job],
    stop: threading.Event,
    *,
    workers: int,
    options: Mapping[str, Any],
    log_folder: Path,
    cluster: str | None = None,
) -> Iterator[Outcome]:
    """Trains runs as Slurm jobs; see `jobs.Engine`.

    When the sweep stops, its jobs are cancelled; running jobs save first.

    Args:
        jobs: runs in the order in which they are queued.
        stop: see `jobs.Engine`.
        workers: jobs of the array that run at a time; jobs that are submitted again do not count.
        options: options of each job, as submitit names them: `timeout_min` (minutes, by default `DEFAULT_MINUTES`),
            `mem_gb`, `cpus_per_task` (by default the threads of a run), `gpus_per_node`, and any option of sbatch with
            the prefix `slurm_`: `slurm_partition`, `slurm_account`, `slurm_qos`, `slurm_constraint`, `slurm_gres`,
            `slurm_signal_delay_s` (seconds to save before the time limit) and others.
        log_folder: folder for logs and the files of submitit; all nodes must see it.
        cluster: `local` runs the jobs on this machine without Slurm.

    Raises:
        UserError: if submitit or Slurm is missing, an option is unknown, or Slurm refuses the jobs.
    """
    if not jobs:
        return
    executor = _executor(log_folder, cluster or "slurm")
    _set_options(executor, options, threads=max(job.threads for job in jobs), workers=workers)
    queue = _LocalQueue(executor) if cluster == "local" else _SlurmQueue(executor)
    sweep = _Sweep(queue, for_nodes(jobs), at_a_time=workers if cluster == "local" else len(jobs))
    try:
        yield from sweep.outcomes(stop)
    finally:
        queue.cancel(sweep.under_way)


class _Train:
    """The function of a job; submitit calls `checkpoint` for the job to queue in its place."""

    def __call__(self, job: Job, is_again: bool) -> Outcome:
        from submitit import JobEnvironment

        number = getattr(signal, f"SIG{JobEnvironment.USR_SIG}")
        requeue: Any = signal.getsignal(number)
        is_again = is_again or int(os.environ.get("SLURM_RESTART_COUNT", "0")) > 0
        with saving_on(number, requeue) as came:
            outcome = train_on_node(job, is_again=is_again)
        if came and outcome.status == INTERRUPTED:
            requeue(number, None)  # ends this process
        return outcome

    def checkpoint(self, job: Job, is_again: bool) -> Any:
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, job, True)


@dataclass
class _Submission:
    """A submitted run.

    Attributes:
        job: the run.
        handle: submitit's job.
        saved: outcome of an interrupted run, kept until it is clear whether Slurm starts it again.
        is_missed: whether the job had disappeared without a result at the last look.
    """

    job: Job
    handle: Any
    saved: Outcome | None = None
    is_missed: bool = False

    def take_outcome(self) -> Outcome | None:
        """The outcome, returned once; None if the run has not ended or its job ended with an error."""
        from submitit.core.utils import UncompletedJobError

        path = self.handle.paths.result_pickle
        if not path.exists():
            return None
        try:
            return self.handle.result()
        except UncompletedJobError:
            return None
        finally:
            path.unlink(missing_ok=True)  # Slurm may start the job again


class _SlurmQueue:
    """The queue of a Slurm cluster."""

    def __init__(self, executor: Any) -> None:
        self._executor = executor

    def submit(self, runs: Sequence[tuple[Job, bool]]) -> list[_Submission]:
        """Queues runs, each given with whether it was started before.

        Raises:
            UserError: if Slurm refuses the jobs.
        """
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        jobs, were_begun = zip(*runs, strict=True)
        try:
            with _outside_any_job(), redirect_stderr(io.StringIO()):
                handles = self._executor.map_array(_Train(), jobs, were_begun)
        except (FailedJobError, FailedSubmissionError, OSError) as error:
            last = (str(error).strip() or type(error).__name__).splitlines()[-1]
            cause = last.removeprefix("sbatch: error: ").rstrip(".")
            raise UserError(f"Slurm refused the jobs ({cause}); correct the options in [slurm].") from error
        return [_Submission(job, handle) for job, handle in zip(jobs, handles, strict=True)]

    def alive(self, submissions: Sequence[_Submission]) -> set[str]:
        """Ids of jobs that are queued, running or ending; all of them if squeue fails."""
        folder = self._executor.folder
        with suppress(OSError):
            folder.chmod(folder.stat().st_mode)  # makes NFS refresh the folder, so that results appear
        command = ["squeue", "--me", "--array", "--noheader", "--format=%i"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        return {s.handle.job_id for s in submissions} if answer.returncode else set(answer.stdout.split())

    def cancel(self, submissions: Sequence[_Submission]) -> None:
        if submissions:
            arrays = {submission.handle.job_id.partition("_")[0] for submission in submissions}
            subprocess.run(["scancel", *sorted(arrays)], capture_output=True, check=False)


class _LocalQueue(_SlurmQueue):
    """A queue of local processes instead of Slurm jobs."""

    def alive(self, submissions: Sequence[_Submission]) -> set[str]:
        return {s.handle.job_id for s in submissions if not s.handle.done()}

    def cancel(self, submissions: Sequence[_Submission]) -> None:
        for submission in submissions:
            if not submission.handle.done():
                os.kill(int(submission.handle.job_id), signal.SIGTERM)


class _Sweep:
    """The waiting runs, the submitted runs, and how often each has died."""

    def __init__(self, queue: _SlurmQueue, jobs: Sequence[Job], *, at_a_time: int) -> None:
        self._queue, self._at_a_time = queue, at_a_time
        self._waiting = deque((job, False) for job in jobs)
        self.under_way: list[_Submission] = []
        self._deaths: Counter[str] = Counter()

    def outcomes(self, stop: threading.Event) -> Iterator[Outcome]:
        deadline = math.inf
        while self._waiting or self.under_way:
            if stop.is_set() and deadline == math.inf:
                deadline = time.monotonic() + PATIENCE
                self._waiting.clear()
                self._queue.cancel(self.under_way)
            yield from self._submit()
            alive = self._queue.alive(self.under_way) if time.monotonic() < deadline else set()
            for submission in list(self.under_way):
                yield from self._look(submission, alive, stop)
            if self.under_way:
                time.sleep(_LOOK_EVERY) if stop.is_set() else stop.wait(_LOOK_EVERY)

    def _submit(self) -> Iterator[Outcome]:
        room = min(self._at_a_time - len(self.under_way), len(self._waiting))
        runs = [self._waiting.popleft() for _ in range(room)]
        try:
            self.under_way += self._queue.submit(runs) if runs else []
        except UserError as error:
            if not any(was_begun for _, was_begun in runs):
                raise
            yield from (Outcome(job.name, FAILED, str(error)) for job, _ in runs)

    def _look(self, submission: _Submission, alive: set[str], stop: threading.Event) -> Iterator[Outcome]:
        outcome = submission.take_outcome()
        if outcome and outcome.status == INTERRUPTED and not stop.is_set():
            submission.saved = outcome
        elif outcome:
            self.under_way.remove(submission)
            yield outcome
        elif submission.handle.job_id in alive:
            submission.is_missed = False
        elif not submission.is_missed:
            submission.is_missed = True  # its result may take a moment to appear
        else:
            self.under_way.remove(submission)
            yield from self._gone(submission, stop)

    def _gone(self, submission: _Submission, stop: threading.Event) -> Iterator[Outcome]:
        job, log = submission.job, submission.handle.paths.stdout
        if stop.is_set():
            if log.exists():  # otherwise it had not started
                yield submission.saved or Outcome(job.name, INTERRUPTED, "it resumes from its last checkpoint")
            return
        self._deaths[job.name] += submission.saved is None
        if self._deaths[job.name] <= MOST_RETRIES:
            self._waiting.append((job, True))
        else:
            yield Outcome(job.name, FAILED, f"its job died {self._deaths[job.name]} times; see {log}")


def _executor(log_folder: Path, cluster: str) -> Any:
    """submitit's executor, with a new folder, because a Slurm that was set up again reuses job numbers."""
    try:
        import submitit
    except ImportError as error:
        raise UserError("The engine slurm needs a package that is missing; pip install 'sparselaw[slurm]'.") from error
    if cluster == "slurm" and not shutil.which("srun"):
        raise UserError("There is no Slurm on this machine (no srun); start the sweep on a login node of the cluster.")
    folder = log_folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    sittings = {f"{cluster}_max_num_timeout": _MOST_SITTINGS}
    return submitit.AutoExecutor(folder=folder, cluster=cluster, **sittings)


def _set_options(executor: Any, options: Mapping[str, Any], *, threads: int, workers: int) -> None:
    given: dict[str, Any] = {"timeout_min": DEFAULT_MINUTES, "cpus_per_task": threads, "name": "sparselaw", **options}
    more = given.pop("slurm_additional_parameters", {})
    for name, value in given.items():
        try:
            if name in _OURS:
                raise NameError(name)
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # submitit's old names
                executor.update_parameters(**{name: value})
        except (NameError, AssertionError, TypeError, ValueError, UserWarning) as error:
            raise UserError(
                f"{name} = {value!r} is not a valid option for a Slurm job; give timeout_min, mem_gb, cpus_per_task and "
                "gpus_per_node as numbers, and options of sbatch as slurm_partition, slurm_account, slurm_qos and so on."
            ) from error
    executor.update_parameters(
        stderr_to_stdout=True,
        slurm_array_parallelism=workers,
        slurm_additional_parameters={"requeue": True, **more},
    )


@contextmanager
def _outside_any_job() -> Iterator[None]:
    """Hides the variables of a Slurm job in which this process may run, because sbatch would pass them on."""
    names = [name for name in os.environ if name.startswith("SLURM_") and name != "SLURM_CONF"]
    hidden = {name: os.environ.pop(name) for name in names}
    try:
        yield
    finally:
        os.environ.update(hidden)
