"""The shipped laws are those of the paper, and say how good they are."""

import numpy as np
import pytest

from sparselaw.errors import UserError
from sparselaw.fit import PUBLISHED_FITS, Loss, extrapolation_error, fit, open_fit
from sparselaw.laws import CAPPED, PAPER
from sparselaw.runs import held_out

# To the digits of the paper, and of the refit: a_S, b_S, c_S, b_N, a_D, b_D, c.
TABLE = {
    "vit-jft": (2.94e2, 0.821, 4.68e2, 0.392, 2.37e8, 0.890, 4.517),
    "t5-c4-published": (1.68e1, 0.722, 4.50e1, 0.245, 6.90e8, 0.203, 0.651),
    "t5-c4-refit": (11.56, 1.075, 41.77, 0.2331, 5.928e8, 0.3569, 0.8173),
}
# Full precision in the paper's units: (a (1-S)^b + c) n^-d + e t^-f + g, n in millions, t in 1e9 images or 1e5 steps.
NORMALISED = {
    "vit-jft": ((1.30485411, 0.82101251, 2.07506343, 0.39222675, 0.27818217, 0.88979104, 4.51669257), 1e9),
    "t5-c4-published": ((0.56778512, 0.72161276, 1.52265016, 0.24513173, 0.63361517, 0.20270772, 0.65074219), 6.5536e9),
}
OBJECTIVES = {"vit-jft": 4.929088e-4, "t5-c4-published": 7.6036e-6, "t5-c4-refit": 5.599989e-6}


@pytest.mark.parametrize("name", PUBLISHED_FITS)
def test_coefficients_are_those_of_the_table(name):
    fitted = open_fit(name)
    assert fitted.law == (CAPPED if name == "t5-c4-refit" else PAPER)
    np.testing.assert_allclose(fitted.values, TABLE[name], rtol=2e-3)


@pytest.mark.parametrize("name", NORMALISED)
def test_predictions_are_those_of_the_published_formula(name):
    (a, b, c, d, e, f, g), unit = NORMALISED[name]
    S, N, D = np.array([0.0, 0.5, 0.9]), np.array([1e6, 3e7, 1e9]), np.array([1e9, 3e10, 1e12])
    expected = (a * (1 - S) ** b + c) * (N / 1e6) ** -d + e * (D / unit) ** -f + g
    np.testing.assert_allclose(open_fit(name).predict(S, N, D), expected, rtol=1e-9)


@pytest.mark.parametrize("name", PUBLISHED_FITS)
def test_objectives_are_those_on_the_published_runs(name, request):
    runs = request.getfixturevalue("vit_jft" if name == "vit-jft" else "t5_c4")
    fitted = open_fit(name)
    predicted = fitted.predict(runs.sparsity, runs.nonzero_params, runs.data)
    mean = fitted.loss.rho(fitted.loss.residual(predicted, runs.loss)[0]).mean()
    assert fitted.objective == pytest.approx(mean, rel=1e-9)
    assert fitted.objective == pytest.approx(OBJECTIVES[name], rel=1e-5)
    assert fitted.num_runs == len(runs)
    assert fitted.domain.loss == (runs.loss.min(), runs.loss.max())
    assert fitted.data_unit == runs.data_unit


def test_the_published_t5_law_says_that_it_is_not_its_optimum():
    assert "not the minimum" in open_fit("t5-c4-published").status
    assert open_fit("t5-c4-refit").status == open_fit("vit-jft").status == "converged"


def test_the_refit_is_what_a_fit_gives(t5_c4):
    refit = fit(t5_c4, loss=Loss(1e-3, log=True), bootstrap=0)
    np.testing.assert_allclose(open_fit("t5-c4-refit").values, refit.values, rtol=1e-5)


@pytest.mark.parametrize(("name", "percent"), [("t5-c4-published", -0.98), ("t5-c4-refit", -1.90)])
def test_errors_at_the_extrapolation_run(name, percent):
    run = held_out("t5-c4")
    assert run is not None
    predicted = open_fit(name).predict(run.sparsity, run.nonzero_params, run.data)
    assert 100 * (predicted / 1.48278 - 1) == pytest.approx(percent, abs=0.006)
    assert extrapolation_error(open_fit(name)) in (None, pytest.approx(predicted / run.loss - 1))


@pytest.mark.parametrize("name", ["t5-c4-refit", "vit-jft"])
def test_draws_surround_the_estimate(name):
    fitted = open_fit(name)
    assert fitted.draws.shape == (1000, 7)
    assert np.isfinite(fitted.draws).all()
    for parameter, (low, high) in fitted.intervals().items():
        assert low <= fitted.parameters[parameter] <= high


@pytest.mark.parametrize("source", ["t5-c4-publishd", "", "a" * 5000, "x/" * 3000, "nul\0byte"], ids=repr)
def test_what_is_neither_a_name_nor_a_file_is_refused(source):
    with pytest.raises(
        UserError,
        match=r"neither a fit file nor a published law; (did you mean 't5-c4-published'\?|give one of t5-c4-published)",
    ):
        open_fit(source)
