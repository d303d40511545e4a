"""Forms of numbers: examples by hand; no number becomes `inf` or `nan` in a sentence."""

import numpy as np
import pytest

from sparselaw.words import FORMS


@pytest.mark.parametrize(
    ("form", "value", "expected"),
    [
        ("number", 5.31512, "5.315"),
        ("number", 0.000012345, "1.234e-05"),
        ("number", None, "not determined by these runs"),
        ("number2", 0.0604, "0.06"),
        ("times", 4.8213, "4.82"),
        ("times", 0.0004, "less than 0.001"),
        ("times2", 118.2, "120"),
        ("times2", 2.6e4, "more than 1000"),
        ("fixed2", 1.614, "1.61"),
        ("percent", 0.50964, "51.0%"),
        ("percent0", 0.77, "77%"),
        ("percent2", 0.0123, "1.23%"),
        ("level", 0.875, "87.5%"),
        ("level", 0.5, "50%"),
        ("points", -2.46, "-2.5"),
        ("count", 68.6e6, "68.6M"),
        ("flops", 1.01e18, "1.01e18"),
        ("bytes", 8e9, "8 GB"),
        ("text", "tokens", "tokens"),
    ],
    ids=str,
)
def test_forms_by_hand(form: str, value: object, expected: str) -> None:
    assert FORMS[form](value) == expected


@pytest.mark.parametrize("form", ["number", "number2", "count", "flops", "bytes", "times"])
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_is_out_of_reach(form: str, value: float) -> None:
    assert FORMS[form](value) == "out of reach"
