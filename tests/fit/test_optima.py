"""Minima that fit as well: none of a fit that has one, the same for every seed where there are many."""

import numpy as np
import pytest

from sparselaw.fit import Loss
from sparselaw.fit.fitting import fit_law

LOSS = Loss(1e-3, log=True)


def test_a_single_minimum_has_no_rivals(t5_c4) -> None:
    fitted = fit_law(t5_c4, loss=LOSS)
    assert fitted.unique
    assert not len(fitted.rivals)


def test_of_a_flat_minimum_every_seed_takes_the_same_point(t5_c4) -> None:
    one, other = (fit_law(t5_c4, "dense", loss=LOSS, seed=seed) for seed in (0, 1))
    assert not one.unique
    np.testing.assert_allclose(one.values, other.values, rtol=1e-3)
    assert one.objective == pytest.approx(3.3558339e-05, rel=1e-6)
    assert any("The minimum is not unique" in sentence for sentence in one.warnings)
