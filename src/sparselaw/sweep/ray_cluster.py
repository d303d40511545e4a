"""The engine for Ray clusters: one task per run, on an existing cluster or on one started for the sweep.

A run whose process or node dies is started again, on another node if necessary, and resumes from its last checkpoint.
Ray's own retries are off, because they never end for a run that Ray's memory monitor kills. When the sweep stops, Ray
interrupts the tasks, and each run saves its state at the end of its step. A run that has not saved after `PATIENCE`
seconds is killed and loses the steps since its last checkpoint, at most `checkpoint_every`.
"""

import os
import secrets
import signal
import socket
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import cache
from tempfile import TemporaryDirectory
from typing import Any

from sparselaw.errors import SparselawWarning, UserError, arg, first_line
from sparselaw.sweep.jobs import FAILED, INTERRUPTED, Job, Outcome
from sparselaw.sweep.nodes import MOST_RETRIES, PATIENCE, for_nodes, saving_on, train_on_node

_TICK = 0.5
_SECONDS_TO_ANSWER = 10
_QUIET = {"RAY_DEDUP_LOGS_SKIP_REGEX": "."}  # otherwise Ray reports dead workers on standard output


def train_on_ray(
    jobs: Sequence[Job], stop: threading.Event, *, address: str | None, gpus_per_run: float = 0
) -> Iterator[Outcome]:
    """Trains runs on a Ray cluster; see `jobs.Engine`.

    Args:
        jobs: runs in the order in which they start; each takes one CPU per thread.
        stop: see `jobs.Engine`.
        address: address of an existing cluster, which is left running; None uses RAY_ADDRESS if set, else starts a
            cluster on this machine that ends with the sweep.
        gpus_per_run: GPUs per run; with a fraction, runs share a device.

    Raises:
        UserError: if Ray is not installed, the cluster cannot be reached, or this machine is too small for a run.
    """
    if not jobs:
        return
    with _cluster(address or os.environ.get("RAY_ADDRESS")) as (ray, is_ours):
        _check_room(ray, max(job.threads for job in jobs), gpus_per_run, is_final=is_ours)
        sweep = _Sweep(ray, gpus_per_run)
        try:
            for job in for_nodes(jobs):
                sweep.begin(job)
            yield from sweep.outcomes(stop)
        finally:
            sweep.end()


class _Sweep:
    """The running tasks, and how often each run has died."""

    def __init__(self, ray: Any, gpus_per_run: float) -> None:
        self._ray, self._gpus_per_run = ray, gpus_per_run
        self._train = ray.remote(_train)
        self._under_way: dict[Any, Job] = {}
        self._deaths: Counter[str] = Counter()
        self._deadline: float | None = None

    def begin(self, job: Job, *, is_again: bool = False) -> None:
        task = self._train.options(name=job.name, num_cpus=job.threads, num_gpus=self._gpus_per_run, max_retries=0)
        self._under_way[task.remote(job, os.getcwd(), is_again)] = job

    def outcomes(self, stop: threading.Event) -> Iterator[Outcome]:
        while self._under_way:
            if stop.is_set():
                self._cancel()
            for ref in self._ray.wait(list(self._under_way), timeout=_TICK)[0]:
                if outcome := self._outcome(ref, self._under_way.pop(ref), stop):
                    yield outcome

    def _outcome(self, ref: Any, job: Job, stop: threading.Event) -> Outcome | None:
        """The outcome of a run; None if it was started again, or cancelled before it started."""
        errors = self._ray.exceptions
        try:
            outcome = self._ray.get(ref)
        except errors.TaskCancelledError:
            return None
        except (errors.RayTaskError, errors.RuntimeEnvSetupError) as error:
            cause = getattr(error, "cause", None) or error
            return Outcome(job.name, FAILED, f"{type(cause).__name__}: {first_line(cause)}")
        except errors.RayError as error:
            return self._died(job, stop, first_line(error))
        if outcome.status == INTERRUPTED and not stop.is_set():  # its node is being taken away
            return self.begin(job, is_again=True)
        return outcome

    def _died(self, job: Job, stop: threading.Event, cause: str) -> Outcome | None:
        if stop.is_set():
            return Outcome(job.name, INTERRUPTED, "it resumes from its last checkpoint")
        self._deaths[job.name] += 1
        if self._deaths[job.name] <= MOST_RETRIES:
            return self.begin(job, is_again=True)
        return Outcome(job.name, FAILED, f"its process or node died {self._deaths[job.name]} times; {cause}")

    def _cancel(self) -> None:
        """Asks all runs to save and stop; after `PATIENCE` seconds, kills those that have not."""
        is_first, now = self._deadline is None, time.monotonic()
        self._deadline = now + PATIENCE if self._deadline is None else self._deadline
        if is_first or now > self._deadline:
            for ref in self._under_way:
                self._ray.cancel(ref, force=not is_first)

    def end(self) -> None:
        """Cancels the remaining tasks when the sweep ends early."""
        if self._under_way:
            self._cancel()
            self._ray.wait(list(self._under_way), num_returns=len(self._under_way), timeout=PATIENCE)


