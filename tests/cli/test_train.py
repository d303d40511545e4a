"""The command `train`: what it prints and returns, in one process and in those that torchrun starts."""

import json
import os
import signal
import subprocess
import sys

import pytest

pytest.importorskip("torch")

from sparselaw.train import run_folder

TOML = """
steps = 8
batch_size = 4
log_every = 4

[model]
width = 16
layers = 1

[data]
source = "synthetic"
sequence_length = 32
heldout = 8
"""


WILD = ("--learning_rate.peak", "1e30", "--learning_rate.warmup=0.0", "--optimizer.clip", 0)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(TOML)
    return path


def test_prints_what_is_trained_before_and_what_came_out_after(call, config, tmp_path):
    code, out, err = call("train", config, "-o", tmp_path / "run", "--pruning.sparsity", 0.75)
    assert code == 0
    for part in (
        "768 non-zeros of 3.07K weights",
        "0.75",
        "1.02K tokens in 8 steps",
        "parameters in total, including zeros",
    ):
        assert part in err
        assert part in out
    assert "held-out" in out
    assert "finished after" in out


def test_json_is_the_result(call, config, tmp_path):
    code, out, _ = call("train", config, "-o", tmp_path / "run", "--json")
    assert code == 0
    assert json.loads(out) == run_folder.read_result(tmp_path / "run")


def test_the_folder_is_named_after_the_configuration(call, config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call("train", config, "--seed=3")[0] == 0
    assert (tmp_path / "runs" / "mine-seed=3" / "result.json").exists()


def test_a_diverged_run_is_a_failure(call, config, tmp_path):
    code, out, _ = call("train", config, "-o", tmp_path / "run", *WILD)
    assert code == 1
    assert "diverged after" in out


def test_an_interrupted_run_says_so(call, config, tmp_path, monkeypatch):
    run = run_folder.run

    def interrupted(settings, folder):
        return run(settings, folder, hook=lambda _: os.kill(os.getpid(), signal.SIGTERM))

    monkeypatch.setattr(run_folder, "run", interrupted)
    code, out, _ = call("train", config, "-o", tmp_path / "run")
    assert code == 143
    assert "interrupted after" in out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--pruning.sparsty", "0.75"], "unknown key pruning.sparsty"),
        (["other.toml"], "train does not take 'other.toml'"),
        (["--steps"], "--steps has no value"),
    ],
    ids=["key", "two files", "no value"],
)
def test_mistakes_are_one_sentence(call, config, tmp_path, words, complaint):
    code, out, err = call("train", config, "-o", tmp_path / "run", *words)
    assert (code, out) == (2, "")
    assert complaint in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()


TORCHRUN = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]


def _train(folder, launcher, *words):
    command = [sys.executable, "-m", *launcher, "sparselaw", "train", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200, check=False)


def test_of_two_processes_the_first_alone_prints(config, tmp_path):
    two = _train(tmp_path, TORCHRUN, config, "-o", "two", "--json")
    one = _train(tmp_path, [], config, "-o", "one", "--json")
    assert (two.returncode, one.returncode) == (0, 0), two.stderr[-2000:]
    result = json.loads(two.stdout)
    assert result["versions"]["processes"] == 2
    assert result["loss"] == pytest.approx(json.loads(one.stdout)["loss"], rel=1e-4)
    assert two.stderr.count("held-out loss") == one.stderr.count("held-out loss") == 1
    assert two.stderr.count("non-zeros of") == 1


def test_of_two_processes_the_first_alone_tells_a_mistake(config, tmp_path):
    refused = _train(tmp_path, TORCHRUN, config, "--steps", "0")
    assert refused.returncode != 0
    assert refused.stdout == ""
    assert sum(line.startswith("sparselaw: ") for line in refused.stderr.splitlines()) == 1
