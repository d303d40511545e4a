"""The example notebook runs, as a script and as a notebook."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[1] / "examples" / "notebook.py"
AS_NOTEBOOK = f"""
import runpy, sys, types
shown = []
sys.modules["ipykernel"] = types.ModuleType("ipykernel")
sys.modules["IPython"] = types.ModuleType("IPython")
sys.modules["IPython"].version_info = (9, 0)
sys.modules["IPython.display"] = types.ModuleType("IPython.display")
sys.modules["IPython.display"].display = shown.append
runpy.run_path({str(NOTEBOOK)!r})
for value in shown:
    print(type(value).__name__, value._repr_html_() if hasattr(value, "_repr_html_") else "")
"""


def run(*arguments: str, folder: Path, **variables: str) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "SPARSELAW_DATASETS"} | variables
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "contours.png").read_bytes().startswith(b"\x89PNG")
    return done.stdout


def test_as_a_script_on_runs_made_up_from_a_law(tmp_path: Path) -> None:
    shown = run(str(NOTEBOOK), folder=tmp_path)
    assert "paper law on made up, 48 runs" in shown
    assert "Train these 12 runs: " in shown


def test_as_a_notebook_on_the_published_runs(tmp_path: Path) -> None:
    datasets = os.environ.get("SPARSELAW_DATASETS")
    if not datasets:
        pytest.skip("SPARSELAW_DATASETS names no folder")
    shown = run("-c", AS_NOTEBOOK, folder=tmp_path, SPARSELAW_DATASETS=datasets)
    assert [shown.count(f"{kind} <") for kind in ("Answer", "Runs", "Fit")] == [2, 1, 1]
    assert "capped law on t5-c4, 48 runs" in shown
