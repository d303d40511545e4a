"""What a table is, counted by hand; nothing is fitted for it."""

import json

import numpy as np
import pandas as pd
import pytest

import sparselaw
from sparselaw.errors import UserError
from sparselaw.fit.inspection import Grid, Inspection, Trainings, inspect
from sparselaw.fit.levels import Level
from sparselaw.fit.result import finite

SMALL = pd.DataFrame(
    {
        "nonzero_params": [1e6, 1e6, 2e6, 2e6, 4e6],
        "sparsity": [0.0, 0.5, 0.0, 0.5, 0.5],
        "data": [1e9, 1e9, 1e9, 1e9, 3e9],
        "loss": [3.5, 3.4, 3.3, 3.2, 3.0],
        "data_unit": "tokens",
    }
)


def test_a_small_table():
    found = inspect(SMALL)
    assert (found.name, found.num_runs, found.data_unit, found.loss_unit) == ("table", 5, "tokens", "nats")
    assert found.sizes.bins == (Level(1e6, 1e6, 2), Level(2e6, 2e6, 2), Level(4e6, 4e6, 1))
    assert found.sparsities.bins == (Level(0.0, 0.0, 2), Level(0.5, 0.5, 3))
    assert found.durations.bins == (Level(1e9, 1e9, 4), Level(3e9, 3e9, 1))
    assert found.loss == (3.0, 3.5)
    assert found.flops == pytest.approx((6 * 1e6 * 1e9, 6 * 8e6 * 3e9))
    assert found.grid == Grid(False, (3, 2, 2), filled=5, pairs=(5, 3, 3))
    assert found.trainings == Trainings(5, 1)
    assert found.repeats.num_repeated == 0
    assert found.laws["multipliers"] == ""
    assert found.laws["paper"] == "5 different runs are too few for 7 free parameters"


def test_sizes_cross_as_weights_before_pruning_where_these_are_fewer():
    """Two models, each pruned to 0% and 75%."""
    frame = SMALL.assign(nonzero_params=[4e6, 2e6, 8e6, 4e6, 4e6], data=1e9)
    assert inspect(frame).grid == Grid(True, (2, 2, 1), filled=4, pairs=(4, 2, 2))


def test_checkpoints():
    frame = SMALL.assign(run=list("aabbb"), data=[1e9, 2e9, 1e9, 2e9, 3e9], nonzero_params=[1e6, 1e6, 2e6, 2e6, 2e6])
    assert inspect(frame).trainings == Trainings(2, 3)


def test_columns_and_a_condition():
    frame = SMALL.rename(columns={"loss": "val"})
    found = inspect(frame, columns={"loss": "val"}, where="sparsity > 0")
    assert found.num_runs == 3
    assert found.taken == ("2 of 5 rows are left out: they do not meet sparsity > 0",)
    with pytest.raises(UserError, match="has no column 'loss'"):
        inspect(frame)


def test_the_published_sweeps(t5_c4, vit_jft):
    """The T5 runs are a full grid; the ViT sweep has fewer sparse runs of the largest sizes."""
    assert inspect("t5-c4").grid == Grid(False, (4, 4, 3), 48, (16, 12, 12))
    found = inspect(vit_jft)
    assert found.grid == Grid(False, (7, 5, 4), 112, (28, 28, 20))
    assert [one.num_runs for one in found.sparsities.bins] == [28, 28, 28, 20, 8]


def test_many_levels_are_binned(many_levels):
    found = inspect(many_levels)
    assert (found.sizes.num_distinct, len(found.sizes.bins)) == (41, 8)
    assert (found.durations.num_distinct, len(found.durations.bins)) == (136, 8)
    assert found.grid.shape == (41, 4, 136)
    assert found.grid.filled == 136


def test_it_is_json_and_fits_nothing(t5_c4, monkeypatch):
    monkeypatch.setattr("sparselaw.fit.solver.minimise", lambda *_, **__: pytest.fail("a fit"))
    record = inspect(t5_c4).to_json()
    assert json.loads(json.dumps(finite(record)))["grid"]["shape"] == [4, 4, 3]
    assert record["findings"][0] == {
        "question": "what a sparsity is worth (size multipliers)",
        "answer": "yes",
        "reason": "",
    }


def test_it_is_in_the_flat_api():
    assert sparselaw.inspect is inspect
    assert isinstance(sparselaw.inspect(SMALL), Inspection)
    assert sparselaw.inspect(SMALL).summary().startswith("table, 5 runs\n")


@pytest.mark.parametrize("number", [1, 2])
def test_tiny_tables(number):
    found = inspect(SMALL[:number])
    assert found.num_runs == number
    assert np.isfinite(found.flops).all()
    assert [one.answer for one in found.findings] == ["no"] * 4
