"""The engine for one machine: worker processes that live as long as the sweep and train one run at a time.

Workers share nothing. If one dies, for example because memory runs out, a new one replaces it and resumes its run from
the last checkpoint. On SIGTERM from the sweep, workers save and stop; if the sweep dies, they end by themselves.
"""

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from sparselaw.sweep.jobs import FAILED, INTERRUPTED, Job, Outcome, train_job

MOST_DEATHS = 3
_TICK = 0.5


def train_locally(
    jobs: Sequence[Job], stop: threading.Event, *, workers: int, gpus: Sequence[str] = ()
) -> Iterator[Outcome]:
    """Trains runs in parallel on this machine; see `jobs.Engine`.

    Args:
        jobs: runs in the order in which they start.
        stop: see `jobs.Engine`.
        workers: number of runs at a time.
        gpus: devices that workers take in turn, as in CUDA_VISIBLE_DEVICES; empty for none.
    """
    waiting, deaths = deque(jobs), dict.fromkeys((job.name for job in jobs), 0)
    team = [_Worker(gpus[k % len(gpus)] if gpus else None) for k in range(min(workers, len(jobs)))]
    try:
        while waiting or any(worker.job for worker in team):
            if stop.is_set():
                waiting.clear()
            for worker in team:
                worker.attend(waiting, stop)
            for worker in _with_news(team):
                if outcome := worker.outcome(waiting, deaths, stop):
                    yield outcome
    finally:
        for worker in team:
            worker.end()


def _with_news(team: Sequence["_Worker"]) -> list["_Worker"]:
    """Workers that have an outcome or have died, after a short wait."""
    sources = [source for worker in team if worker.job for source in (worker.pipe, worker.process.sentinel)]
    ready = wait(sources, timeout=_TICK)
    return [w for w in team if w.job and (w.pipe in ready or w.process.sentinel in ready)]


class _Worker:
    """A process that trains jobs from a pipe; it is replaced when it dies."""

    def __init__(self, gpu: str | None) -> None:
        self._gpu = gpu
        self.job: Job | None = None
        self._asked_to_stop = False
        self._start()

    def _start(self) -> None:
        self.pipe, theirs = get_context("spawn").Pipe()
        self.process: BaseProcess = get_context("spawn").Process(target=_serve, args=(theirs, self._gpu), daemon=True)
        self.process.start()
        theirs.close()

    def attend(self, waiting: deque[Job], stop: threading.Event) -> None:
        """Gives the process a job if it has none; asks it to stop if the sweep stops."""
        if self.job is None and waiting:
            self.job = waiting.popleft()
            with suppress(ConnectionError):  # it died while idle, which `outcome` will find
                self.pipe.send(self.job)
        if self.job and stop.is_set() and not self._asked_to_stop:
            self._asked_to_stop = True
            self.process.terminate()

    def outcome(self, waiting: deque[Job], deaths: dict[str, int], stop: threading.Event) -> Outcome | None:
        """The outcome of the job; None if the process died and the job will be tried again."""
        job, self.job = self.job, None
        assert job is not None
        try:
            return self.pipe.recv()
        except (EOFError, ConnectionError):
            return self._dead(job, waiting, deaths, stop)

    def _dead(self, job: Job, waiting: deque[Job], deaths: dict[str, int], stop: threading.Event) -> Outcome | None:
        self.process.join()
        code = self.process.exitcode
        if stop.is_set():
            return Outcome(job.name, INTERRUPTED, "before its first step")
        self._start()
        deaths[job.name] += 1
        if deaths[job.name] < MOST_DEATHS:
            waiting.appendleft(job)
            return None
        return Outcome(job.name, FAILED, f"its process died {MOST_DEATHS} times, most recently {_cause(code)}")

    def end(self) -> None:
        """Ends the process; if it is training, it saves first."""
        self.pipe.close()
        if self.job:
            self.process.terminate()
        self.process.join()


def _cause(code: int | None) -> str:
    if code == -signal.SIGKILL:
        return "by SIGKILL, which usually means that memory ran out"
    return f"by {signal.Signals(-code).name}" if code is not None and code < 0 else f"with exit code {code}"


def _serve(pipe: Connection, gpu: str | None) -> None:
    """The main function of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the sweep, which asks for an orderly stop
    os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is first imported; each job sets its own number then
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    while True:
        try:
            job = pipe.recv()
        except (EOFError, ConnectionError):
            return
        outcome = train_job(job)
        with suppress(ConnectionError):  # the sweep has ended at once; the run has saved
            pipe.send(outcome)


def _end_with(parent: int) -> None:
    """Ends this process when the sweep has died, at any point, because checkpoints are atomic."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
