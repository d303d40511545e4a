"""The command `fit`: its record, its files, other columns and laws."""

from pathlib import Path

import pytest

from sparselaw.fit import open_fit


def test_fit_keeps_the_contract_and_comes_back_from_its_file(answer, folder: Path) -> None:
    file = folder / "fit.json"
    record = answer("fit", folder / "runs.csv", "--bootstrap", 50, "-o", file)
    assert {"law", "parameters", "objective", "status", "num_runs", "starts", "intervals"} <= set(record)
    assert {"tried", "at_optimum"} <= set(record["starts"])
    assert record["objective"] <= 4.8802e-6
    assert record["status"] == "converged"
    assert record["num_runs"] == 48
    fitted = open_fit(file)
    assert fitted.parameters == record["parameters"]
    planned = answer("plan", file, "--nonzeros", "85M", "--flops", "1e21")
    published = answer("plan", "t5-c4-refit", "--nonzeros", "85M", "--flops", "1e21")
    assert planned["optimal_sparsity"] == pytest.approx(published["optimal_sparsity"], rel=1e-3)
    low, high = planned["interval"]
    assert low <= planned["optimal_sparsity"] <= high


def test_columns_are_mapped(answer, folder: Path) -> None:
    names = "nonzero_params=n,sparsity=s,data=tokens,loss=val"
    mapped = answer("fit", folder / "renamed.csv", "--columns", names)
    assert mapped["parameters"] == pytest.approx(answer("fit", folder / "runs.csv")["parameters"], rel=1e-9)


def test_a_law_of_ones_own(answer, folder: Path) -> None:
    record = answer("fit", folder / "runs.csv", "--law", f"{folder}/own.py:mine", "--starts", 8)
    assert record["law"] == "mine"
    assert set(record["parameters"]) == set("abef")


def test_fit_figures(call, folder: Path) -> None:
    code, _, err = call("fit", folder / "runs.csv", "--starts", 8, "--figures", folder / "figures")
    assert (code, err) == (0, "")
    for name in ("loss.png", "predicted.png"):
        assert (folder / "figures" / name).read_bytes().startswith(b"\x89PNG")
