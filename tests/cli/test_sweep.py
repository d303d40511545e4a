"""The commands `sweep` and `runs`; test_faults.py runs them as processes of their own."""

import io
import json
from contextlib import chdir, redirect_stderr, redirect_stdout
from types import SimpleNamespace

import pytest

from sparselaw.cli import run

SWEEP = """
base = "base.toml"
nonzeros = [800]
sparsities = [0, 0.75]
data = ["2.6K"]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, base_text):
    folder = tmp_path_factory.mktemp("commands")
    (folder / "base.toml").write_text(base_text)
    (folder / "sweep.toml").write_text(SWEEP)
    return folder


def call(folder, *arguments):
    with chdir(folder), redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = run(arguments)
    return SimpleNamespace(returncode=code, stdout=out.getvalue(), stderr=err.getvalue())


@pytest.fixture(scope="module")
def trained(folder):
    return call(folder, "sweep", "sweep.toml", "--json")


def test_a_sweep_for_machines(trained):
    assert trained.returncode == 0, trained.stderr
    records = json.loads(trained.stdout)
    assert {record["name"]: record["status"] for record in records} == {
        "N800-S0-D2.6K-seed0": "finished",
        "N800-S0.75-D2.6K-seed0": "finished",
    }
    assert all(record["result"]["loss"] > 0 for record in records)


def test_a_sweep_that_is_done_says_so(folder, trained):
    again = call(folder, "sweep", "sweep.toml")
    assert again.returncode == 0
    assert again.stdout == "2 of 2 runs finished in runs/sweep\n"
    assert "0 runs to train in runs/sweep, 2 already finished" in again.stderr


def test_runs_are_listed_and_written_as_a_table(folder, trained):
    listed = call(folder, "runs", "runs/sweep", "-o", "table.csv")
    assert listed.returncode == 0, listed.stderr
    assert "N800-S0.75-D2.6K-seed0" in listed.stdout
    assert "2 finished" in listed.stdout
    records = json.loads(call(folder, "runs", "runs/sweep", "--json").stdout)
    assert [record["state"] for record in records] == ["finished", "finished"]
    assert len((folder / "table.csv").read_text().splitlines()) == 3


def test_a_dry_run_trains_nothing(folder):
    seen = call(folder, "sweep", "sweep.toml", "-o", "nowhere", "--dry-run")
    assert seen.returncode == 0, seen.stderr
    for part in ("N800-S0-D2.6K-seed0", "768", "2.69K", "3.07K", "2 runs", "one by one", "with 2 at a time"):
        assert part in seen.stdout
    assert not (folder / "nowhere").exists()
    records = json.loads(call(folder, "sweep", "sweep.toml", "--dry-run", "--json").stdout)
    assert [record["facts"]["sparsity"] for record in records] == [0, 0.75]
    assert all(record["seconds"] > 0 and record["memory"] > 0 for record in records)


def test_impossible_runs_are_refused_with_the_reason(folder):
    (folder / "impossible.toml").write_text(SWEEP.replace("0.75", "0.75, 0.995"))
    seen = call(folder, "sweep", "impossible.toml", "--dry-run")
    assert seen.returncode == 2
    assert "impossible: N800-S0.995-D2.6K-seed0" in seen.stdout
    refused = call(folder, "sweep", "impossible.toml", "-o", "nowhere")
    assert refused.returncode == 2
    assert refused.stderr.startswith("sparselaw: The run N800-S0.995-D2.6K-seed0 is impossible: ")
    assert not (folder / "nowhere").exists()


def test_another_sweeps_folder_is_refused(folder, trained):
    (folder / "other.toml").write_text(SWEEP + "\n[set]\nbatch_size = 8\n")
    refused = call(folder, "sweep", "other.toml", "-o", "runs/sweep")
    assert refused.returncode == 2
    assert "holds another run (batch_size is 4, not 8); choose another folder." in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_diverged_runs_are_left_alone_until_asked(folder):
    sure_to_diverge = "\n[set]\nlearning_rate.peak = 1e30\nlearning_rate.warmup = 0\noptimizer.clip = 0\n"
    (folder / "wild.toml").write_text(SWEEP.replace("0, 0.75", "0") + sure_to_diverge)
    first = call(folder, "sweep", "wild.toml")
    assert first.returncode == 1
    assert "N800-S0-D2.6K-seed0 diverged: after" in first.stderr
    second = call(folder, "sweep", "wild.toml")
    assert second.returncode == 1
    assert "0 runs to train" in second.stderr
    assert "1 diverged or failed (--retry tries them again)" in second.stderr
    third = call(folder, "sweep", "wild.toml", "--retry")
    assert "1 runs to train" in third.stderr
    assert third.returncode == 1


def test_a_failed_run_tells_why_and_the_others_go_on(folder):
    """A run without enough held-out data fails where it opens the data; the error is the run's own sentence."""
    (folder / "text.txt").write_text("too little text\n" * 60)
    (folder / "text.toml").write_text((folder / "base.toml").read_text().replace('"synthetic"', '"text.txt"'))
    (folder / "short.toml").write_text(SWEEP.replace("base.toml", "text.toml"))
    refused = call(folder, "sweep", "short.toml")
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["sweep", "missing.toml"], "missing.toml is not a file"),
        (["sweep", "sweep.toml", "--threads", "0"], "--threads is 0; give at least 1."),
        (["sweep", "sweep.toml", "--workers", "-2"], "--workers is -2; give at least 0."),
        (["sweep", "sweep.toml", "--address", "head:6379"], "--engine ray"),
        (
            ["sweep", "sweep.toml", "--engine", "cloud"],
            "--engine does not take 'cloud'; give one of local, ray, slurm.",
        ),
        (["runs", "missing"], "missing cannot be read as a folder of runs"),
        (["runs", "sweep.toml"], "sweep.toml cannot be read as a folder of runs (Not a directory)"),
    ],
)
def test_mistakes_are_one_sentence(folder, arguments, complaint):
    refused = call(folder, *arguments)
    assert refused.returncode == 2
    assert complaint in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
