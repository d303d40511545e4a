"""The command line in this process: what it prints, and what it returns."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sparselaw.cli import run
from sparselaw.fit import fit
from sparselaw.runs import Runs

OWN_LAW = """
import numpy as np

def mine(S, N, D, a=5.0, b=0.2, e=5.0, f=0.2):
    return a * N**-b * (1 - S) ** 0.1 + e * D**-f

def fails(S, N, D, a=1.0):
    return missing * a

def empty_default(S, N, D, a=None):
    return a
"""

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Carries out a command; gives its exit code, standard output and standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        try:
            code = run([str(argument) for argument in arguments])
        except SystemExit as stop:  # after the help
            code = int(stop.code or 0)
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def answer(call: Call) -> Callable[..., Any]:
    """What a command prints as JSON, nothing having gone wrong."""

    def answer(*arguments: object) -> Any:
        code, out, err = call(*arguments, "--json")
        assert (code, err) == (0, "")
        return json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))

    return answer


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, t5_c4: Runs) -> Path:
    """A folder with the T5 runs under other column names, a law's file, and files that are wrong."""
    folder = tmp_path_factory.mktemp("cli")
    table = t5_c4.table[["nonzero_params", "sparsity", "data", "loss"]]
    table.to_csv(folder / "runs.csv", index=False)
    table.set_axis(["n", "s", "tokens", "val"], axis=1).to_csv(folder / "renamed.csv", index=False)
    (folder / "own.py").write_text(OWN_LAW)
    (folder / "broken.py").write_text("raise ValueError('first line\\nsecond line')")
    (folder / "damaged.json").write_text('{"format": "sparselaw-fit/1", "law": "paper"}')
    (folder / "text.json").write_text("not JSON")
    for name, law in (("plain", "paper"), ("dense", "dense")):
        fit(t5_c4, law, starts=4, bootstrap=0).save(folder / f"{name}.json")
    (folder / "folder.html").mkdir()
    (folder / "taken").write_text("a file, where a folder is wanted")
    return folder
