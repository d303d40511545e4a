"""The scale of the noise: of least squares it is the residual variance with the degrees of freedom that are left."""

import numpy as np
import pytest

from sparselaw.fit import Loss
from sparselaw.fit.dispersion import SMALLEST_NOISE, dispersion
from sparselaw.fit.fitting import fit_law, prepare_again


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_least_squares_have_the_residual_variance(sweep, noise: float) -> None:
    runs = sweep(noise=noise)
    fitted = fit_law(runs, loss=Loss(np.inf, log=True))
    setting = prepare_again(fitted, runs, weights=None, pin=None, bound=None)
    found, curvature = dispersion(setting.problem, fitted.law.to_solver(fitted.values, setting.units), setting.weights)
    variance = float((fitted.residuals**2).sum()) / (len(runs) - 7)
    assert curvature == pytest.approx(1)
    assert found == pytest.approx(max(variance, SMALLEST_NOISE**2), rel=1e-6)
