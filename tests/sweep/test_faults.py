"""Whatever is killed, damaged or taken away in the middle of a sweep, the same command again ends like an undisturbed one.

Real processes of the command `sparselaw sweep`, killed for real.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sparselaw.runs.folders import scan

SPARSELAW = Path(sys.executable).with_name("sparselaw")
SWEEP = """
base = "base.toml"
nonzeros = [800, 3000]
sparsities = [0, 0.75]
data = ["25.6K"]
"""
NUM_RUNS = 4
PATIENCE = 120
SLOW = pytest.mark.slow
TIMES = {"seconds", "tokens_per_second", "versions"}


@pytest.fixture(scope="module")
def sweep_file(tmp_path_factory, base_text):
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "base.toml").write_text(base_text)
    (folder / "sweep.toml").write_text(SWEEP)
    return folder / "sweep.toml"


@pytest.fixture(scope="module")
def undisturbed(sweep_file):
    folder = sweep_file.parent / "undisturbed"
    assert Sweep(sweep_file, folder).wait() == 0
    return folder


class Sweep:
    """The command in a process group of its own, as a shell starts it."""

    def __init__(self, sweep_file, folder):
        self._said = sweep_file.with_name(f"{time.monotonic_ns()}.txt")
        command = [SPARSELAW, "sweep", sweep_file, "-o", folder, "--workers", "2"]
        with self._said.open("w") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)

    def wait(self) -> int:
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            pytest.fail(f"did not end: {self.said()}")

    def said(self) -> str:
        return self._said.read_text()


def until(condition, what: str):
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)
    return found


def under_way(folder):
    """The folders of runs that have a checkpoint and no result."""
    begun = {path.parent.parent for path in folder.glob("*/checkpoint/step-*")}
    return [run for run in begun if not (run / "result.json").exists()]


def newest_steps(folder):
    """The last checkpoint of every run that has no result."""
    return {run.name: max(path.name for path in run.glob("checkpoint/step-*")) for run in under_way(folder)}


def table(folder):
    """The results of all runs, without times."""
    states = scan(str(folder))
    return {s.name: (s.state, {k: v for k, v in s.record.items() if k not in TIMES}) for s in states}


def metrics(folder):
    lines = (json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines())
    return [{key: value for key, value in line.items() if key not in TIMES} for line in lines]


def assert_like_undisturbed(folder, undisturbed):
    assert table(folder) == table(undisturbed)
    assert len(table(folder)) == NUM_RUNS
    for run in undisturbed.iterdir():
        assert metrics(folder / run.name) == metrics(run)  # no step lost, none trained twice


def written(folder):
    return {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("*/result.json")}


def test_a_sweep_that_is_killed_again_and_again_ends_like_an_undisturbed_one(sweep_file, undisturbed, tmp_path):
    """A worker is killed and replaced; then the whole sweep is; then it is stopped by Ctrl+C; then it may end."""
    sweep = Sweep(sweep_file, tmp_path)
    until(lambda: under_way(tmp_path), "a run under way")
    workers = [
        child for child in psutil.Process(sweep.process.pid).children() if "spawn_main" in " ".join(child.cmdline())
    ]
    workers[0].send_signal(signal.SIGKILL)
    until(lambda: written(tmp_path) and under_way(tmp_path), "a run finished and another under way")
    children = psutil.Process(sweep.process.pid).children(recursive=True)
    os.kill(sweep.process.pid, signal.SIGKILL)
    sweep.process.wait()
    assert not psutil.wait_procs(children, timeout=PATIENCE)[1]  # no process is left, not even the replacing worker
    before = written(tmp_path)
    assert 0 < len(before) < NUM_RUNS

    steps = newest_steps(tmp_path)
    stopped = Sweep(sweep_file, tmp_path)
    until(lambda: under_way(tmp_path) and newest_steps(tmp_path) != steps, "a run that goes on")
    os.killpg(stopped.process.pid, signal.SIGINT)  # as a terminal does
    assert stopped.wait() == 130
    assert "stopping when all runs have saved" in stopped.said()
    assert "Traceback" not in stopped.said()
    for run in under_way(tmp_path):
        assert (max(run.glob("checkpoint/step-*")) / "manifest.json").exists()

    assert Sweep(sweep_file, tmp_path).wait() == 0
    assert written(tmp_path).items() >= before.items()  # what was finished is left alone
    assert_like_undisturbed(tmp_path, undisturbed)


@SLOW
def test_two_sweeps_on_one_folder_share_the_work(sweep_file, undisturbed, tmp_path):
    sweeps = [Sweep(sweep_file, tmp_path) for _ in range(2)]
    assert [sweep.wait() for sweep in sweeps] == [0, 0]
    assert_like_undisturbed(tmp_path, undisturbed)


@SLOW
@pytest.mark.parametrize(
    "share",
    [0, 0.5, 0.99],
    ids=["empty", "half", "nearly whole"],
)
def test_a_truncated_result_is_made_again(sweep_file, undisturbed, tmp_path, share):
    folder = copied(undisturbed, tmp_path)
    path = next(folder.glob("*/result.json"))
    os.truncate(path, int(share * path.stat().st_size))
    assert table(folder)[path.parent.name] == ("unfinished", {})
    sweep = Sweep(sweep_file, folder)
    assert sweep.wait() == 0
    assert "result.json is damaged and will be written again" in sweep.said()
    assert table(folder) == table(undisturbed)


@pytest.mark.parametrize("damaged", [pytest.param(1, marks=SLOW), 2], ids=["newest", "both"])
def test_truncated_checkpoints_are_not_read(sweep_file, undisturbed, tmp_path, damaged):
    folder = copied(undisturbed, tmp_path)
    run = next(folder.iterdir())
    (run / "result.json").unlink()
    for checkpoint in sorted(run.glob("checkpoint/step-*"))[-damaged:]:
        os.truncate(checkpoint / "state.pt", 1000)
    sweep = Sweep(sweep_file, folder)
    assert sweep.wait() == 0
    assert "is damaged (state.pt has changed since it was written)" in sweep.said()
    assert_like_undisturbed(folder, undisturbed)


def copied(undisturbed, tmp_path):
    subprocess.run(["cp", "-r", undisturbed, tmp_path / "copy"], check=True)
    return tmp_path / "copy"


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 3 MB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3M", "tmpfs", place], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def assert_one_sentence(sweep, *parts):
    assert sweep.wait() == 2
    said = [line for line in sweep.said().splitlines() if line.startswith("sparselaw: ")]
    assert len(said) == 1
    assert all(part in said[0] for part in parts), said


@SLOW
def test_a_full_disk_is_one_sentence_and_the_sweep_goes_on_with_room(sweep_file, undisturbed, small_disk):
    filler = small_disk / "filler"
    filler.write_bytes(bytes(2_400_000))
    assert_one_sentence(Sweep(sweep_file, small_disk / "runs"), "cannot be written", "free space")
    filler.unlink()
    assert not [state for state in scan(str(small_disk / "runs")) if state.state == "failed"]
    assert Sweep(sweep_file, small_disk / "runs").wait() == 0
    assert_like_undisturbed(small_disk / "runs", undisturbed)


def test_a_read_only_folder_is_one_sentence(sweep_file, small_disk):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert_one_sentence(Sweep(sweep_file, small_disk / "runs"), "cannot be written (Read-only file system)")
