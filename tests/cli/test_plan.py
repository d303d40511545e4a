"""The command `plan`: its record keeps its keys."""

import pytest

from sparselaw.cost import Cost
from sparselaw.fit import open_fit
from sparselaw.laws import chinchilla_flops


def test_plan_keeps_the_contract(answer) -> None:
    fitted = open_fit("vit-jft")
    budget = 5 * float(chinchilla_flops(fitted.law, fitted.values, 42.5e6, Cost()))
    record = answer("plan", "vit-jft", "--nonzeros", "42.5M", "--flops", f"{budget:.17g}", "--cost", "dense")
    assert round(record["optimal_sparsity"], 3) == 0.510
    assert record["times_chinchilla"] == pytest.approx(5)
    keys = {"interval", "loss", "dense_loss", "equivalent_dense_params", "data", "flops", "warnings"}
    assert keys <= set(record)


def test_plan_at_equal_bytes(answer) -> None:
    record = answer("plan", "vit-jft", "--memory", "85MB", "--times-chinchilla", "5", "--precision", "int8")
    assert (record["memory"], record["format"], record["precision"]) == (85e6, "bitmask", "int8")
    S = record["optimal_sparsity"]
    assert record["nonzero_params"] == pytest.approx(85e6 / (1 + 1 / (8 * (1 - S))))
    assert record["dense_params"] == 85e6
    low, high = record["interval"]
    assert low <= S <= high


def test_plan_of_a_model_to_be_served(answer) -> None:
    options = ["--inference", "1e12", "--inference-cost", "sparse", "--price", "2.5", "--peak", "1e15"]
    record = answer("plan", "t5-c4-refit", "--loss", "1.7", *options)
    assert {"optimal_sparsity", "interval", "loss", "dense_loss", "equivalent_dense_params"} <= set(record)
    assert {"data", "flops", "times_chinchilla", "warnings"} <= set(record)
    hours = record["total"] / (0.4 * 1e15 * 3600)
    assert record["gpu_hours"]["total"] == pytest.approx(hours)
    assert record["money"]["total"] == pytest.approx(2.5 * hours)


def test_options_are_repeated(answer) -> None:
    options = ["--option", "dense", "--option", "50% int4", "--capacity", "int4=0.8"]
    record = answer("plan", "t5-c4-refit", "--total", "1B", "--gpu", "h100", "--gpu-hours", "500", *options)
    found = {one["name"]: one for one in record["options"]}
    assert set(found) == {"dense", "50% int4"}
    assert (found["50% int4"]["precision"], found["50% int4"]["sparsity"]) == ("int4", 0.5)
    assert record["gpu_hours"]["training"] == pytest.approx(500)


def test_an_option_of_ones_own_joins_the_others(answer) -> None:
    record = answer(
        "plan", "vit-jft", "--memory", "85MB", "--flops", "1e19", "--sparsity", "0.6", "--precision", "int8"
    )
    assert len(record["options"]) == 8
    assert "60% int8" in [one["name"] for one in record["options"]]
