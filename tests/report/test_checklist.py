"""The checklist says of a study what is so: each item has a state for what is there and another for what is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sparselaw.fit import Fit, Loss, bootstrap, compare, fit, open_fit
from sparselaw.fit.result import Starts
from sparselaw.laws import DENSITY_POWER, PAPER, free_multiplier
from sparselaw.report.checklist import Item, checklist, described_objective, formula, spread_over_seeds
from sparselaw.report.study import Study, study
from sparselaw.runs import Runs

from .conftest import simulated_runs


def item(told: Study, name: str) -> Item:
    return next(one for one in checklist(told) if one.name == name)


def alone(fitted: Fit) -> Study:
    """A study of a fit without its runs."""
    return study(fitted)


def test_a_whole_study_states_what_it_has(simulated: Study) -> None:
    states = {one.name: one.state for one in checklist(simulated)}
    assert states == {
        "Form of the law": "stated",
        "How N is counted": "weak",
        "Unit of data": "stated",
        "Range of the runs": "stated",
        "Runs left out": "stated",
        "Objective": "stated",
        "Starts and convergence": "stated",
        "Parameters identified": "stated",
        "Hold-outs": "stated",
        "Extrapolation": "weak",
        "Uncertainty": "stated",
        "Noise of runs": "missing",
    }


def test_a_fit_alone_says_what_it_lacks() -> None:
    told = alone(open_fit("t5-c4-published"))
    assert {one.name for one in checklist(told) if one.state == "missing"} == {
        "Runs left out",
        "Hold-outs",
        "Extrapolation",
        "Uncertainty",
        "Noise of runs",
    }


CHANGES = {
    "not converged": ({"status": "not converged: no start was"}, "Starts and convergence"),
    "one start": ({"starts": Starts(64, 64, 1)}, "Starts and convergence"),
    "at a bound": ({"at_bound": ("c",)}, "Parameters identified"),
    "ill-conditioned": ({"condition": 1e6}, "Parameters identified"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_unsound_fit_is_weak(simulated: Study, change: str) -> None:
    changes, name = CHANGES[change]
    assert item(simulated, name).state == "stated"
    assert item(replace(simulated, fitted=replace(simulated.fitted, **changes)), name).state == "weak"


def test_few_draws_are_weak(simulated: Study) -> None:
    assert simulated.runs is not None
    few = bootstrap(simulated.fitted, simulated.runs, num_draws=20)
    assert item(replace(simulated, fitted=few), "Uncertainty").state == "weak"


def test_the_unit_of_data_may_be_missing_or_repeated(simulated: Study) -> None:
    unknown = replace(simulated, fitted=replace(simulated.fitted, data_unit="examples"))
    assert item(unknown, "Unit of data").state == "missing"
    fresh, again = (simulated_runs(unique_data=unique) for unique in (1e12, 2e9))
    assert "none of them twice" in item(replace(simulated, runs=fresh), "Unit of data").said
    repeated = item(replace(simulated, runs=again), "Unit of data")
    assert (repeated.state, "48 runs" in repeated.said) == ("weak", True)


def test_runs_of_sparselaw_say_how_n_is_counted(simulated: Study) -> None:
    counted = replace(simulated, runs=simulated_runs(dense_params=1e6))
    assert item(counted, "How N is counted").state == "stated"


def test_runs_left_out_are_counted(simulated: Study) -> None:
    told = item(replace(simulated, left_out={"diverged": 2}), "Runs left out")
    assert told == Item("Runs left out", "weak", "64 fitted; left out: 2 diverged")


def test_few_levels_are_weak() -> None:
    runs = simulated_runs()
    few = runs.select((runs.data < 1e10) & (runs.sparsity < 0.6))
    told = study(fit(few, bootstrap=100), runs=few, comparisons=compare(few, ("paper",)))
    assert item(told, "Range of the runs").state == "weak"
    assert "levels of D, S" in item(told, "Range of the runs").said


def test_the_spread_over_seeds_is_that_of_repeated_cells() -> None:
    table = simulated_runs(seeds=3).table
    table["loss"] = 2.0 + 0.01 * table["seed"]
    runs = Runs.from_frame(table, name="seeds", data_unit="tokens")
    cells, median = spread_over_seeds(runs) or (0, 0.0)
    assert cells == 64
    assert median == pytest.approx(0.02)
    assert spread_over_seeds(simulated_runs()) is None


def test_the_published_extrapolation_is_found() -> None:
    refit = replace(open_fit("t5-c4-refit"), name="t5-c4")
    assert item(alone(refit), "Extrapolation") == Item(
        "Extrapolation", "stated", "a published run larger than all fitted ones is missed by -1.90%"
    )


FORMULAS = {
    "paper": (PAPER, "L = a_S (1-S)^b_S N^-b_N + c_S N^-b_N + (a_D/D)^b_D + c"),
    "density-power": (DENSITY_POWER, "L = A (1-S)^eps N^-alpha + C S^mu N^-alpha [S > 0] + B D^-alpha + E"),
    "free-multiplier": (
        free_multiplier([0, 0.5]),
        "L = a_0 N^-b_N [S = 0.0] + a_0.5 N^-b_N [S = 0.5] + (a_D/D)^b_D + c",
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formulas(name: str) -> None:
    law, written = FORMULAS[name]
    assert formula(law) == written


def test_objectives() -> None:
    assert described_objective(Loss(1e-3, log=True)) == (
        "mean over runs of Huber loss, delta 0.001, of predicted minus measured ln(loss)"
    )
    assert described_objective(Loss(np.inf, quantile=0.9)) == (
        "mean over runs of squared error of predicted minus measured loss, quantile 0.9"
    )
