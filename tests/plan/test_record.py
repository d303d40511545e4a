"""The record of an answer keeps its keys and agrees with itself."""

import json

import pytest

from sparselaw.fit import Fit, open_fit
from sparselaw.plan import plan

CONTRACT = {
    *("optimal_sparsity", "interval", "loss", "dense_loss", "equivalent_dense_params"),
    *("data", "flops", "times_chinchilla", "warnings"),
}


@pytest.fixture
def vit() -> Fit:
    return open_fit("vit-jft")


def test_record_keeps_the_contract(vit: Fit) -> None:
    record = plan(vit, nonzeros=42.5e6, flops=2e20).to_json()
    assert set(record) >= CONTRACT
    assert record["gain"] == pytest.approx(record["dense_loss"] - record["loss"], rel=1e-12)
    assert record["equivalent_dense_params"] == pytest.approx(record["multiplier"] * 42.5e6, rel=1e-12)


def test_the_record_of_a_lifetime_keeps_the_contract() -> None:
    record = plan("t5-c4-refit", loss=1.7, inference=1e12).to_json()
    assert set(record) >= CONTRACT
    assert record["gpu_hours"] is None
    assert record["advice"]


@pytest.mark.parametrize("question", [{"flops": 1e18, "memory": "85MB"}, {"loss": 5.4, "inference": 1e11}], ids=str)
def test_records_are_json_without_nan(vit: Fit, question: dict) -> None:
    json.dumps(plan(vit, **question).to_json(), allow_nan=False)
