"""Which cells and columns are refused, and which are doubted."""

import numpy as np
import pandas as pd
import pytest

from sparselaw.errors import UserError
from sparselaw.runs import Runs, parse_columns
from sparselaw.runs.columns import TARGETS


def frame(**changes):
    columns = {
        "nonzero_params": [1e6, 1e6, 2e6, 2e6],
        "sparsity": [0.0, 0.5, 0.5, 0.5],
        "data": [1e9, 1e9, 1e9, 2e9],
        "loss": [3.5, 3.4, 3.3, 3.2],
    }
    return pd.DataFrame({**columns, **changes})


@pytest.mark.parametrize("dtype", ["float32", "Float64", "float64[pyarrow]", "string", "category", object])
def test_any_dtype_of_numbers_will_do(dtype):
    runs = Runs.from_frame(
        frame().astype({"loss": str if dtype == "string" else float}).astype({"loss": dtype}), name="x"
    )
    np.testing.assert_allclose(runs.loss, [3.5, 3.4, 3.3, 3.2], rtol=1e-7)


@pytest.mark.parametrize("dtype", [bool, "boolean", complex, "datetime64[ns]", "timedelta64[ns]"])
def test_what_is_no_number_is_refused(dtype):
    with pytest.raises(UserError, match=r"^x, row 1, column 'loss': .* is not a number; correct or remove it\.$"):
        Runs.from_frame(frame(loss=pd.Series([1, 1, 1, 1]).astype(dtype)), name="x")


@pytest.mark.parametrize("dtype", ["Int64", "float64[pyarrow]", "boolean", "datetime64[ns]", object])
def test_a_missing_value_is_refused(dtype):
    with pytest.raises(UserError, match=r"^x, row 1, column 'loss': is empty or NaN; fill it, or leave such runs out"):
        Runs.from_frame(frame(loss=pd.Series([None, 1, 1, 1], dtype=dtype)), name="x")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        pytest.param({}, None, id="fine"),
        pytest.param(
            {"nonzero_params": [1e6] * 4, "sparsity": [0.5] * 4, "data": [1e9] * 4, "loss": [3.0, 3.0, 3.1, 3.0]},
            "2 of 4 runs repeat an earlier one in nonzero_params, sparsity, data, loss, the first in row 2: "
            "remove them unless they are separate runs.",
            id="repeats",
        ),
        pytest.param(
            {"loss": [3.0, 120.0, 3.1, 150.0]},
            "loss is up to 150, more than the nats of a token at random: if these are perplexities, give --loss-unit ppl",
            id="perplexity",
        ),
        pytest.param(
            {"nonzero_params": [1e6, 1e6, 2e6, 2.0]},
            "nonzero_params is 2 in row 4 (below 1000 in 1 of 4 runs): is",
            id="millions",
        ),
        pytest.param(
            {"data": [1e9, 1e9, 1e9, 2.0]}, "data is 2 in row 4 (below 1000 in 1 of 4 runs): is it", id="epochs"
        ),
    ],
)
def test_what_is_odd_is_told(changes, sentence):
    told = Runs.from_frame(frame(**changes), name="mine").warnings
    assert len(told) == (sentence is not None)
    assert all(text.startswith(sentence) for text in told)


def test_seeds_tell_repeats_apart():
    same = {"nonzero_params": [1e6] * 4, "sparsity": [0.5] * 4, "data": [1e9] * 4, "loss": [3.0] * 4}
    assert Runs.from_frame(frame(**same, seed=[1, 2, 3, 4]), name="mine").warnings == ()
    assert len(Runs.from_frame(frame(**same, seed=[1, 2, 3, 3]), name="mine").warnings) == 1


def test_parse_columns():
    assert parse_columns("nonzero_params=n, loss = val=1") == {"nonzero_params": "n", "loss": "val=1"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "'' is not name=column; write nonzero_params=n,loss=val."),
        ("loss", "'loss' is not name=column; write nonzero_params=n,loss=val."),
        ("loss=", "'loss=' is not name=column; write nonzero_params=n,loss=val."),
        ("loss=a,", "'' is not name=column; write nonzero_params=n,loss=val."),
        ("loss=a,loss=b", "'loss' is given twice; give it one column."),
        ("L=a", f"'L' cannot be mapped to a column; give one of {', '.join(TARGETS)}."),
    ],
)
def test_parse_columns_refuses(text, sentence):
    with pytest.raises(UserError) as caught:
        parse_columns(text)
    assert str(caught.value) == sentence
