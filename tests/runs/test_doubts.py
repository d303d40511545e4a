"""What is said of tables that are possible and probably mistaken, and what is not said of honest ones."""

import numpy as np
import pandas as pd
import pytest

from sparselaw.laws import PAPER
from sparselaw.runs import Runs

TRUTH = (10.7, 1.34, 41.6, 0.232, 6.77e8, 0.385, 0.83)


def grid(noise: float = 0.003, seed: int = 0, **columns) -> pd.DataFrame:
    axes = np.meshgrid([1e6, 4e6, 16e6, 64e6], [0.0, 0.5, 0.75, 0.875], [1e9, 4e9, 16e9, 64e9])
    N, S, D = (axis.ravel() for axis in axes)
    loss = PAPER.predict(TRUTH, S, N, D) * np.exp(np.random.default_rng(seed).normal(0, noise, len(N)))
    return pd.DataFrame({"nonzero_params": N, "sparsity": S, "data": D, "loss": loss}).assign(**columns)


def told(table: pd.DataFrame) -> tuple[str, ...]:
    return Runs.from_frame(table, name="x").warnings


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("noise", [0.0, 0.003, 0.03])
def test_nothing_is_said_of_an_honest_table(noise: float, seed: int) -> None:
    assert told(grid(noise, seed)) == ()


@pytest.mark.parametrize("published", ["t5_c4", "vit_jft"])
def test_nothing_is_said_of_the_published_runs(published: str, request: pytest.FixtureRequest) -> None:
    assert told(request.getfixturevalue(published).table) == ()


def test_diverged_runs_are_named_with_a_condition_that_leaves_them_out() -> None:
    table = grid()
    table.loc[[5, 40], "loss"] = [10.9, 9.8]
    (sentence,) = told(table)
    assert "2 of 64 runs lie far from the others" in sentence
    assert "(rows 6 (loss 10.9), 41 (loss 9.8))" in sentence
    limit = float(sentence.partition("'loss < ")[2].partition("'")[0])
    assert table["loss"].drop([5, 40]).max() < limit < 9.8


def test_a_run_of_another_unit_is_named() -> None:
    table = grid()
    table.loc[9, "loss"] /= 1000
    (sentence,) = told(table)
    assert "1 of 64 runs lie far from the others" in sentence
    assert "rows 10 (loss 0.00" in sentence


@pytest.mark.parametrize("columns", [("lr",), ("learning_rate", "batch_size"), ("Peak LR",)])
def test_a_sweep_of_hyperparameters_is_recognised(columns: tuple[str, ...]) -> None:
    table = pd.concat([grid(seed=k).assign(**dict.fromkeys(columns, 10.0**-k)) for k in range(3)])
    (sentence,) = told(table)
    names = " and ".join(columns)
    assert sentence.startswith(f"64 of 64 cells of equal N, S and D hold several values of {names}")
    assert "--best-of cell" in sentence


def test_one_rate_for_each_size_is_no_sweep() -> None:
    table = grid()
    assert told(table.assign(lr=1 / table["nonzero_params"])) == ()


def test_checkpoints_of_a_schedule_are_no_sweep() -> None:
    table = grid().assign(run=np.repeat(range(16), 4), lr=np.arange(64))
    assert told(table) == ()


def test_perplexities_are_recognised_by_their_range() -> None:
    table = grid()
    (sentence,) = told(table.assign(loss=np.exp(table["loss"])))
    assert "if these are perplexities, give --loss-unit ppl" in sentence


def test_bits_per_byte_are_recognised_by_their_range() -> None:
    table = grid()
    (sentence,) = told(table.assign(loss=table["loss"] / 6, data_unit="tokens"))
    assert "if it is in bits per byte" in sentence


def test_weights_before_pruning_that_are_given_for_non_zeros_are_recognised() -> None:
    table = grid()
    S, total, D = (table[name] for name in ("sparsity", "nonzero_params", "data"))
    (sentence,) = told(table.assign(loss=PAPER.predict(TRUTH, S, total * (1 - S), D)))
    assert "the loss rises with sparsity in 48 of 48 pairs" in sentence
    assert "--columns total_params=nonzero_params" in sentence


def test_unfinished_runs_are_told() -> None:
    table = grid().assign(status=["crashed", "running"] + ["finished"] * 62)
    (sentence,) = told(table)
    assert "(1 'crashed', 1 'running')" in sentence
