"""Sweeps on a real Slurm of one node, where one can be started, and on submitit's executor of this machine."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import pytest

from sparselaw.errors import UserError
from sparselaw.sweep import slurm
from sparselaw.sweep.jobs import FAILED, FINISHED, INTERRUPTED

SCRIPT = Path(__file__).with_name("slurm_cluster.py")


@dataclass(frozen=True)
class Place:
    """Where jobs run, and how a job is sent back to the queue there and told that its time is up, by a process of it."""

    name: str
    requeue: Callable[[int], None] = print
    warn: Callable[[int], None] = print

    def train(self, jobs, folder, *, stop=None, **options):
        cluster = "local" if self.name == "local" else None
        return slurm.train_on_slurm(
            jobs, stop or Event(), workers=2, options=options, log_folder=folder / "logs", cluster=cluster
        )


@pytest.fixture(scope="module")
def environment(tmp_path_factory, processes_naming) -> Iterator[dict[str, str] | str]:
    """Of a Slurm that runs while these tests do, or why there is none."""
    folder = tmp_path_factory.mktemp("slurm")
    started = subprocess.run([sys.executable, SCRIPT, "start", folder], capture_output=True, text=True)
    try:
        yield started.stderr.strip() if started.returncode else json.loads(started.stdout)
    finally:
        stopped = subprocess.run([sys.executable, SCRIPT, "stop", folder], capture_output=True, text=True)
    assert stopped.returncode == 0, stopped.stderr
    assert processes_naming(folder) == []


@pytest.fixture(params=["slurm", "local"])
def place(request, environment, monkeypatch) -> Place:
    if request.param == "local":
        return Place("local", _sender(signal.SIGTERM), _sender(signal.SIGUSR2))
    if isinstance(environment, str):
        pytest.skip(environment)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Place("slurm", _caller("scontrol", "requeue"), _caller("scancel", "--signal=USR2"))


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(slurm, "_LOOK_EVERY", 0.5)


def test_no_misfortune_changes_a_run(place, environment, jobs, tmp_path, befall, same_end):
    """One run is requeued, one told that its time is up, one killed."""
    if place.name == "local" and isinstance(environment, dict):
        pytest.skip("Slurm itself runs here")
    misfortunes = (place.requeue, place.warn, _sender(signal.SIGKILL))
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(befall, job, action) for job, action in zip(jobs, misfortunes, strict=True)]
        outcomes = list(place.train(jobs, tmp_path))
    assert {(outcome.name, outcome.status) for outcome in outcomes} == {(job.name, FINISHED) for job in jobs}
    for job, future in zip(jobs, waiting, strict=True):
        assert (Path(job.folder) / "metrics.jsonl").read_bytes().startswith(future.result())
        same_end(job)
    pickles = [path.read_bytes() for path in (tmp_path / "logs").rglob("*_submitted.pkl")]
    assert pickles
    assert all(b"sparselaw.sweep.slurm" in pickle and b"__main__" not in pickle for pickle in pickles)
    if place.name == "slurm":  # two came back under their own numbers, one under a new one
        logs = sorted(path.name.partition("_")[2] for path in (tmp_path / "logs").rglob("*_log.out"))
        assert logs == ["0_0_log.out", "0_log.out", "1_0_log.out", "2_0_log.out"]


def test_runs_save_when_the_sweep_stops(place, environment, jobs, long, tmp_path, befall, newest_checkpoint):
    if place.name == "local" and isinstance(environment, dict):
        pytest.skip("Slurm itself runs here")
    stop, waiting = Event(), [long(job) for job in jobs]
    with ThreadPoolExecutor() as pool:
        training = [pool.submit(befall, job, lambda pid: None) for job in waiting[:2]]
        pool.submit(lambda: [future.result() for future in training] and stop.set())
        outcomes = list(place.train(waiting, tmp_path, stop=stop))
    assert {(outcome.name, outcome.status) for outcome in outcomes} == {(job.name, INTERRUPTED) for job in jobs[:2]}
    steps = {outcome.name: outcome.result["steps_done"] for outcome in outcomes}
    assert steps == {job.name: newest_checkpoint(job) for job in jobs[:2]}
    assert not Path(jobs[2].folder).exists()


def test_a_job_that_keeps_dying_fails_and_names_its_log(place, jobs, tmp_path, monkeypatch):
    monkeypatch.setattr(slurm, "MOST_RETRIES", 1)
    (outcome,) = place.train(jobs[:1], tmp_path, **{f"{place.name}_setup": ["exit 1"]})
    assert (outcome.name, outcome.status) == ("first", FAILED)
    assert outcome.reason.startswith(f"its job died 2 times; see {tmp_path / 'logs'}")


@pytest.mark.parametrize(
    "option",
    [
        {"slurm_colour": "red"},
        {"partition": "gpu"},
        {"timeout_min": "4h"},
        {"slurm_time": "4:00:00"},
        {"tasks_per_node": 2},
    ],
    ids=lambda option: next(iter(option)),
)
def test_an_option_that_no_job_takes_is_refused(option, jobs, tmp_path):
    (name,) = option
    with pytest.raises(UserError, match=f"^{name} = .* is not a valid option for a Slurm job; give timeout_min"):
        list(Place("local").train(jobs, tmp_path, **option))


@pytest.mark.parametrize("place", ["slurm"], indirect=True)
def test_what_slurm_refuses_is_told_in_its_words(place, jobs, tmp_path, capfd):
    with pytest.raises(UserError, match=r"Slurm refused the jobs .*Invalid partition name"):
        list(place.train(jobs, tmp_path, slurm_partition="nowhere"))
    assert capfd.readouterr().err == ""


def test_the_surrounding_job_is_not_handed_on(monkeypatch):
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm.conf")
    monkeypatch.setenv("SLURM_MEM_PER_CPU", "1000")
    with slurm._outside_any_job():
        assert {name for name in os.environ if name.startswith("SLURM_")} == {"SLURM_CONF"}
    assert os.environ["SLURM_MEM_PER_CPU"] == "1000"


def test_without_submitit_a_sentence_says_what_to_install(jobs, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UserError, match=r"pip install 'sparselaw\[slurm\]'"):
        list(Place("slurm").train(jobs, tmp_path))


def test_without_slurm_a_sentence_says_where_to_start(jobs, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="There is no Slurm on this machine"):
        list(Place("slurm").train(jobs, tmp_path))


def _sender(number: int) -> Callable[[int], None]:
    return lambda pid: os.kill(pid, number)


def _caller(*command: str) -> Callable[[int], None]:
    return lambda pid: subprocess.run([*command, _job_of(pid)], check=True) and None


def _job_of(pid: int) -> str:
    environment = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(entry.partition("=")[::2] for entry in environment)["SLURM_JOB_ID"]