def _train(job: Job, place: str, is_again: bool) -> Outcome:
    """The task: trains a run in a process of Ray, which interrupts it when the sweep stops."""
    import ray

    if not ray.get_gpu_ids():
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # a task without GPUs would see all those of its node
    with suppress(OSError):
        os.chdir(place)  # relative paths in the configuration start where the sweep was started
    try:
        with saving_on(signal.SIGINT, signal.default_int_handler):
            return train_on_node(job, is_again=is_again)
    except KeyboardInterrupt:
        return Outcome(job.name, INTERRUPTED, "it resumes from its last checkpoint")


@contextmanager
def _cluster(address: str | None) -> Iterator[tuple[Any, bool]]:
    """Gives Ray, connected, and whether it started the cluster; an existing connection of this process stays open."""
    with _environment(_QUIET), nullcontext() if address else _private_cluster():
        ray = _import_ray()
        if ray.is_initialized():
            yield ray, False
            return
        try:
            _connect(ray, address)
            yield ray, address is None
        finally:
            ray.shutdown()


@contextmanager
def _private_cluster() -> Iterator[None]:
    """Sets the environment for a cluster started for the sweep."""
    short = "/tmp" if os.path.isdir("/tmp") else None  # the path of a socket is limited to about 100 characters
    with (
        TemporaryDirectory(prefix="ray-", dir=short, ignore_cleanup_errors=True) as folder,
        _environment(_early_settings() | {"RAY_TMPDIR": folder}),
    ):
        yield


@cache
def _early_settings() -> dict[str, str]:
    """Settings that Ray reads only on import; the same for all sweeps of a process, and empty if Ray was imported before."""
    if "ray" in sys.modules:
        return {}
    return {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # listen on this machine only
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),  # only this sweep can connect
        "RAY_USAGE_STATS_ENABLED": "0",
    }


@contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Sets environment variables that are not yet set, and removes them at the end."""
    added = {name: value for name, value in settings.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise UserError("The engine ray needs a package that is missing; pip install 'sparselaw[ray]'.") from error
    return ray


def _connect(ray: Any, address: str | None) -> None:
    own = {} if address else {"include_dashboard": False}
    is_main = threading.current_thread() is threading.main_thread()
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        _knock(address or "")
        ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **own)
    except (OSError, RuntimeError, ValueError) as error:
        what, check = (f"join {address}", "the address") if address else ("start", "its installation")
        raise UserError(f"Ray cannot {what} ({first_line(error)}); check {check}.") from error
    finally:
        if is_main:
            signal.signal(signal.SIGTERM, on_sigterm)  # Ray replaces it


def _knock(address: str) -> None:
    """Fails within seconds if nothing listens at the address; Ray itself would try for minutes."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon:
        socket.create_connection((host, int(port)), timeout=_SECONDS_TO_ANSWER).close()


def _check_room(ray: Any, cpus: int, gpus: float, *, is_final: bool) -> None:
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if any(node.get("CPU", 0) >= cpus and node.get("GPU", 0) >= gpus for node in nodes):
        return
    lack = f"No node of the Ray cluster has the {cpus} CPUs and {gpus:g} GPUs that a run needs"
    if is_final:
        raise UserError(f"{lack}; reduce {arg('threads')} or gpus_per_run.")
    warnings.warn(f"{lack}; runs wait until such a node joins.", SparselawWarning, stacklevel=2)
