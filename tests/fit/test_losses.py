"""The loss function against its two-piece formula, its weights as derivatives, and its limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw.errors import UserError
from sparselaw.fit import ABSOLUTE, Loss

RESIDUALS = np.array([-3.0, -0.5, -0.011, -0.0099, -1e-5, 0.0, 2e-6, 0.004, 0.02, 0.7, 12.0])
CASES = [Loss(delta, quantile=tau) for delta in (1e-3, 0.01, 1.0, np.inf) for tau in (0.5, 0.1, 0.9)]


def direct(residual: float, delta: float, tau: float) -> float:
    side = 2 * tau if residual < 0 else 2 * (1 - tau)
    if abs(residual) <= delta:
        return side * residual**2 / 2
    return side * delta * (abs(residual) - delta / 2)


@pytest.mark.parametrize("loss", CASES, ids=str)
def test_rho_is_the_two_piece_formula(loss):
    expected = [direct(r, loss.delta, loss.quantile) for r in RESIDUALS]
    np.testing.assert_allclose(loss.rho(RESIDUALS), expected, rtol=1e-12)


@settings(deadline=None, max_examples=100)
@given(
    residual=st.floats(-5, 5).filter(lambda r: abs(r) > 1e-4),
    delta=st.floats(1e-3, 2),
    tau=st.floats(0.05, 0.95),
)
def test_weight_and_curvature_are_derivatives(residual, delta, tau):
    loss, step = Loss(delta, quantile=tau), 1e-6 * abs(residual)
    below, at, above = np.array([residual - step]), np.array([residual]), np.array([residual + step])
    first = (loss.rho(above) - loss.rho(below)) / (2 * step)
    np.testing.assert_allclose(loss.weight(at) * at, first, rtol=1e-5)
    if abs(abs(residual) - delta) > 2 * step:
        slope = (loss.weight(above) * above - loss.weight(below) * below) / (2 * step)
        np.testing.assert_allclose(loss.curvature(at), slope, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("tau", [0.1, 0.5, 0.75])
def test_the_quantile_minimises_the_asymmetric_loss(tau):
    sample = np.random.default_rng(0).normal(size=4001)
    centres = np.linspace(-2, 2, 2001)
    cost = [Loss(ABSOLUTE, quantile=tau).rho(centre - sample).sum() for centre in centres]
    assert centres[np.argmin(cost)] == pytest.approx(np.quantile(sample, tau), abs=3e-3)


def test_a_tiny_delta_is_the_absolute_deviation():
    loss = Loss(ABSOLUTE)
    np.testing.assert_allclose(loss.rho(RESIDUALS) * loss.scale, np.abs(RESIDUALS), rtol=1e-2, atol=1e-7)
    assert Loss(1e-3).scale == 1


def test_residuals_in_loss_and_in_log_loss():
    predicted, measured = np.array([2.0, 3.0]), np.array([1.6, 3.1])
    residual, slope = Loss().residual(predicted, measured)
    np.testing.assert_allclose(residual, [0.4, -0.1], rtol=1e-12)
    np.testing.assert_array_equal(slope, 1)
    residual, slope = Loss(log=True).residual(predicted, measured)
    np.testing.assert_allclose(residual, np.log(predicted) - np.log(measured), rtol=1e-12)
    np.testing.assert_allclose(slope, 1 / predicted)


def test_a_loss_without_logarithm_is_infinitely_wrong():
    residual, slope = Loss(log=True).residual(np.array([0.0, -1.0]), np.array([1.0, 1.0]))
    assert np.isposinf(residual).all()
    assert np.isfinite(slope).all()
    assert np.isposinf(Loss(0.01, log=True).rho(residual)).all()


@pytest.mark.parametrize("delta", [0.0, -1e-3, -np.inf, np.nan])
def test_a_bad_delta_is_refused(delta):
    with pytest.raises(UserError, match=r"^delta is .*; give a positive number\.$"):
        Loss(delta)


@pytest.mark.parametrize("quantile", [0.0, 1.0, -0.2, 1.5, np.nan])
def test_a_bad_quantile_is_refused(quantile):
    with pytest.raises(UserError, match="between 0 and 1"):
        Loss(quantile=quantile)
