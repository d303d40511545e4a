import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from sparselaw.sweep.jobs import FINISHED, IN_USE, NO_PLACE
from sparselaw.sweep.nodes import for_nodes, saving_on, train_on_node


@pytest.fixture
def short(jobs):
    """A run of a moment."""
    return replace(jobs[0], config=jobs[0].config | {"steps": 2})


def test_folders_do_not_depend_on_the_working_directory(jobs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here, there = for_nodes([replace(jobs[0], folder="new/run"), replace(jobs[1], folder="memory://new/run")])
    assert here.folder == str(tmp_path / "new" / "run")
    assert there.folder == "memory://new/run"
    assert os.listdir(tmp_path) == ["new"]


def test_a_machine_that_does_not_see_the_folder_says_so(short, tmp_path):
    outcome = train_on_node(replace(short, folder=str(tmp_path / "elsewhere" / "run")), is_again=False)
    assert outcome.status == NO_PLACE
    assert "choose a folder that all machines share" in outcome.reason
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(("is_again", "status"), [(True, FINISHED), (False, IN_USE)])
def test_a_run_begun_before_waits_for_its_folder(short, is_again, status):
    (job,) = for_nodes([short])
    Path(job.folder).mkdir()
    held = FileLock(Path(job.folder) / ".lock", thread_local=False)
    held.acquire()
    letting_go = threading.Timer(0.5, held.release)
    letting_go.start()
    assert train_on_node(job, is_again=is_again).status == status
    letting_go.join()


def test_a_signal_saves_only_what_is_being_trained():
    told, before = [], signal.getsignal(signal.SIGUSR2)
    with saving_on(signal.SIGUSR2, lambda number, _: told.append(number)) as came:
        signal.raise_signal(signal.SIGUSR2)
        assert (told, came) == ([signal.SIGUSR2], [])
        loops = signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
        signal.raise_signal(signal.SIGUSR2)
        signal.signal(signal.SIGTERM, loops)
        assert (told, came) == ([signal.SIGUSR2, signal.SIGTERM], [signal.SIGUSR2])
    assert signal.getsignal(signal.SIGUSR2) == before
