"""The command `compare`."""

import json
from pathlib import Path

import pytest


def test_compare(call, folder: Path) -> None:
    code, out, err = call("compare", folder / "runs.csv", "--json")
    assert (code, err) == (0, "")
    objectives = {record["law"]: record["objective"] for record in json.loads(out)}
    published = {"dense": 3.356e-5, "average-params": 2.007e-5, "no-floor": 1.315e-5, "paper": 4.880e-6}
    assert {law: objectives[law] for law in published} == pytest.approx(published, rel=5e-4)
