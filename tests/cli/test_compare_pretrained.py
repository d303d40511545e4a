"""The command `compare-pretrained`."""

import json

import pandas as pd
import pytest


@pytest.fixture
def pretrained(tmp_path):
    """Checkpoints of 6M that reach after 1M what takes 2M from scratch."""
    frame = pd.DataFrame({"data": [1e6, 2e6, 4e6, 1e6], "loss": [2.0, 1.8, 1.7, 1.8], "init": ["", "", "", "dense"]})
    frame = frame.assign(nonzero_params=2e4, sparsity=0.5, init_data=6e6)
    frame.to_csv(tmp_path / "pretrained.csv", index=False)
    return tmp_path / "pretrained.csv"


def test_what_a_checkpoint_is_worth(call, pretrained, tmp_path):
    code, out, err = call("compare-pretrained", pretrained, "--figure", tmp_path / "figure.svg")
    assert (code, err) == (0, "")
    row = next(line for line in out.splitlines() if line.strip().startswith("50%"))
    assert row.split() == ["50%", "20K", "6M", "1M", "1", "1.8000", "2M", "2.00", "0.29"]
    assert "There are no intervals: no run is repeated" in out
    assert (tmp_path / "figure.svg").stat().st_size > 1000
    _, out, _ = call("compare-pretrained", pretrained, "--json")
    (value,) = json.loads(out)
    assert (value["factor"], value["extrapolated"]) == (pytest.approx(2), False)


def test_a_table_without_checkpoints_is_refused(call, pretrained):
    pd.read_csv(pretrained).drop(columns="init").to_csv(pretrained, index=False)
    code, out, err = call("compare-pretrained", pretrained)
    assert (code, out) == (2, "")
    assert "has no column 'init'; add one" in err
    assert err.count("\n") == 1
