"""Losses in other units, converted by hand."""

import numpy as np
import pandas as pd
import pytest

from sparselaw.errors import UserError
from sparselaw.runs import Runs
from sparselaw.runs.units import unit_called


def runs(column: str = "loss", values: tuple[float, ...] = (20.0, 10.0), told: str | None = None, **asked: str) -> Runs:
    table = pd.DataFrame({"nonzero_params": [1e6, 2e6], "sparsity": 0.0, "data": 1e9, column: values})
    return Runs.from_frame(table if told is None else table.assign(loss_unit=told), name="x", **asked)


@pytest.mark.parametrize("column", ["ppl", "val_ppl", "perplexity", "eval_perplexity"])
def test_a_column_of_perplexities_is_taken_for_its_logarithm(column: str) -> None:
    found = runs(column)
    assert found.loss.tolist() == pytest.approx([np.log(20), np.log(10)], rel=1e-15)
    assert found.loss_unit == "nats"
    assert f"losses are in nats: the logarithm of perplexities ({column})" in found.taken


@pytest.mark.parametrize(("unit", "shown"), [("bits", "nats"), ("bits-per-byte", "nats per byte")])
def test_bits_are_converted_on_request(unit: str, shown: str) -> None:
    found = runs(values=(4.0, 3.0), loss_unit=unit)
    assert found.loss.tolist() == pytest.approx([4 * np.log(2), 3 * np.log(2)], rel=1e-15)
    assert found.loss_unit == shown


@pytest.mark.parametrize(
    ("column", "told", "shown"),
    [
        ("loss_bits", None, "bits"),
        ("val_bpb", None, "bits per byte"),
        ("loss", "bits", "bits"),
        ("loss", "bits/byte", "bits per byte"),
        ("loss", "nats per token", "nats"),
        ("loss", "mse", "mse"),
        ("loss", "<script>", "nats"),
    ],
)
def test_other_units_are_kept_and_told(column: str, told: str | None, shown: str) -> None:
    found = runs(column, (4.0, 3.0), told)
    assert found.loss.tolist() == [4.0, 3.0]
    assert found.loss_unit == shown


def test_a_column_of_units_may_say_perplexity() -> None:
    once = runs(values=(20.0, 10.0), told="ppl")
    assert once.loss.tolist() == pytest.approx([np.log(20), np.log(10)])
    again = Runs.from_frame(once.table, name="again")
    assert again.loss.tolist() == once.loss.tolist()  # what is read twice is converted once


def test_a_loss_in_nats_goes_before_its_perplexity() -> None:
    table = pd.DataFrame({"nonzero_params": [1e6], "data": 1e9, "val_loss": 3.0, "val_ppl": 20.0})
    assert Runs.from_frame(table, name="x").loss.tolist() == [3.0]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"told": "bits", "loss_unit": "ppl"}, "loss_unit is ppl, but the column loss_unit says bits; give bits"),
        ({"loss_unit": "dB"}, "loss_unit is 'dB'; give one of nats, bits, bits-per-byte, ppl"),
        ({"column": "ppl", "values": (20.0, 0.9)}, "values of 1 or less, which no perplexity has"),
    ],
)
def test_units_that_contradict_are_one_sentence(asked: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        runs(**asked)


def test_two_units_in_one_table_are_refused() -> None:
    table = pd.DataFrame({"nonzero_params": [1e6, 2e6], "data": 1e9, "loss": 3.0, "loss_unit": ["nats", "bits"]})
    with pytest.raises(UserError, match="has bits and nats; choose rows of one"):
        Runs.from_frame(table, name="x")


@pytest.mark.parametrize(
    ("name", "unit"), [("habits", None), ("bits", "bits"), ("Val PPL", "ppl"), ("bits_per_byte", "bits-per-byte")]
)
def test_a_name_speaks_of_a_unit_by_whole_words(name: str, unit: str | None) -> None:
    assert unit_called(name) == unit
