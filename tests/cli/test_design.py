"""The command `design`: numbers, and a sweep file."""

import tomllib
from pathlib import Path


def test_design_as_numbers_and_as_a_sweep(answer, tmp_path: Path) -> None:
    record = answer("design", "vit-jft", "--budget", "1e18", "--max-runs", 14, "-o", tmp_path / "sweep.toml")
    assert record["num_runs"] == len(record["cells"]) <= 14
    assert record["flops"] <= 1e18
    sweep = tomllib.loads((tmp_path / "sweep.toml").read_text())
    assert sweep["base"] == "vit-laptop"
    assert [cell["sparsity"] for cell in sweep["cells"]] == [cell["sparsity"] for cell in record["cells"]]
    limited = answer(
        "design", "t5-c4-refit", "--budget", "1e14", "--nonzeros", "14K:220K", "--data", "1M:16M", "--target", "1M,1e15",
        "--sparsities", 0, 0.75, "--max-seeds", 2, "--noise", 0.02, "--answer", "loss", "--cost", "sparse", "--guess",
    )  # fmt: skip
    assert limited["target"] == {"nonzero_params": 1e6, "flops": 1e15, "answer": "loss"}
    assert {cell["sparsity"] for cell in limited["cells"]} <= {0, 0.75}
    assert limited["cost"] == "sparse"
