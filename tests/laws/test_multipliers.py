"""Dense-equivalent sizes: every entry of the published table, and the definition itself."""

import numpy as np
import pytest

from sparselaw.fit import open_fit
from sparselaw.laws import size_multiplier

# At 50%, 75%, 87.5% and in the limit S -> 1.
MULTIPLIERS = {
    "vit-jft": ("1.596", "2.172", "2.634", "3.47"),
    "t5-c4-published": ("1.586", "2.157", "2.630", "3.64"),
    "t5-c4-refit": ("1.680", "2.201", "2.517", "2.85"),
}


def half_digit(printed: str) -> float:
    """Half a unit in the last printed digit."""
    digits, _, exponent = printed.partition("e")
    last = -len(digits.partition(".")[2]) if "." in digits else digits.endswith("0")
    return 0.5 * 10.0 ** (last + int(exponent or 0))


@pytest.mark.parametrize("source", MULTIPLIERS)
def test_size_multipliers(source: str) -> None:
    fitted = open_fit(source)
    for S, printed in zip((0.5, 0.75, 0.875, 1.0), MULTIPLIERS[source], strict=True):
        found = size_multiplier(fitted.law, fitted.values, S)
        assert found == pytest.approx(float(printed), abs=1.05 * half_digit(printed)), S


@pytest.mark.parametrize("source", MULTIPLIERS)
def test_a_multiplier_is_the_dense_size_of_equal_loss(source: str) -> None:
    fitted, N, D = open_fit(source), 3e7, 1e10
    for S in (0.25, 0.5, 0.9):
        larger = N * float(size_multiplier(fitted.law, fitted.values, S))
        assert fitted.predict(0.0, larger, D) == pytest.approx(fitted.predict(S, N, D), rel=1e-12)


def test_multiplier_per_total_parameter_is_below_one_at_the_fitted_sparsities() -> None:
    S = np.array([0.5, 0.75, 0.875])
    for source in MULTIPLIERS:
        fitted = open_fit(source)
        assert (size_multiplier(fitted.law, fitted.values, S) * (1 - S) < 1).all()


@pytest.mark.parametrize(("source", "expected"), [("vit-jft", 0.807), ("t5-c4-published", 0.801), ("t5-c4-refit", 1.0)])
def test_first_zeros_are_worth(source: str, expected: float) -> None:
    """d ln(multiplier)/dS at S = 0 is b_S a_S / (b_N (a_S + c_S)): above 1 a few zeros pay per TOTAL parameter."""
    fitted, h = open_fit(source), 1e-6
    a_S, b_S, c_S, b_N, *_ = fitted.values
    slope = float(size_multiplier(fitted.law, fitted.values, h) - 1) / h
    assert slope == pytest.approx(b_S * a_S / (b_N * (a_S + c_S)), rel=1e-4)
    assert slope == pytest.approx(expected, abs=0.005)
