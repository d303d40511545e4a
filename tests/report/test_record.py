"""The page's record: read as the page reads it, it gives the draws, costs, runs and maps that it was made from;
the laws in it are evaluated by `test_web`."""

from __future__ import annotations

import json
import struct
from base64 import b64decode
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sparselaw.cost import open_hardware
from sparselaw.cost.machine import SHIPPED
from sparselaw.fit import Fit, open_fit
from sparselaw.plan import plan
from sparselaw.plan.contours import budget_contours
from sparselaw.report import record
from sparselaw.runs import held_out

from .conftest import law, simulated_runs


def in_json(value: Any) -> Any:
    return json.loads(json.dumps(record.page_record(value=value), allow_nan=False))["value"]


def test_draws_keep_36_bits_of_their_fraction(vit: Fit) -> None:
    """Cut to six bytes, a double is too small by less than 2^-36 of itself."""
    assert vit.bootstrap is not None
    kept = vit.draws[: record.MAX_DRAWS]
    many = replace(vit, bootstrap=replace(vit.bootstrap, draws=np.concatenate([kept, kept, -kept])))
    data = b64decode(in_json(record.fit_record(many))["draws"])
    found = np.array([struct.unpack(">d", data[k : k + 6] + b"\0\0")[0] for k in range(0, len(data), 6)])
    expected = many.draws[: record.MAX_DRAWS].ravel()
    assert len(found) == len(expected) == record.MAX_DRAWS * len(vit.law.names)
    lost = 1 - found / expected
    assert 0 <= lost.min() < lost.max() < 2**-36


def test_costs_are_6_flops_in_training_and_2_in_serving_and_none_where_nothing_is_known() -> None:
    found = in_json(record.cost_records({name: open_hardware(name) for name in SHIPPED}))
    assert list(found) == ["dense", "sparse", *SHIPPED]
    assert [found[name]["training"] is None for name in found] == [False, False, False, True, False]
    for name in ("dense", "sparse"):
        training, serving = found[name]["training"], found[name]["inference"]
        assert (training["flops_per_param"], serving["flops_per_param"]) == (6, 2)
        assert (training["start"], training["end"], serving["start"], serving["end"]) == (0.25, 0.75, 0, 0)
        assert training["steps"] == ([] if name == "dense" else [[0, 0, -1]])


def test_sliders_hold_what_was_fitted_and_no_loss_below_the_floor(vit: Fit) -> None:
    found, domain = record.controls_record(vit, vit.planning_law()), vit.domain
    budgets = [6 * size * data for size, data in zip(domain.nonzero_params, domain.data, strict=True)]
    for name, (low, high) in {"N": domain.nonzero_params, "D": domain.data, "C": budgets}.items():
        ends = found[name]["ends"]
        assert ends[0] <= low < high <= ends[1]
    low, high = found["loss"]["ends"]
    assert vit.parameters["c"] <= low < domain.loss[0]
    assert high == domain.loss[1]


def test_the_page_opens_with_the_question_of_an_answer(vit: Fit) -> None:
    """In bytes of dense 16-bit weights, in data at 6 N D, and in multiples of Chinchilla."""
    state = record.state_record(plan(vit, nonzeros=4e7, times_chinchilla=5), vit, "dense", 1.0)
    assert (state["N"], state["memory"], state["times"]) == (4e7, 8e7, 5)
    assert state["C"] == pytest.approx(6 * state["N"] * state["D"])


def test_runs_stand_beside_what_the_law_says_of_them() -> None:
    fitted, runs, extra = open_fit("t5-c4-refit"), simulated_runs(), held_out("t5-c4")
    found = record.runs_record(fitted, runs, extra)
    columns = (np.array(found[name]) for name in "SND")
    assert found["predicted"] == pytest.approx(law(fitted.parameters, *columns), rel=1e-6)
    assert found["loss"] == pytest.approx(runs.loss, rel=1e-6)
    assert found["extra"]["predicted"] == pytest.approx(law(fitted.parameters, 0.75, 48 * 12 * 1024**2, 5e5 * 65536))


def test_bands_that_end_out_of_reach_end_a_million_times_beyond_the_map(vit: Fit) -> None:
    contours = budget_contours(vit, grid=5)
    endless = np.full_like(contours.lines, np.inf)
    found = in_json(record.contours_record(replace(contours, lines_low=0 * contours.lines, lines_high=endless)))
    low, high = found["flops"]
    assert np.unique(found["low"]) == pytest.approx([low / 1e6], rel=1e-3)
    assert np.unique(found["high"]) == pytest.approx([high * 1e6], rel=1e-3)
    assert np.array(found["lines"]) == pytest.approx(contours.lines, rel=5e-4)
    bare = record.contours_record(replace(contours, lines_low=None, lines_high=None))
    assert (bare["low"], bare["high"]) == (None, None)


def test_json_has_null_for_what_is_not_finite() -> None:
    found = in_json({"a": [np.float64("nan"), (np.inf, 1.5)], "b": {"c": -np.inf, "d": "inf"}})
    assert found == {"a": [None, [None, 1.5]], "b": {"c": None, "d": "inf"}}
