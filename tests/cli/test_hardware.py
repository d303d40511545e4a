"""The command `hardware`, and planning with what it measured."""

import json
from pathlib import Path


def test_plan_with_a_measured_cost(answer, call, tmp_path: Path) -> None:
    file = tmp_path / "machine.json"
    options = ["--shapes", "64x64", "--batches", 1, "--rounds", 1, "--threads", 1]
    code, out, err = call("hardware", *options, "-o", file, "--json")
    assert code == 0
    assert err.splitlines() == ["training, 64 x 64, batch 1", "inference, 64 x 64, batch 1"]
    assert json.loads(out)["kind"] == "measured"
    planned = answer("plan", "vit-jft", "--nonzeros", "42.5M", "--times-chinchilla", "50", "--cost", file)
    assert set(planned["costs"]) > {"dense", "sparse"}
    assert planned["costs"]["dense"] <= planned["optimal_sparsity"] + 1e-7
