"""The engine of a Slurm cluster: one array of jobs, submitted through submitit.

A job that Slurm signals before its time is up, or before a more important one takes its place, saves its run and
requeues itself; one that Slurm requeues by itself goes on from the last checkpoint. A job that is gone without a result
is submitted again. What is alive is asked of squeue and not of sacct, because many clusters keep no accounts.
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
"""How long a job may take if the options do not say; a run that needs longer is queued again."""

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
    """Trains runs as jobs of Slurm; see `jobs.Engine`.

    When the sweep is asked to stop, its jobs are cancelled; those that run save first.

    Args:
        jobs: in the order in which they are queued.
        stop: see `jobs.Engine`.
        workers: jobs of the array that run at a time; one that is submitted again runs beside the array.
        options: of each job, as submitit names them: `timeout_min` (minutes; `DEFAULT_MINUTES` if not given),
            `mem_gb`, `cpus_per_task` (the run's threads if not given), `gpus_per_node`, and `slurm_` before any option
            of sbatch: `slurm_partition`, `slurm_account`, `slurm_qos`, `slurm_constraint`, `slurm_gres`,
            `slurm_signal_delay_s` (seconds that a run has to save before its time is up) and others.
        log_folder: of logs and of what submitit leaves; seen by all nodes.
        cluster: `local` runs the jobs on this machine instead.

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
    """What a job does; submitit calls `checkpoint` for what is to be queued in its place."""

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
    """A run in the hands of Slurm.

    Attributes:
        job: the run.
        handle: submitit's job.
        saved: how the run was interrupted, until it is known whether Slurm starts it again.
        is_missed: whether it was gone without a result at the last look.
    """

    job: Job
    handle: Any
    saved: Outcome | None = None
    is_missed: bool = False

    def take_outcome(self) -> Outcome | None:
        """How the run ended, given once; None if it has not, or its job ended with an error."""
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
    """Jobs of Slurm."""

    def __init__(self, executor: Any) -> None:
        self._executor = executor

    def submit(self, runs: Sequence[tuple[Job, bool]]) -> list[_Submission]:
        """Queues runs, each with whether it was begun before.

        Raises:
            UserError: if Slurm refuses.
        """
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        jobs, were_begun = zip(*runs, strict=True)
        try:
            with _outside_any_job(), redirect_stderr(io.StringIO()):
                handles = self._executor.map_array(_Train(), jobs, were_begun)
        except (FailedJobError, FailedSubmissionError, OSError) as error:
            last = (str(error).strip() or type(error).__name__).splitlines()[-1]
            cause = last.removeprefix("sbatch: error: ").rstrip(".")
            raise UserError(f"Slurm refused the jobs ({cause}); check their options.") from error
        return [_Submission(job, handle) for job, handle in zip(jobs, handles, strict=True)]

    def alive(self, submissions: Sequence[_Submission]) -> set[str]:
        """Ids of jobs that Slurm will run, runs or is ending; all of them if it does not answer."""
        folder = self._executor.folder
        with suppress(OSError):
            folder.chmod(folder.stat().st_mode)  # makes NFS look again for results
        command = ["squeue", "--me", "--array", "--noheader", "--format=%i"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        return {s.handle.job_id for s in submissions} if answer.returncode else set(answer.stdout.split())

    def cancel(self, submissions: Sequence[_Submission]) -> None:
        if submissions:
            arrays = {submission.handle.job_id.partition("_")[0] for submission in submissions}
            subprocess.run(["scancel", *sorted(arrays)], capture_output=True, check=False)


class _LocalQueue(_SlurmQueue):
    """Jobs of submitit on this machine."""

    def alive(self, submissions: Sequence[_Submission]) -> set[str]:
        return {s.handle.job_id for s in submissions if not s.handle.done()}

    def cancel(self, submissions: Sequence[_Submission]) -> None:
        for submission in submissions:
            if not submission.handle.done():
                os.kill(int(submission.handle.job_id), signal.SIGTERM)


class _Sweep:
    """The runs that wait, those in the hands of Slurm, and how often each has died."""

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
            submission.is_missed = True  # its result may need a moment to be seen from here
        else:
            self.under_way.remove(submission)
            yield from self._gone(submission, stop)

    def _gone(self, submission: _Submission, stop: threading.Event) -> Iterator[Outcome]:
        job, log = submission.job, submission.handle.paths.stdout
        if stop.is_set():
            if log.exists():  # else it had not begun
                yield submission.saved or Outcome(job.name, INTERRUPTED, "it goes on from its last checkpoint")
            return
        self._deaths[job.name] += submission.saved is None
        if self._deaths[job.name] <= MOST_RETRIES:
            self._waiting.append((job, True))
        else:
            yield Outcome(job.name, FAILED, f"its job died {self._deaths[job.name]} times; see {log}")


def _executor(log_folder: Path, cluster: str) -> Any:
    """submitit's, with a folder of its own: Slurm counts jobs from 1 again when it is set up anew."""
    try:
        import submitit
    except ImportError as error:
        raise UserError("The engine slurm needs a package that is not here; pip install 'sparselaw[slurm]'.") from error
    if cluster == "slurm" and not shutil.which("srun"):
        raise UserError("There is no Slurm on this machine (no srun); start the sweep where jobs are submitted.")
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
                f"{name} = {value!r} is not an option of a Slurm job here; give timeout_min, mem_gb, cpus_per_task and "
                "gpus_per_node as numbers, and sbatch's own as slurm_partition, slurm_account, slurm_qos and so on."
            ) from error
    executor.update_parameters(
        stderr_to_stdout=True,
        slurm_array_parallelism=workers,
        slurm_additional_parameters={"requeue": True, **more},
    )


@contextmanager
def _outside_any_job() -> Iterator[None]:
    """Hides what describes the job that this process may itself run in, which sbatch would hand on."""
    names = [name for name in os.environ if name.startswith("SLURM_") and name != "SLURM_CONF"]
    hidden = {name: os.environ.pop(name) for name in names}
    try:
        yield
    finally:
        os.environ.update(hidden)
