"""The published recipe as it was: it stops above the optimum on T5 and claims success; on ViT it arrives."""

import numpy as np
import pytest

from sparselaw.fit import Loss, run_published_recipe
from sparselaw.fit.fitting import fit_law as fit
from sparselaw.laws import PAPER

T5_LOSS, VIT_LOSS = Loss(1e-3, log=True), Loss(0.01)


@pytest.mark.parametrize("seed", [0, 1])
def test_on_t5_it_stops_early_and_reports_success(t5_c4, seed):
    run = run_published_recipe(t5_c4, T5_LOSS, seed)
    assert run.num_claimed_success == 25
    assert run.objective > 1.2 * 4.880117e-6
    # Its own objective at its own parameters, in natural units: what it reports is what it found.
    predicted = PAPER.predict(np.array(list(run.parameters.values())), t5_c4.sparsity, t5_c4.nonzero_params, t5_c4.data)
    assert T5_LOSS.rho(np.log(predicted / t5_c4.loss)).mean() == pytest.approx(run.objective, rel=1e-6)
    assert tuple(run.parameters) == PAPER.names


def test_on_vit_it_arrives(vit_jft):
    run = run_published_recipe(vit_jft, VIT_LOSS, 0)
    optimum = fit(vit_jft, loss=VIT_LOSS)
    assert optimum.objective <= run.objective <= optimum.objective * 1.001
    assert run.parameters == pytest.approx(optimum.parameters, rel=2e-3)
