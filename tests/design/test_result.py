"""A design as a sweep file and as JSON, and when its runs are not recommended."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from sparselaw.counts import parse_count
from sparselaw.design import Design
from sparselaw.errors import UserError


@pytest.mark.parametrize("base", ["decoder-laptop", 'odd"name\\.toml'])
def test_sweep_file(designed: Design, tmp_path, base: str) -> None:
    designed.save(tmp_path / "sweep.toml", base)
    sweep = tomllib.loads((tmp_path / "sweep.toml").read_text())
    assert sweep["base"] == base
    cells = [
        (parse_count(c["nonzeros"]), c["sparsity"], parse_count(c["data"]), len(c["seeds"])) for c in sweep["cells"]
    ]
    assert cells == [(c.nonzero_params, c.sparsity, c.data, c.seeds) for c in designed.cells]
    # 48 runs are fitted, with seeds below that.
    assert {seed for cell in sweep["cells"] for seed in cell["seeds"]} == {48}


def test_json(designed: Design) -> None:
    record = json.loads(json.dumps(designed.to_json(), allow_nan=False))
    assert record["num_runs"] == sum(cell["seeds"] for cell in record["cells"])
    assert record["before"].keys() == record["after"].keys() == {"value", "low", "high", "open_question"}
    assert record["rival"]["num_runs"] == 48


def test_runs_that_narrow_nothing_are_not_recommended(designed: Design, tmp_path: Path) -> None:
    assert designed.recommended
    before, after = designed.before, designed.after
    wider = replace(designed, after=replace(after, low=before.low, high=before.high), enough=4e20)
    assert not wider.recommended
    assert wider.reason.endswith("are expected to narrow the interval by a tenth; a budget of 4e20 FLOPs would.")
    with pytest.raises(UserError, match="are expected to narrow"):
        wider.save(tmp_path / "sweep.toml")
    assert "Train these" not in wider.summary()
