"""What a result says about the software and the machine it was made with."""

import os
import subprocess

import torch

import sparselaw
from sparselaw.train import run
from sparselaw.train.processes import Processes
from sparselaw.train.stamp import commit, stamp


def test_the_stamp_tells_software_commit_and_machine(tiny, tmp_path):
    versions = run(tiny(), tmp_path)["versions"]
    assert versions.keys() >= {"sparselaw", "torch", "transformers", "python", "commit", "host", "device", "threads"}
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=os.path.dirname(__file__))
    if head.returncode == 0:
        assert versions["commit"].rstrip("+") == head.stdout.strip()


def test_a_stamp_tells_the_device_and_the_processes():
    made = stamp(Processes(torch.device("cpu"), size=3))
    assert (made["device"], made["processes"], made["threads"]) == ("cpu", 3, torch.get_num_threads())
    assert made["sparselaw"] == sparselaw.__version__


def test_an_installed_package_has_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(sparselaw, "__file__", str(tmp_path / "lib" / "sparselaw" / "__init__.py"))
    assert commit.__wrapped__() is None


def test_a_checkout_with_changes_has_a_plus(tmp_path, monkeypatch):
    (tmp_path / "src" / "sparselaw").mkdir(parents=True)
    module = tmp_path / "src" / "sparselaw" / "__init__.py"
    module.touch()
    git = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True)
    monkeypatch.setattr(sparselaw, "__file__", str(module))
    clean = commit.__wrapped__()
    assert len(clean) == 40
    module.write_text("changed = True")
    assert commit.__wrapped__() == f"{clean}+"
