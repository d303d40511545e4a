from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sparselaw.errors import UserError
from sparselaw.fit import open_fit
from sparselaw.fit.pretrained import compare_pretrained
from sparselaw.runs import Runs

BUDGETS = (1e6, 2e6, 4e6, 8e6)


def loss_from_scratch(D, S):
    return 1.4 + 0.3 * S + (3e4 / D) ** 0.3


def runs_with(needed, *, D1=6e6, D2=1e6, S=0.5, N=2e4, noise=0.0, rng=None, seeds=3):
    """From scratch at four budgets, and from a checkpoint to the loss that `needed` data give."""
    rows = [(N, S, D, loss_from_scratch(D, S), "", np.nan) for D in BUDGETS for _ in range(seeds)]
    rows += [(N, S, D2, loss_from_scratch(needed, S), f"dense{k}", D1) for k in range(seeds)]
    frame = pd.DataFrame(rows, columns=["nonzero_params", "sparsity", "data", "loss", "init", "init_data"])
    if noise:
        frame["loss"] *= np.exp(noise * rng.standard_normal(len(frame)))
    return Runs.from_frame(frame, name="simulated")


@pytest.mark.parametrize("needed", [1e6, 2e6, 8e6])
def test_at_a_budget_that_was_trained_the_factor_is_exact(needed):
    (value,) = compare_pretrained(runs_with(needed))
    assert value.factor == pytest.approx(needed / 1e6)
    assert value.factor_of_both == pytest.approx(needed / 7e6)
    assert (value.num_runs, value.data_before, value.extrapolated) == (3, 6e6, False)


def test_between_budgets_lines_join_the_logarithms():
    (value,) = compare_pretrained(runs_with(3e6))
    (below, above), target = np.log(loss_from_scratch(np.array([2e6, 4e6]), 0.5)), np.log(loss_from_scratch(3e6, 0.5))
    assert value.data_needed == pytest.approx(2e6 * 2 ** ((below - target) / (below - above)))


@pytest.mark.parametrize(("needed", "extrapolated"), [(5e5, True), (1.5e6, False), (12e6, True)])
def test_what_lies_outside_the_runs_is_called_so(needed, extrapolated):
    (value,) = compare_pretrained(runs_with(needed))
    assert value.extrapolated == extrapolated
    assert value.data_needed == pytest.approx(needed, rel=0.2)


def test_a_loss_that_more_data_do_not_reach_needs_infinite_data():
    table = runs_with(8e6).table
    is_long = (table["data"] >= 4e6) & (table["init"] == "")
    table.loc[is_long, "loss"] = loss_from_scratch(4e6, 0.5)
    (value,) = compare_pretrained(Runs.from_frame(table, name="flat"))
    assert value.factor == np.inf
    assert value.extrapolated


def test_the_law_inverts_to_the_same_data():
    law = open_fit("t5-c4-refit")
    table = pd.DataFrame({"nonzero_params": 2e7, "sparsity": 0.75, "data": [1e10], "init": "dense"})
    table["loss"] = law.predict(0.75, 2e7, 4.27e10)
    (value,) = compare_pretrained(Runs.from_frame(table, name="one"), law)
    assert value.factor == pytest.approx(4.27, rel=1e-6)
    assert (value.factor_of_both, value.data_needed_interval) == (None, None)
    assert not value.extrapolated


def test_the_draws_of_the_law_widen_the_interval():
    law = open_fit("t5-c4-refit")
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"nonzero_params": 2e7, "sparsity": 0.75, "data": [1e10] * 4, "init": "dense"})
    table["loss"] = law.predict(0.75, 2e7, 4.27e10) * np.exp(0.003 * rng.standard_normal(4))
    runs = Runs.from_frame(table, name="four")
    wide, narrow = (
        compare_pretrained(runs, fit)[0].data_needed_interval for fit in (law, replace(law, bootstrap=None))
    )
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_intervals_hold_the_truth_as_often_as_they_say():
    """300 simulated experiments with three seeds; the truth is what lines through noiseless runs give."""
    rng = np.random.default_rng(0)
    truth = compare_pretrained(runs_with(3e6))[0].data_needed
    held = []
    for _ in range(300):
        low, high = compare_pretrained(runs_with(3e6, noise=0.01, rng=rng))[0].data_needed_interval
        held.append(low <= truth <= high)
    assert 0.92 <= np.mean(held) <= 0.99


def test_cells_are_kept_apart():
    parts = [runs_with(2e6, S=S, N=N) for S, N in ((0.5, 2e4), (0.75, 1e4))]
    runs = Runs.from_frame(pd.concat([part.table for part in parts], ignore_index=True), name="both")
    values = compare_pretrained(runs)
    assert [(v.sparsity, v.nonzero_params, v.num_runs) for v in values] == [(0.5, 2e4, 3), (0.75, 1e4, 3)]
    assert [v.factor for v in values] == pytest.approx([2, 2])


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        (lambda t: t.drop(columns="init"), "has no column 'init'"),
        (lambda t: t.assign(init=""), "no sparse runs that started from a checkpoint"),
        (
            lambda t: t[(t["init"] != "") | (t["data"] == 1e6)],
            "0.5 at 1 amounts of data; give runs at two at least, or a law with fit",
        ),
        (lambda t: t[t["init"] != ""], "0.5 at 0 amounts of data"),
    ],
    ids=["column", "checkpoint", "one budget", "scratch"],
)
def test_what_cannot_be_compared_is_told(table, complaint):
    runs = Runs.from_frame(table(runs_with(2e6).table), name="simulated")
    with pytest.raises(UserError, match=complaint):
        compare_pretrained(runs)


def test_a_law_of_other_models_is_refused():
    with pytest.raises(UserError, match="No amount of data reaches these losses by the law of vit-jft"):
        compare_pretrained(runs_with(2e6), open_fit("vit-jft"))
