"""The command `fit`: its record, its files, other columns and laws."""

import json
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


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Two experiments of dense models with three learning rates each, in perplexities."""
    rows = [
        f"{name},{n},{d},{np.exp(floor + 60 / n**0.25 + 50 / d**0.3 + 0.1 * (lr != 2)):.9f},{lr}"
        for name, floor in (("a", 1.5), ("b", 2.0))
        for n in (1e6, 4e6, 9e6, 2e7)
        for d in (1e8, 4e8, 9e8)
        for lr in (1, 2, 3)
    ]
    (tmp_path / "logs.csv").write_text("\n".join(["name,params,tokens,perplexity,lr", *rows]))
    return tmp_path / "logs.csv"


def test_a_fit_for_each_group_of_the_best_runs(call, logs: Path) -> None:
    asked = ("--group-by", "name", "--best-of", "cell", "--json")
    found = json.loads(call("fit", logs, "--law", "dense", "--bootstrap", 0, *asked)[1])
    assert found["refused"] == {}
    assert {name: one["num_runs"] for name, one in found["fits"].items()} == {"a": 12, "b": 12}
    floors = [found["fits"][name]["parameters"]["c"] for name in "ab"]
    assert floors == pytest.approx([1.5, 2.0], abs=0.02)


def test_groups_are_one_table(call, logs: Path) -> None:
    code, out, err = call("fit", logs, "--law", "dense", "--bootstrap", 0, "--group-by", "name", "--best-of", "cell")
    assert code == 0, err
    assert [line.split()[:2] for line in out.splitlines() if line.strip()[:2] in ("a ", "b ")] == [
        ["a", "12"],
        ["b", "12"],
    ]
    code, _, err = call("fit", logs, "--group-by", "name", "-o", logs.with_name("fit.json"))
    assert code == 2
    assert "-o is of one fit; leave --group-by out" in err


def test_a_saved_fit_remembers_how_its_table_was_read(call, logs: Path) -> None:
    (logs.parent / "mine.toml").write_text("where = \"name == 'a'\"\nbest_of = 'cell'\n")
    file = logs.with_name("fit.json")
    dense = ("--law", "dense", "--bootstrap", 0, "--json")
    first = json.loads(call("fit", logs, *dense, "--columns", logs.parent / "mine.toml", "-o", file)[1])
    again = json.loads(call("fit", file, *dense)[1])
    assert again["parameters"] == first["parameters"]
    assert again["num_runs"] == 12


def test_a_table_of_sizes_flops_and_losses_is_fitted_as_it_is(call, tmp_path: Path) -> None:
    """241 rows as published plots of isoFLOP sweeps have them."""
    rng = np.random.default_rng(0)
    N, D = np.exp(rng.uniform(np.log(5e7), np.log(1.6e10), 241)), np.exp(rng.uniform(np.log(1e9), np.log(1e12), 241))
    loss = (1.82 + 482 / N**0.348 + 2085 / D**0.366) * np.exp(rng.normal(0, 0.003, 241))
    rows = [f"{n:.0f},{6 * n * d:.6g},{value:.5f}" for n, d, value in zip(N, D, loss, strict=True)]
    (tmp_path / "points.csv").write_text("\n".join(["Model Size,Training FLOP,loss", *rows]))
    code, out, err = call("fit", tmp_path / "points.csv", "--law", "dense", "--bootstrap", 0)
    assert code == 0, err
    found = {
        line.split()[0]: float(line.split()[1])
        for line in out.splitlines()
        if line.split()[:1] in (["b_N"], ["b_D"], ["c"])
    }
    assert found == pytest.approx({"b_N": 0.348, "b_D": 0.366, "c": 1.82}, rel=0.05)
    assert "points.csv: the data is Training FLOP / (6 weights before pruning)" in err
