"""A sweep file and a folder: which runs are handed to the engine, and how the sweep says that it ended."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from sparselaw.errors import UserError
from sparselaw.runs.folders import DIVERGED, FAILED, FINISHED
from sparselaw.sweep import Cell, SweepConfig, local, missing
from sparselaw.sweep.jobs import INTERRUPTED, Outcome
from sparselaw.sweep.missing import default_workers, train_missing

SWEEP = 'base = "base.toml"\nnonzeros = [800]\nsparsities = [0, 0.75]\ndata = ["2.6K", "26K"]\n'
LONG, SPARSE_LONG, SHORT, SPARSE_SHORT = (f"N800-S{S}-D{D}-seed0" for D in ("26K", "2.6K") for S in ("0", "0.75"))
CELLS = (Cell(800.0, 0.0, 2.6e3),)
RESULT = {"nonzero_params": 800.0, "sparsity": 0.0, "data": 2.6e3, "data_unit": "tokens", "loss": 1.0, "seconds": 1.0}


@pytest.fixture
def sweep(base, monkeypatch):
    monkeypatch.chdir(base.parent)
    (base.parent / "mine.toml").write_text(SWEEP)
    return "mine.toml"


@pytest.fixture
def engine(monkeypatch):
    """In place of training here: each run ends as `ends` says, in its folder too; `calls` are the runs of each call."""
    made = SimpleNamespace(ends={}, calls=[], options={})

    def train(jobs, _, **options):
        made.calls.append([job.name for job in jobs])
        made.options = options
        for job in jobs:
            status = made.ends.get(job.name, FINISHED)
            result = RESULT | {"status": status}
            if status in (FINISHED, DIVERGED):
                Path(job.folder).mkdir(parents=True, exist_ok=True)
                (Path(job.folder) / "config.json").write_text(json.dumps(job.config))
                (Path(job.folder) / "result.json").write_text(json.dumps(result))
            yield Outcome(job.name, status, "" if status == FINISHED else "a reason", result)

    monkeypatch.setattr(local, "train_locally", train)
    return made


def test_finished_runs_are_trained_once_and_others_again_if_asked(sweep, engine):
    engine.ends = {SHORT: DIVERGED, SPARSE_SHORT: FAILED}
    first = train_missing(sweep, workers=3)
    assert (first.folder, first.num_runs, first.num_finished, first.stopped) == ("runs/mine", 4, 2, False)
    second = train_missing(sweep)
    assert (second.num_finished, len(second.left), second.outcomes) == (2, 2, ())
    assert {one["name"]: one["status"] for one in second.to_json()} == {
        LONG: FINISHED,
        SPARSE_LONG: FINISHED,
        SHORT: DIVERGED,
        SPARSE_SHORT: FAILED,
    }
    engine.ends = {}
    third = train_missing(sweep, retry=True)
    assert (third.num_finished, third.left) == (4, ())
    assert [set(call) for call in engine.calls] == [
        {LONG, SPARSE_LONG, SHORT, SPARSE_SHORT},
        {SHORT, SPARSE_SHORT},
    ]


def test_the_longest_runs_come_first(sweep, engine):
    """At 6 N D / (1-S) FLOPs, ten times the data is more than a sparsity of 75%."""
    train_missing(sweep, output="here", workers=3)
    assert engine.calls == [[SPARSE_LONG, LONG, SPARSE_SHORT, SHORT]]
    assert engine.options["workers"] == 3
    assert Path("here", LONG, "result.json").is_file()


def test_an_interrupted_run_stops_the_sweep(sweep, engine):
    engine.ends = {SHORT: INTERRUPTED}
    ended = train_missing(sweep)
    assert (ended.stopped, ended.num_finished) == (True, 3)


def test_impossible_runs_are_counted_before_anything_is_made(sweep, engine):
    Path(sweep).write_text(SWEEP.replace("0.75", "0.995, 0.75"))
    with pytest.raises(UserError, match=r"The run N800-S0\.995-D2\.6K-seed0 is impossible: .* \(and 1 more; see "):
        train_missing(sweep)
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("cores", "gpus", "threads", "workers"), [(8, 0, 1, 8), (8, 0, 3, 2), (2, 0, 4, 1), (8, 2, 1, 2)]
)
def test_workers_are_the_gpus_or_fill_the_cores(cores, gpus, threads, workers, monkeypatch):
    monkeypatch.setattr(missing.os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert default_workers(threads) == workers


@pytest.mark.parametrize(("visible", "gpus"), [("2,5", ["2", "5"]), ("", ["0", "1", "2"])], ids=["chosen", "all"])
def test_gpus_are_those_that_the_sweep_may_see(visible, gpus, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert (
        missing._engine("local", SweepConfig("base.toml", cells=CELLS), 1, None, "runs/mine").keywords["gpus"] == gpus
    )


@pytest.mark.parametrize(
    ("folder", "logs"),
    [("runs/mine", "runs/mine-slurm-logs"), ("s3://bucket/mine", "slurm-logs")],
    ids=["path", "address"],
)
def test_logs_of_slurm_lie_beside_the_runs_or_here(folder, logs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train = missing._engine("slurm", SweepConfig("base.toml", cells=CELLS, slurm={"partition": "gpu"}), 4, None, folder)
    assert train.keywords == {"workers": 4, "options": {"partition": "gpu"}, "log_folder": tmp_path / logs}
