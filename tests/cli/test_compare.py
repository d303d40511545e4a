"""The command `compare`."""

import json
from pathlib import Path

import pytest


def test_compare(call, folder: Path) -> None:
    code, out, err = call("compare", folder / "runs.csv", "--json")
    assert (code, err) == (0, "")
    objectives = {record["law"]: record["objective"] for record in json.loads(out)}
    published = {"dense": 3.356e-5, "average-params": 2.007e-5, "no-floor": 1.315e-5, "paper": 4.880e-6}
    assert {law: objectives[law] for law in published} == pytest.approx(published, rel=5e-4)


def test_bins_of_many_levels_are_left_out(answer, tmp_path: Path) -> None:
    """136 durations are eight bins of 17, the first from 1B to 1.05^16 B; only the law of dense models can be fitted."""
    sizes, data = [1e7 * 1.2 ** (k % 41) for k in range(136)], [1e9 * 1.05**k for k in range(136)]
    rows = [f"{N},0,{D},{1 + 50 / N**0.3 + 2e3 / D**0.4:.6f}" for N, D in zip(sizes, data, strict=True)]
    (tmp_path / "runs.csv").write_text("\n".join(["nonzero_params,sparsity,data,loss", *rows]))
    dense, *refused = answer("compare", tmp_path / "runs.csv")
    told = {one["left_out"]: one["num_runs"] for one in dense["hold_outs"]}
    assert {record["law"] for record in refused} >= {"paper", "capped"}
    assert [number for name, number in told.items() if name.startswith("D ") and " to " in name] == [17] * 8
    assert told["D 1B to 2.18B"] == 17
    assert len(told) == 25
