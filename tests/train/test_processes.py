import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

SCRIPT = Path(__file__).with_name("distributed_run.py")
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    for name, launcher in (("two", TORCHRUN), ("one", [])):
        command = [sys.executable, *launcher, SCRIPT, folder / name]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stderr[-2000:]
    return folder


def _end(folder):
    checkpoint = folder / "checkpoint" / "step-00000024"
    state = torch.load(checkpoint / "state.pt", weights_only=True)
    return load_file(checkpoint / "model.safetensors"), state["pruner"]["masks"]


@pytest.mark.parametrize("kind", ["decoder", "t5", "vit"])
def test_two_processes_train_as_one(kind, runs):
    one, two = runs / "one" / kind, runs / "two" / kind
    result, same = (json.loads((folder / "result.json").read_text()) for folder in (two, one))
    assert result["versions"]["processes"] == 2
    assert result["loss"] == pytest.approx(same["loss"], rel=1e-4)
    assert result["nonzero_params"] == same["nonzero_params"]
    (weights, masks), (same_weights, same_masks) = _end(two), _end(one)
    torch.testing.assert_close(masks, same_masks, rtol=0, atol=0)
    # A key's bias changes no output, so its gradient is rounding noise, which Adam scales up to its step size.
    for name in masks:
        torch.testing.assert_close(weights[name], same_weights[name], rtol=1e-3, atol=1e-5)
    lines, same_lines = ((folder / "metrics.jsonl").read_text().splitlines() for folder in (two, one))
    assert [json.loads(line)["step"] for line in lines] == [json.loads(line)["step"] for line in same_lines]
