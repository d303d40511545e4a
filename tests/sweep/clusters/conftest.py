"""Runs that last long enough to be disturbed, the same runs undisturbed, and what to compare."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
import torch
from safetensors.torch import load_file

from sparselaw.sweep.jobs import FINISHED, Job
from sparselaw.sweep.local import train_locally
from sparselaw.train.config import config_from, config_to

NUM_STEPS, EVERY = 400, 10
SEEDS = {"first": 0, "second": 1, "third": 2}
PATIENCE = 300


def _jobs(folder: Path) -> list[Job]:
    tree = {
        "model": {"kind": "decoder", "width": 16, "layers": 1},
        "data": {"source": "synthetic", "sequence_length": 32, "heldout": 16},
        "pruning": {"sparsity": 0.75, "update_every": 3},
        "steps": NUM_STEPS,
        "batch_size": 4,
        "log_every": EVERY,
        "checkpoint_every": EVERY,
    }
    configs = {name: config_to(config_from(tree | {"seed": seed})) for name, seed in SEEDS.items()}
    return [Job(name, config, str(folder / name)) for name, config in configs.items()]


@pytest.fixture
def jobs(tmp_path) -> list[Job]:
    return _jobs(tmp_path / "runs")


@pytest.fixture
def long() -> Callable[[Job], Job]:
    """Makes a run so long that it never ends before what is to befall it."""
    return lambda job: replace(job, config=job.config | {"steps": 20_000})


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> Path:
    """The same runs by the local engine."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert {outcome.status for outcome in train_locally(_jobs(folder), Event(), workers=2)} == {FINISHED}
    return folder


@pytest.fixture
def befall() -> Callable[[Job, Callable[[int], None]], bytes]:
    """Waits until a run has saved, then does something to the process that trains it; gives the metrics up to then.

    They hold times, so that a run whose metrics still begin with them in the end has not been trained from step 0 again.
    """

    def waiting(job: Job, action: Callable[[int], None]) -> bytes:
        folder, deadline = Path(job.folder), time.monotonic() + PATIENCE
        while not (_newest(folder) >= 2 * EVERY and (pid := _process_of(folder))):
            assert time.monotonic() < deadline, f"{job.name} does not train"
            time.sleep(0.02)
        lines = (folder / "metrics.jsonl").read_bytes().splitlines(keepends=True)
        action(pid)
        return b"".join(lines[:2])

    return waiting


@pytest.fixture
def same_end(undisturbed) -> Callable[[Job], None]:
    """Holds a finished run against the undisturbed one: weights, masks, metrics and result, all but times."""

    def compare(job: Job) -> None:
        folder, reference = Path(job.folder), undisturbed / job.name
        assert _result(folder) == _result(reference)
        assert _metrics(folder) == _metrics(reference)
        weights, expected = (load_file(_end(place) / "model.safetensors") for place in (folder, reference))
        assert all(torch.equal(weights[name], weight) for name, weight in expected.items())

    return compare


@pytest.fixture
def newest_checkpoint() -> Callable[[Job], int]:
    return lambda job: _newest(Path(job.folder))


@pytest.fixture(scope="session")
def processes_naming() -> Callable[[Path | str], list[str]]:
    """Command lines that name a folder, as those of daemons do."""
    return lambda folder: [
        line for path in Path("/proc").glob("[0-9]*/cmdline") if str(folder) in (line := _text(path))
    ]


def _process_of(folder: Path) -> int | None:
    """The process that holds a run's folder, found by its open lock."""
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(entry) == str(folder / ".lock"):
                return int(entry.parts[2])
        except OSError:
            continue
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _newest(folder: Path) -> int:
    return max((int(path.name.partition("-")[2]) for path in (folder / "checkpoint").glob("step-*")), default=0)


def _end(folder: Path) -> Path:
    return folder / "checkpoint" / f"step-{NUM_STEPS:08d}"


def _result(folder: Path) -> dict:
    result = json.loads((folder / "result.json").read_text())
    return {key: value for key, value in result.items() if key not in ("seconds", "versions")}


def _metrics(folder: Path) -> list[dict]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if "second" not in key} for line in lines]
