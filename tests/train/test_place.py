import json
import os
import subprocess
import sys

import pytest
from filelock import FileLock

from sparselaw.errors import SparselawWarning
from sparselaw.train import read_result, run, run_folder
from sparselaw.train.place import FolderInUseError, FolderNotWritableError


def test_one_process_trains_in_a_folder(tiny, tmp_path):
    holder = "from filelock import FileLock; import sys; lock = FileLock(sys.argv[1]); lock.acquire(); print(flush=True); input()"
    lock = str(tmp_path / ".lock")
    with subprocess.Popen(
        [sys.executable, "-c", holder, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline()
        with pytest.raises(FolderInUseError, match="Another process is training in"):
            run(tiny(), tmp_path)
        process.kill()  # a dead process holds nothing
    assert run(tiny(), tmp_path)["status"] == "finished"
    with FileLock(lock, timeout=0):
        pass


def test_a_run_that_cannot_go_on_is_marked_until_it_can(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder, "train", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(tiny(), tmp_path)
    mark = json.loads((tmp_path / "failed.json").read_text())
    assert mark["reason"] == "division by zero"
    assert "ZeroDivisionError" in mark["details"]
    assert read_result(tmp_path) is None
    monkeypatch.undo()
    assert run(tiny(), tmp_path)["status"] == "finished"
    assert not (tmp_path / "failed.json").exists()


def test_a_damaged_result_is_made_again_from_the_last_checkpoint(tiny, tmp_path, monkeypatch):
    result = run(tiny(), tmp_path)
    path = tmp_path / "result.json"
    os.truncate(path, path.stat().st_size // 2)
    monkeypatch.setattr("sparselaw.train.loop._forward_backward", lambda *_, **__: pytest.fail("trained again"))
    with pytest.warns(SparselawWarning, match=r"result\.json is damaged and will be written again"):
        again = run(tiny(), tmp_path)
    assert again["loss"] == result["loss"]
    assert json.loads(path.read_text())["loss"] == result["loss"]


def test_an_error_of_the_disk_is_no_failure_of_the_run(tiny, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_folder, "train", full)
    with pytest.raises(FolderNotWritableError, match=r"cannot be written \(No space left on device\); free space"):
        run(tiny(), tmp_path)
    assert not (tmp_path / "failed.json").exists()


def test_a_file_in_the_folders_place_is_one_sentence(tiny, tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(FolderNotWritableError, match="cannot be written"):
        run(tiny(), tmp_path / "runs" / "first")
