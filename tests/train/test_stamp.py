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
