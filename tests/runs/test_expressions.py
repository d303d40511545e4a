"""Expressions over columns: pandas' own evaluation as the second method, and nothing but arithmetic runs."""

import numpy as np
import pandas as pd
import pytest

from sparselaw.errors import UserError
from sparselaw.runs.expressions import evaluate

FRAME = pd.DataFrame(
    {"a": [1.0, 2.0, 4.0], "b": [3.0, 5.0, 0.5], "Training FLOP": [1e20, 2e20, 4e20], "kind": ["x", "y", "x"]}
)


def value(text: str):
    return evaluate(text, FRAME, lambda name: FRAME[name].to_numpy())


@pytest.mark.parametrize(
    "text",
    [
        "a * 1e9",
        "1 - b / 10",
        "a ** 2 + -b",
        "`Training FLOP` / (6 * a)",
        "(a + b) // 2",
        "a > 1",
        "kind == 'x'",
        "(a > 1) & ~(b < 1)",
        "a >= 2 and b != 5",
        "not kind == 'x' or a < 2",
    ],
)
def test_values_are_those_of_pandas(text: str) -> None:
    np.testing.assert_array_equal(value(text), FRAME.eval(text, engine="python").to_numpy())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("__import__('os').system('true')", "does more than arithmetic"),
        ("a.__class__", "does more than arithmetic"),
        ("a[0]", "does more than arithmetic"),
        ("[x for x in a]", "does more than arithmetic"),
        ("(lambda: 1)()", "does more than arithmetic"),
        ("f'{a}'", "does more than arithmetic"),
        ("a if b else a", "does more than arithmetic"),
        ("a +", "cannot be read as an expression"),
        ("", "cannot be read as an expression"),
        ("`a", "cannot be read as an expression"),
        ("missing * 2", "names 'missing', which is no column; the columns are Training FLOP, a, b, kind"),
        ("kind * a", "mixes text and numbers"),
        ("-kind", "mixes text and numbers"),
        ("(" * 300 + "a" + ")" * 300, "cannot be read as an expression"),
        ("-" * 80 + "a", "is nested too deeply"),
    ],
)
def test_all_else_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(UserError) as error:
        value(text)
    assert sentence in str(error.value)


def test_large_powers_are_quick_and_infinite() -> None:
    assert value("9 ** 9 ** 9 ** 9") == np.inf
