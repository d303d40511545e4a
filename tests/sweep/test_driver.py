"""What is to be done in a folder, and engines whose runs fail, are held elsewhere or find no room."""

import json
import os
import signal
import threading

import pytest
from filelock import FileLock

from sparselaw.errors import UserError
from sparselaw.runs.folders import DIVERGED, FAILED, FINISHED
from sparselaw.sweep import driver
from sparselaw.sweep.driver import carry_out, make_agenda, stopping_in_order
from sparselaw.sweep.jobs import IN_USE, NO_PLACE, Outcome
from sparselaw.train.config import config_to
from sparselaw.train.place import FolderNotWritableError

RESULT = {"nonzero_params": 1.0, "sparsity": 0.0, "data": 1.0, "data_unit": "tokens", "loss": 1.0}


@pytest.fixture
def agenda(runs, tmp_path):
    """Makes the agenda of the eight runs; by default run k costs k FLOPs."""
    flops = {run.name: float(k) for k, run in enumerate(runs)}
    return lambda **options: make_agenda(runs, str(tmp_path / "sweep"), threads=2, flops=flops, **options)


@pytest.fixture
def left_behind(runs, tmp_path):
    """Leaves a run's folder as training would."""

    def leave(run, status):
        folder = tmp_path / "sweep" / run.name
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps(config_to(run.config)))
        if status == FAILED:
            (folder / "failed.json").write_text(json.dumps({"reason": "it broke"}))
        else:
            (folder / "result.json").write_text(json.dumps(RESULT | {"status": status}))
        return folder

    return leave


def test_the_longest_runs_come_first(agenda, runs, tmp_path):
    found = agenda(retry=False)
    assert [job.name for job in found.jobs] == [run.name for run in reversed(runs)]
    assert found.jobs[0].folder == str(tmp_path / "sweep" / runs[-1].name)
    assert {job.threads for job in found.jobs} == {2}
    assert (found.finished, found.left) == ((), ())


def test_what_has_ended_is_left_alone(agenda, runs, left_behind):
    for run, status in zip(runs, (FINISHED, DIVERGED, FAILED), strict=False):
        left_behind(run, status)
    found = agenda(retry=False)
    assert [state.name for state in found.finished] == [runs[0].name]
    assert [state.name for state in found.left] == [runs[1].name, runs[2].name]
    assert {job.name for job in found.jobs} == {run.name for run in runs[3:]}


def test_asked_to_retry_diverged_runs_begin_anew_and_failed_ones_go_on(agenda, runs, left_behind):
    diverged, failed = left_behind(runs[0], DIVERGED), left_behind(runs[1], FAILED)
    assert len(agenda(retry=True).jobs) == len(runs)
    assert not diverged.exists()
    assert failed.exists()


def test_a_folder_of_another_sweep_is_refused(agenda, runs, left_behind):
    folder = left_behind(runs[0], FINISHED)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"batch_size": 8}))
    with pytest.raises(
        UserError, match=rf"{runs[0].name} holds another run \(batch_size is 8, not 4\); choose another"
    ):
        agenda(retry=False)


def test_a_file_in_place_of_the_folder_is_refused(agenda, tmp_path):
    (tmp_path / "sweep").write_text("")
    with pytest.raises(FolderNotWritableError, match="cannot be written"):
        agenda(retry=False)


def engine_of(*rounds):
    """An engine that gives these outcomes, one list a call, and the names of the jobs that it was called with."""
    calls, waiting = [], list(rounds)

    def engine(jobs, _):
        calls.append([job.name for job in jobs])
        yield from waiting.pop(0)

    return engine, calls


def test_a_run_that_died_is_marked_in_its_folder(make_jobs, tmp_path):
    (job, *_) = make_jobs(tmp_path)
    engine, _ = engine_of([Outcome(job.name, FAILED, "its process died")])
    outcomes = list(carry_out([job], engine, stop=threading.Event()))
    assert [outcome.status for outcome in outcomes] == [FAILED]
    assert json.loads((tmp_path / job.name / "failed.json").read_text()) == {"reason": "its process died"}


def test_a_reason_that_is_there_is_kept(make_jobs, tmp_path):
    (job, *_) = make_jobs(tmp_path)
    (tmp_path / job.name).mkdir()
    (tmp_path / job.name / "failed.json").write_text(json.dumps({"reason": "its own", "details": "here"}))
    engine, _ = engine_of([Outcome(job.name, FAILED, "another")])
    list(carry_out([job], engine, stop=threading.Event()))
    assert json.loads((tmp_path / job.name / "failed.json").read_text())["reason"] == "its own"


def test_runs_held_by_others_are_waited_for(make_jobs, tmp_path, monkeypatch):
    first, second, *_ = make_jobs(tmp_path)
    os.makedirs(second.folder)
    lock = FileLock(f"{second.folder}/.lock", thread_local=False)
    lock.acquire()
    monkeypatch.setattr(driver.time, "sleep", lambda _: lock.release())
    engine, calls = engine_of(
        [Outcome(first.name, FINISHED), Outcome(second.name, IN_USE)], [Outcome(second.name, FINISHED)]
    )
    outcomes = list(carry_out([first, second], engine, stop=threading.Event()))
    assert [outcome.name for outcome in outcomes] == [first.name, second.name]
    assert calls == [[first.name, second.name], [second.name]]


def test_no_room_stops_the_others_and_is_an_error(make_jobs, tmp_path):
    jobs, stop = make_jobs(tmp_path)[:2], threading.Event()
    engine, _ = engine_of([Outcome(jobs[0].name, NO_PLACE, "the disk is full")])
    with pytest.raises(FolderNotWritableError, match=r"^the disk is full$"):
        list(carry_out(jobs, engine, stop=stop))
    assert stop.is_set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_the_first_signal_asks_and_the_second_ends(number):
    said, before = [], signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), stopping_in_order(said.append) as stop:  # noqa: PT012
        signal.raise_signal(number)
        assert stop.is_set()
        signal.raise_signal(number)
    assert len(said) == 1
    assert signal.getsignal(number) is before
