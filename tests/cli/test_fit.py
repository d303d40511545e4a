"""The command `fit`: its record, its files, other columns and laws."""

from pathlib import Path

import numpy as np
import pytest

from sparselaw.fit import open_fit


def test_fit_keeps_the_contract_and_comes_back_from_its_file(answer, folder: Path) -> None:
    file = folder / "fit.json"
    record = answer("fit", folder / "runs.csv", "--bootstrap", 50, "-o", file)
    assert {"law", "parameters", "objective", "status", "num_runs", "starts", "intervals"} <= set(record)
    assert {"tried", "at_optimum"} <= set(record["starts"])
    assert record["objective"] <= 4.8802e-6  # of the paper's law: the table has another name than t5-c4
    assert record["status"] == "converged"
    assert record["num_runs"] == 48
    fitted = open_fit(file)
    assert fitted.parameters == record["parameters"]
    planned = answer("plan", file, "--nonzeros", "85M", "--flops", "1e21")
    values = fitted.values
    data = 1e21 / (6 * 85e6)
    log_density = (
        np.log(values[5] / (values[0] * values[1])) + values[3] * np.log(85e6) + values[5] * np.log(values[4] / data)
    )
    closed_form = 1 - np.exp(log_density / (values[5] + values[1]))
    assert planned["optimal_sparsity"] == pytest.approx(closed_form, rel=1e-6)
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


def test_columns_are_taken_by_their_names_and_rows_by_a_condition(call, tmp_path):
    rows = [
        f"{n},{d},{3 + 10 / n**0.2 + 50 / d**0.3:.6f},{state}"
        for n in (1e6, 4e6, 9e6)
        for d in (1e8, 4e8, 9e8)
        for state in ("finished", "crashed")
    ]
    (tmp_path / "runs.csv").write_text("\n".join(["params,tokens,val_loss,status", *rows]))
    code, out, err = call(
        "fit", tmp_path / "runs.csv", "--law", "dense", "--bootstrap", 0, "--where", "status == 'finished'"
    )
    assert code == 0
    assert "9 runs" in " ".join(out.split())
    assert err.splitlines() == [
        "runs.csv: 9 of 18 rows are left out: they do not meet status == 'finished'",
        "runs.csv: params is taken for the number of weights",
        "runs.csv: tokens is taken for the data trained on",
        "runs.csv: val_loss is taken for loss",
        "runs.csv: there is no column of sparsity, so all runs are taken for dense",
    ]
