"""Parts of the runs fitted as one batch: the same optimum as a fit of each part alone."""

import numpy as np
import pytest

from sparselaw.fit import Loss
from sparselaw.fit.fitting import fit_law
from sparselaw.fit.parts import fit_parts, predictable
from sparselaw.laws import PAPER, forms

LOSS = Loss(1e-3, log=True)


@pytest.mark.parametrize(
    ("law", "pin"), [("paper", {}), ("density-power", {}), ("dense", {}), ("paper", {"c": 0.6}), ("dense", {"c": 0.6})]
)
def test_each_part_is_fitted_as_if_alone(sweep, law, pin):
    runs = sweep(noise=0.01)
    parts = np.array([runs.nonzero_params < runs.nonzero_params.max(), runs.data > runs.data.min()])
    fitted = fit_law(runs, law, loss=LOSS, pin=pin)
    for part, found in zip(parts, fit_parts(fitted, runs, parts), strict=True):
        alone = fit_law(runs.select(part), law, loss=LOSS, pin=pin)
        rest = runs.select(part)
        error = np.log(fitted.law.predict(found, rest.sparsity, rest.nonzero_params, rest.data) / rest.loss)
        assert LOSS.rho(error).mean() * LOSS.scale == pytest.approx(alone.objective, rel=1e-5)
        assert all(found[fitted.law.names.index(name)] == value for name, value in pin.items())


def test_a_part_that_cannot_carry_the_law_has_no_parameters(sweep):
    runs = sweep(noise=0.01)
    parts = np.array([runs.sparsity == 0, np.ones(len(runs), dtype=bool)])
    dense, whole = fit_parts(fit_law(runs, PAPER, loss=LOSS), runs, parts)
    assert dense is None
    assert whole == pytest.approx(fit_law(runs, PAPER, loss=LOSS).values, rel=1e-3)


def test_a_law_of_single_sparsities_predicts_those_that_it_has_seen(sweep):
    runs = sweep()
    part = runs.sparsity != 0.5
    law = forms.free_multiplier(sorted(set(runs.sparsity)))
    np.testing.assert_array_equal(predictable(law, runs, part), part)
    assert predictable(PAPER, runs, part).all()
