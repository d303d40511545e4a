"""The command `runs`: the states of runs, and a table of the finished ones."""

import json
from pathlib import Path


def test_states_and_the_table(call, answer, tmp_path: Path) -> None:
    result = {
        "nonzero_params": 1e6,
        "sparsity": 0.5,
        "data": 1e8,
        "loss": 3.0,
        "status": "finished",
        "data_unit": "tokens",
    }
    for name, status in (("good", "finished"), ("wild", "diverged")):
        (tmp_path / "sweep" / name).mkdir(parents=True)
        (tmp_path / "sweep" / name / "result.json").write_text(json.dumps(result | {"status": status}))
    code, out, err = call("runs", tmp_path / "sweep", "-o", tmp_path / "table.csv")
    assert (code, err) == (0, "")
    assert "1 finished" in out
    assert "wild" in out
    assert len((tmp_path / "table.csv").read_text().splitlines()) == 2
    states = {one["name"]: one["state"] for one in answer("runs", tmp_path / "sweep")}
    assert states == {"good": "finished", "wild": "diverged"}
