"""The command `inspect`: one screen, or its record."""

from pathlib import Path


def test_the_screen(call, folder: Path) -> None:
    code, out, err = call("inspect", folder / "runs.csv")
    assert (code, err) == (0, "")
    assert out.startswith("runs.csv, 48 runs\n")
    assert "all 48 combinations have runs" in " ".join(out.split())
    assert len(out.splitlines()) < 30


def test_the_record(answer, folder: Path) -> None:
    columns = "nonzero_params=n,sparsity=s,data=tokens,loss=val"
    record = answer("inspect", folder / "renamed.csv", "--columns", columns, "--where", "s > 0")
    assert record["num_runs"] == 36
    assert record["taken"][0] == "12 of 48 rows are left out: they do not meet s > 0"
    assert record["grid"] == {"counts_zeros": False, "shape": [4, 3, 3], "filled": 36, "pairs": [12, 12, 9]}
    assert record["laws"]["paper"] == ""
    assert record["laws"]["multipliers"] == "no run is dense"
    assert {one["answer"] for one in record["findings"]} == {"no"}
