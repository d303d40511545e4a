"""Tables of the page against the law's formula and what follows from it; the numbers are read out of the HTML."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

from sparselaw.fit import fit
from sparselaw.fit.comparison import HoldOut
from sparselaw.laws import from_function
from sparselaw.report import sections
from sparselaw.report.study import Study, study

from .conftest import law, simulated_runs

UNITS = {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12, "%": 0.01}


def cells(html: str) -> list[list[str]]:
    """The rows of all tables."""
    rows = re.findall(r'<tr>(<th scope="row".*)$', html, re.MULTILINE)
    return [[unescape(cell) for cell in re.split(r"<t[dh][^>]*>", row)[1:]] for row in rows]


def value(text: str) -> float:
    digits, unit = re.fullmatch(r"([-+\d.e]+?)([KMBT%]?)", text).groups()
    return float(digits) * UNITS[unit]


def values(rows: list[list[str]]) -> np.ndarray:
    return np.array([[value(cell) for cell in row] for row in rows])


def test_a_section_that_has_nothing_to_say_is_left_out(simulated: Study) -> None:
    names = ["runs", "quality", "parameters", "contours", "multipliers", "laws", "checklist"]
    assert [name for name, _, _ in sections.sections(simulated)] == names
    own = fit(simulated_runs(), from_function(lambda S, N, D, a=40.0, b=0.2: a * N**-b), starts=2)
    assert [name for name, _, _ in sections.sections(study(own))] == [name for name in names if name != "multipliers"]


def test_every_run_stands_beside_the_law_and_its_error(simulated: Study) -> None:
    table = values(cells(sections.runs_table(simulated)))
    runs = simulated.runs
    assert runs is not None
    predicted = law(simulated.fitted.parameters, runs.sparsity, runs.nonzero_params, runs.data)
    columns = np.arange(64) + 1, runs.nonzero_params, runs.sparsity, runs.data, runs.loss, predicted
    assert table[:, :6] == pytest.approx(np.transpose(columns), rel=6e-4)
    assert table[:, 6] == pytest.approx(predicted / runs.loss - 1, abs=6e-5)


def test_a_long_table_of_runs_is_cut_and_says_so(simulated: Study) -> None:
    html = sections.runs_section(
        replace(simulated, runs=simulated_runs(seeds=7), left_out={"failed": 2, "diverged": 1})
    )
    assert "448 finished runs of simulated; not in the table: 1 diverged, 2 failed" in html
    assert "the first 400 of 448" in html
    rows = cells(html)
    assert len(rows) == 400
    assert {row[1] for row in rows} == set("0123456")


def test_the_residual_is_that_of_the_logarithm(simulated: Study) -> None:
    runs = simulated.runs
    assert runs is not None
    predicted = law(simulated.fitted.parameters, runs.sparsity, runs.nonzero_params, runs.data)
    facts = dict(row[:2] for row in cells(sections.fit_section(replace(simulated, comparisons=()))))
    found = re.fullmatch(r"root mean square (\S+) in ln loss", facts["residuals"])
    assert found
    assert float(found[1]) == pytest.approx(np.sqrt(np.mean(np.log(predicted / runs.loss) ** 2)), rel=1e-3)


def test_intervals_of_parameters_are_percentiles_of_the_draws(simulated: Study) -> None:
    fitted = replace(simulated.fitted, pinned=("b_S",), at_bound=("c_S",))
    rows = cells(sections.parameters_section(replace(simulated, fitted=fitted)))
    assert [row[0] for row in rows] == list(fitted.law.names)
    assert [row[3] for row in rows] == ["", "pinned", "at its bound", "", "", "", ""]
    bounds = np.array([[float(end) for end in row[2].split(" to ")] for row in rows])
    assert pytest.approx(np.percentile(fitted.draws, [2.5, 97.5], axis=0), rel=1e-3) == bounds.T


def test_contours_follow_from_the_slope_of_the_loss_on_a_budget(simulated: Study) -> None:
    """Where 6 N D = C (1-S), S is best if a_S b_S (1-S)^(b_S + b_D) N^-b_N = b_D (6 a_D N / C)^b_D."""
    p = simulated.fitted.parameters
    table = values(cells(sections.contours_section(simulated))[: sections.LINES])
    N, density = table[:, :1], 1 - np.array([0.25, 0.5, 0.75, 0.875, 0.9375])
    slopes = p["a_S"] * p["b_S"] * density ** (p["b_S"] + p["b_D"]), (p["a_S"] + p["c_S"]) * p["b_N"]
    sparse, dense = (6 * p["a_D"] * N * (p["b_D"] * N ** p["b_N"] / slope) ** (1 / p["b_D"]) for slope in slopes)
    assert table[:, 2:] == pytest.approx(sparse, rel=0.02)
    assert table[:, 1:2] == pytest.approx(dense, rel=0.02)


def test_a_non_zero_is_worth_what_the_capacities_say(simulated: Study) -> None:
    p = simulated.fitted.parameters
    table = values([[*row[:2], row[3]] for row in cells(sections.multipliers_section(simulated))])
    S = np.array([0.5, 0.75, 0.875])
    worth = ((p["a_S"] + p["c_S"]) / (p["a_S"] * (1 - S) ** p["b_S"] + p["c_S"])) ** (1 / p["b_N"])
    assert table == pytest.approx(np.transpose([S, worth, worth * (1 - S)]), abs=6e-4)


def test_the_law_of_the_lowest_aic_is_marked(simulated: Study) -> None:
    """The runs follow the paper's law of seven parameters; the dense one has five."""
    paper, dense = cells(sections.laws_section(simulated))
    assert (paper[:2], dense[:2]) == (["paper", "7"], ["dense", "5"])
    assert paper[3].endswith(" *")
    assert float(paper[3].removesuffix(" *")) < float(dense[3])
    errors = [one.mean_abs_error for one in simulated.comparisons[0].hold_outs if one.mean_abs_error is not None]
    assert paper[5] == f"{sum(errors) / len(errors):.2%} of {len(errors)}"


def test_bins_that_were_left_out_are_named(simulated: Study) -> None:
    one = replace(simulated.comparisons[0], hold_outs=(HoldOut("D 1B to 2.18B", 17, 0.0123, -0.004),))
    rows = cells(sections.fit_section(replace(simulated, comparisons=(one,))))
    assert ["D 1B to 2.18B", "17", "1.23%", "-0.40%"] in rows
