import os
import signal
import threading
from collections import deque

from sparselaw.sweep.jobs import FINISHED
from sparselaw.sweep.local import _Worker


def test_a_worker_that_died_while_idle_is_replaced(make_jobs, tmp_path):
    """Its next run costs nobody else's: it is tried again on the process in its place."""
    waiting, deaths, stop = deque(make_jobs(tmp_path)[:1]), {}, threading.Event()
    job = waiting[0]
    deaths[job.name] = 0
    worker = _Worker(None)
    try:
        os.kill(worker.process.pid, signal.SIGKILL)
        worker.process.join()
        worker.attend(waiting, stop)
        assert worker.outcome(waiting, deaths, stop) is None
        assert list(waiting) == [job]
        worker.attend(waiting, stop)
        outcome = worker.outcome(waiting, deaths, stop)
        assert (outcome.name, outcome.status) == (job.name, FINISHED)
    finally:
        worker.end()
