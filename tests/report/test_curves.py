"""Training curves are read from folders of runs, whatever state their metrics are in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sparselaw.report.curves import FEWEST, POINTS, read_curves
from sparselaw.runs.folders import scan

RESULT = {"status": "finished", "nonzero_params": 1e4, "sparsity": 0.5, "data": 1e6, "data_unit": "tokens", "loss": 2.0}


def make_run(folder: Path, name: str, lines: list[bytes], **result: object) -> None:
    (folder / name).mkdir()
    (folder / name / "result.json").write_text(json.dumps(RESULT | result))
    (folder / name / "metrics.jsonl").write_bytes(b"\n".join(lines))


def measured(step: int) -> bytes:
    return json.dumps({"step": step, "data": 100 * step, "loss": 5 / step}).encode()


def test_curves_keep_their_ends_and_few_points(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_run(tmp_path, name, [measured(step) for step in range(1, 20001)])
    curves = read_curves(str(tmp_path), scan(str(tmp_path)))
    assert [curve.name for curve in curves] == ["a", "b"]
    for curve in curves:
        assert FEWEST <= len(curve.data) <= POINTS // 2
        assert (curve.data[0], curve.data[-1]) == (100, 2e6)
        assert curve.loss == pytest.approx(500 / curve.data)
        assert (np.diff(curve.data) > 0).all()


BROKEN = {
    "no metrics": [],
    "one point": [measured(1)],
    "not JSON": [b"{", b"\xff\xfe", b"[1]", b'"text"'],
    "not numbers": [b'{"data": "x", "loss": 1}', b'{"data": 5, "loss": null}', b'{"data": -1, "loss": 2}'],
    "not finite": [b'{"data": 5, "loss": NaN}', b'{"data": 6, "loss": Infinity}'],
    "held out only": [b'{"step": 5, "heldout_loss": 2}'] * 3,
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_run_without_a_curve_has_none(tmp_path: Path, case: str) -> None:
    make_run(tmp_path, "broken", BROKEN[case])
    make_run(tmp_path, "whole", [*BROKEN[case], measured(1), measured(2)])
    assert [curve.name for curve in read_curves(str(tmp_path), scan(str(tmp_path)))] == ["whole"]


def test_only_finished_runs_have_curves(tmp_path: Path) -> None:
    make_run(tmp_path, "diverged", [measured(1), measured(2)], status="diverged")
    assert read_curves(str(tmp_path), scan(str(tmp_path))) == ()
