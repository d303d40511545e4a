"""What runs can answer, checked table by table."""

import numpy as np
import pytest

from sparselaw.errors import UserError
from sparselaw.fit.fitting import fit_law
from sparselaw.fit.losses import Loss
from sparselaw.fit.questions import LAWS, findings, refusals
from sparselaw.fit.repeats import repeats_of

WORTH, SPARSITY, DENSE, NOISE = range(4)
ALL_DENSE = "all runs are dense, and say nothing about sparsity"
ONE_DURATION = "all runs have the same duration, 1B tokens"
ONE_TOTAL = "all models have 100M weights, zeros included, so that size and sparsity vary together"
CASES = {
    "a full sweep": ({}, ["yes", "yes", "yes", "no"], {NOISE: "no run is repeated"}),
    "dense": ({"S": (0.0,)}, ["no", "no", "yes", "no"], {WORTH: ALL_DENSE, SPARSITY: ALL_DENSE}),
    "no dense": ({"S": (0.5, 0.75)}, ["no", "no", "no", "no"], {WORTH: "no run is dense", DENSE: "no run is dense"}),
    "one duration": (
        {"D": (1e9,)},
        ["roughly", "no", "no", "no"],
        {WORTH: "16 runs are few for 6 free parameters", SPARSITY: ONE_DURATION, DENSE: ONE_DURATION},
    ),
    "two durations": ({"D": (1e9, 4e9)}, ["yes", "no", "no", "no"], {DENSE: "there are only 2 durations"}),
    "three durations": (
        {"D": (1e9, 4e9, 1.6e10)},
        ["yes", "roughly", "roughly", "no"],
        {SPARSITY: "there are only 3 durations"},
    ),
    "one sparsity": (
        {"S": (0.0, 0.5)},
        ["yes", "no", "yes", "no"],
        {SPARSITY: "there are only 2 sparsities"},
    ),
    "few runs": (
        {"S": (0.0, 0.5), "N": (1e6, 4e6), "D": (1e9, 4e9, 1.6e10)},
        ["roughly", "no", "no", "no"],
        {
            WORTH: "12 runs are few for 6 free parameters",
            SPARSITY: "there are only 2 sparsities and 2 sizes",
            DENSE: "there are only 2 sizes",
        },
    ),
    "very few runs": (
        {"S": (0.0,), "N": (1e6, 4e6), "D": (1e9, 4e9)},
        ["no", "no", "no", "no"],
        {DENSE: "4 different runs are too few for 5 free parameters"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_questions(case, sweep):
    columns, answers, reasons = CASES[case]
    runs = sweep(**columns)
    found = list(findings(runs, repeats_of(runs)))
    assert [one.answer for one in found] == answers
    for k, reason in reasons.items():
        assert found[k].reason == reason
    assert all(bool(one.reason) == (one.answer != "yes") for one in found)


def test_models_of_one_total_size(table):
    S, D = (column.ravel() for column in np.meshgrid([0.0, 0.5, 0.75, 0.875], [1e9, 4e9, 1.6e10, 6.4e10]))
    runs = table(S, 1e8 * (1 - S), D)
    assert [one.reason for one in findings(runs, repeats_of(runs))][:3] == [ONE_TOTAL] * 3


def test_size_and_data_that_vary_together(table):
    """Twenty tokens a weight, always."""
    S, N = (column.ravel() for column in np.meshgrid([0.0, 0.5, 0.75], [1e6, 4e6, 1.6e7, 6.4e7]))
    runs = table(np.tile(S, 2), np.tile(N, 2), 20 * np.tile(N, 2))
    found = list(findings(runs, repeats_of(runs)))
    assert [one.answer for one in found] == ["no", "no", "no", "yes"]
    assert {one.reason for one in found[:3]} == {
        "size and data vary together, so that their effects cannot be told apart"
    }


def test_repeats_tell_the_noise_unless_they_differ(sweep):
    runs = sweep()
    twice = runs.select(np.repeat(np.arange(64), 2))
    assert [one.answer for one in findings(twice, repeats_of(twice))] == ["yes"] * 4
    twice.table["lr"], twice.table["bs"] = [0.1, 0.2] * 64, [16, 32] * 64
    found = list(findings(twice, repeats_of(twice)))
    assert [one.answer for one in found] == ["roughly"] * 3 + ["no"]
    assert {one.reason for one in found} == {"runs of equal size, sparsity and data differ in lr"}


@pytest.mark.parametrize("columns", [case[0] for case in CASES.values()], ids=CASES)
def test_laws_are_refused_as_a_fit_refuses_them(columns, sweep):
    runs = sweep(**columns)
    refused = refusals(runs)
    assert tuple(refused) == LAWS
    for law, reason in refused.items():
        if not reason:
            fit_law(runs, law, loss=Loss(1e-3, log=True), starts=1)
            continue
        with pytest.raises(UserError, match="needs dense runs" if reason == "no run is dense" else reason):
            fit_law(runs, law, loss=Loss(1e-3, log=True), starts=1)
