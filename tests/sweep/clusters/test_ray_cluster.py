"""Sweeps on a real Ray cluster: a head that trains nothing and two nodes of one CPU, all on this machine."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

import psutil
import pytest

from sparselaw.errors import SparselawWarning, UserError
from sparselaw.sweep import ray_cluster
from sparselaw.sweep.jobs import FAILED, FINISHED, INTERRUPTED
from sparselaw.sweep.ray_cluster import train_on_ray

SETTINGS = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "0123456789abcdef" * 4,
    "RAY_USAGE_STATS_ENABLED": "0",
    # A dead node is noticed in 1.5 seconds instead of 14.
    "RAY_health_check_initial_delay_ms": "500",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}


SWEEP = """
import json, os, signal, sys, threading
from sparselaw.sweep.jobs import Job
from sparselaw.sweep.ray_cluster import train_on_ray

stop = threading.Event()
signal.signal(signal.SIGINT, lambda *_: stop.set())
before = signal.getsignal(signal.SIGTERM)
job = Job(**json.loads(sys.argv[1]))
for outcome in train_on_ray([job], stop, address=None):
    print(outcome.status, outcome.reason)
assert signal.getsignal(signal.SIGTERM) is before
assert not {"RAY_AUTH_TOKEN", "RAY_TMPDIR"} & os.environ.keys()
"""
PATIENCE = 120


@pytest.fixture(scope="module")
def _settings(processes_naming) -> Iterator[None]:
    """Before Ray is imported, which keeps them."""
    short = TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True)
    with short as folder, pytest.MonkeyPatch.context() as patch:
        for name, value in (SETTINGS | ray_cluster._QUIET | {"RAY_TMPDIR": folder}).items():
            patch.setenv(name, value)
        yield
    assert processes_naming(folder) == []


@pytest.fixture(scope="module")
def cluster(_settings) -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(2):
            started.add_node(num_cpus=1)
        yield started
    finally:
        started.shutdown()


def test_a_node_that_vanishes_takes_no_run_with_it(cluster, jobs, undisturbed, befall, same_end, capfd):
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(befall, job, lambda pid: None) for job in jobs[:2]]
        removing = pool.submit(lambda: [future.result() for future in waiting] and _remove_node(cluster))
        outcomes = list(train_on_ray(jobs, Event(), address=cluster.address))
    removing.result()
    assert {(outcome.name, outcome.status) for outcome in outcomes} == {(job.name, FINISHED) for job in jobs}
    for job, future in zip(jobs, waiting, strict=False):
        assert (Path(job.folder) / "metrics.jsonl").read_bytes().startswith(future.result())
    for job in jobs:
        same_end(job)
    assert len(cluster.worker_nodes) == 1
    assert capfd.readouterr() == ("", "")


def test_runs_save_when_the_sweep_stops(cluster, jobs, long, befall, newest_checkpoint):
    if len(cluster.worker_nodes) > 1:
        _remove_node(cluster)
    stop, waiting = Event(), jobs[1:]
    with ThreadPoolExecutor() as pool:
        pool.submit(befall, jobs[0], lambda pid: stop.set())
        (outcome,) = train_on_ray([long(jobs[0]), *waiting], stop, address=cluster.address)  # one CPU is left
    assert (outcome.name, outcome.status) == ("first", INTERRUPTED)
    assert outcome.result["steps_done"] == newest_checkpoint(jobs[0])
    assert not any(Path(job.folder).exists() for job in waiting)


@pytest.mark.slow
def test_a_run_that_keeps_killing_its_process_fails(cluster, jobs, long, monkeypatch, befall):
    monkeypatch.setattr(ray_cluster, "MOST_RETRIES", 1)
    job = long(jobs[0])
    with ThreadPoolExecutor() as pool:
        killing = pool.submit(lambda: [befall(job, _kill) for _ in range(2)])
        (outcome,) = train_on_ray([job], Event(), address=cluster.address)
    killing.result()
    assert (outcome.name, outcome.status) == ("first", FAILED)
    assert outcome.reason.startswith("its process or node died 2 times; The worker died unexpectedly")


def test_runs_that_no_node_has_room_for_are_announced(cluster, jobs):
    job = replace(jobs[0], threads=1000)
    with pytest.raises(SparselawWarning, match="No node of the Ray cluster has the 1000 CPUs and 0 GPUs"):
        list(train_on_ray([job], Event(), address=cluster.address))


def test_ctrl_c_saves_and_ends_a_cluster_of_our_own(jobs, long, befall, newest_checkpoint):
    """Ctrl-C reaches every process of the terminal, those of Ray included."""
    command = [sys.executable, "-c", SWEEP, json.dumps(asdict(long(jobs[0])))]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, process_group=0, **pipes) as sweep:
        befall(jobs[0], lambda _: os.killpg(sweep.pid, signal.SIGINT))
        told = sweep.communicate(timeout=PATIENCE)
    assert told == (f"interrupted after {newest_checkpoint(jobs[0])} of 20000 steps\n", "")


def test_a_place_where_no_cluster_is_is_told_at_once(jobs):
    with pytest.raises(UserError, match=r"^Ray cannot join 127.0.0.1:1 \(.*refused\); check the address\.$"):
        list(train_on_ray(jobs, Event(), address="127.0.0.1:1"))


def test_without_ray_a_sentence_says_what_to_install(jobs, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"pip install 'sparselaw\[ray\]'"):
        list(train_on_ray(jobs, Event(), address=None))


def _remove_node(cluster: Any) -> None:
    """Kills a node, without a word to its processes."""
    cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)


def _kill(pid: int) -> None:
    """Kills a process and waits until it has let go of its files, the lock among them."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        process.kill()
        while process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.02)
