import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

TIMES = {"seconds", "tokens_per_second"}


@pytest.fixture(scope="module")
def killed_runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    script = Path(__file__).with_name("killed_runs.py")
    done = subprocess.run([sys.executable, script, folder, "0"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder, json.loads(done.stdout.splitlines()[-1])


def _end(folder):
    checkpoint = folder / "checkpoint" / "step-00000060"
    state = torch.load(checkpoint / "state.pt", weights_only=True)
    return load_file(checkpoint / "model.safetensors"), state


def _metrics(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in TIMES} for line in lines]


def _without_times(result):
    return {key: value for key, value in result.items() if key not in TIMES}


def test_the_sittings_were_killed(killed_runs):
    _, kills = killed_runs
    assert kills["chosen"] == 17
    assert kills["random"] >= 1


@pytest.mark.parametrize("name", ["chosen", "random"])
def test_a_killed_run_ends_bit_for_bit_like_the_undisturbed_one(killed_runs, name):
    folder, _ = killed_runs
    weights, state = _end(folder / "undisturbed")
    killed_weights, killed_state = _end(folder / name)
    assert all(torch.equal(weight, killed_weights[key]) for key, weight in weights.items())
    assert killed_state["pruner"]["step"] == state["pruner"]["step"] == 60
    torch.testing.assert_close(killed_state["pruner"]["masks"], state["pruner"]["masks"], rtol=0, atol=0)
    torch.testing.assert_close(killed_state["optimizer"]["state"], state["optimizer"]["state"], rtol=0, atol=0)


@pytest.mark.parametrize("name", ["chosen", "random"])
def test_no_line_of_metrics_is_lost_or_doubled(killed_runs, name):
    folder, _ = killed_runs
    assert _metrics(folder / name) == _metrics(folder / "undisturbed")
    results = [json.loads((folder / which / "result.json").read_text()) for which in (name, "undisturbed")]
    assert _without_times(results[0]) == _without_times(results[1])
