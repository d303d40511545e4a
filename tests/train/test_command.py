import json
import os
import signal

import pytest
from sparselaw.train.command import train

from sparselaw.errors import UserError
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


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(TOML)
    return path


def test_prints_what_is_trained_before_and_what_came_out_after(config, tmp_path, capsys):
    assert train(config, output=tmp_path / "run", overrides=["pruning.sparsity=0.75"]) == 0
    said = capsys.readouterr()
    for part in (
        "N  768 non-zeros of 3.07K weights",
        "S  0.75",
        "D  1.02K tokens in 8 steps",
        "C  ",
        "parameters in all",
    ):
        assert part in said.err
        assert part in said.out
    assert "held-out" in said.out
    assert "finished after" in said.out


def test_json_is_the_result(config, tmp_path, capsys):
    assert train(config, output=tmp_path / "run", json=True) == 0
    assert json.loads(capsys.readouterr().out) == run_folder.read_result(tmp_path / "run")


def test_the_folder_is_named_after_the_configuration(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(config, overrides=["seed=3"])
    assert (tmp_path / "runs" / "mine-seed=3" / "result.json").exists()


def test_a_diverged_run_is_a_failure(config, tmp_path, capsys):
    overrides = ["learning_rate.peak=1e30", "learning_rate.warmup=0.0", "optimizer.clip=0"]
    assert train(config, output=tmp_path / "run", overrides=overrides) == 1
    assert "diverged after" in capsys.readouterr().out


def test_an_interrupted_run_says_so(config, tmp_path, capsys, monkeypatch):
    run = run_folder.run

    def interrupted(settings, folder):
        return run(settings, folder, hook=lambda _: os.kill(os.getpid(), signal.SIGTERM))

    monkeypatch.setattr(run_folder, "run", interrupted)
    assert train(config, output=tmp_path / "run") == 143
    assert "interrupted after" in capsys.readouterr().out


def test_mistakes_are_raised(config, tmp_path):
    with pytest.raises(UserError, match=r"unknown key pruning\.sparsty"):
        train(config, output=tmp_path / "run", overrides=["pruning.sparsty=0.75"])
    assert not (tmp_path / "run").exists()
