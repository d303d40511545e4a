"""Profiles against pinned fits, one by one, and against the classical interval of linear least squares."""

import numpy as np
import pytest
from scipy import stats

from sparselaw.errors import UserError
from sparselaw.fit import Loss, profile
from sparselaw.fit.fitting import fit_law as fit

T5_LOSS, VIT_LOSS = Loss(1e-3, log=True), Loss(0.01)


@pytest.mark.parametrize("name", ["b_S", "b_N", "b_D", "c"])
def test_it_is_what_pinned_fits_give(vit_jft, name):
    """Deviance is proportional to the excess of the objective, with one factor for every parameter and value."""
    fitted = fit(vit_jft, loss=VIT_LOSS)
    found = profile(fitted, vit_jft, name)
    away = np.flatnonzero(found.deviance > 0.05)[::6]
    assert len(away) >= 5
    pinned = [fit(vit_jft, loss=VIT_LOSS, pin={name: found.values[k]}).objective for k in away]
    excess = 2 * len(vit_jft) * (np.array(pinned) - fitted.objective)
    np.testing.assert_allclose(excess / found.deviance[away], excess[0] / found.deviance[away[0]], rtol=2e-3)


def test_one_factor_serves_every_parameter(vit_jft):
    fitted = fit(vit_jft, loss=VIT_LOSS)
    factors = []
    for name in ("b_S", "b_N"):
        found = profile(fitted, vit_jft, name)
        pinned = fit(vit_jft, loss=VIT_LOSS, pin={name: found.values[0]})
        factors.append((pinned.objective - fitted.objective) / found.deviance[0])
    assert factors[0] == pytest.approx(factors[1], rel=2e-3)


@pytest.mark.parametrize("level", [0.68, 0.95])
@pytest.mark.parametrize("name", ["a_N", "c"])
def test_linear_least_squares_gives_the_classical_interval(sweep, name, level):
    """With everything else held the law is a line in N^-b_N: estimate +- z s (X'X)^-1/2, s^2 = RSS / (n - p)."""
    runs = sweep(noise=0.02, S=(0.0,))
    pin = {"b_N": 0.245, "a_D": 6.9e8, "b_D": 0.35}
    fitted = fit(runs, "dense", loss=Loss(np.inf), pin=pin)
    design = np.stack([runs.nonzero_params**-0.245, np.ones(len(runs))], axis=1)
    rest = runs.loss - (6.9e8 / runs.data) ** 0.35
    coefficients, rss, _, _ = np.linalg.lstsq(design, rest, rcond=None)
    errors = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * rss[0] / (len(runs) - 2))
    k = ("a_N", "c").index(name)
    half = stats.norm.ppf(0.5 + level / 2) * errors[k]
    found = profile(fitted, runs, name, level=level)
    assert found.estimate == pytest.approx(coefficients[k], rel=1e-5)
    assert found.interval == pytest.approx((coefficients[k] - half, coefficients[k] + half), abs=0.005 * errors[k])


def test_the_interval_does_not_depend_on_the_unit_of_weights(sweep):
    runs = sweep(noise=0.02)
    fitted = [fit(runs, loss=VIT_LOSS, weights=np.full(len(runs), unit)) for unit in (1.0, 1e6)]
    found = [profile(f, runs, "b_N", weights=np.full(64, u)).interval for f, u in zip(fitted, (1.0, 1e6), strict=True)]
    assert found[0] == pytest.approx(found[1], rel=1e-6)


def multiplier_75(parameters):
    a_S, b_S, c_S, b_N = (parameters[..., k] for k in range(4))
    return ((a_S + c_S) / (a_S * 0.25**b_S + c_S)) ** (1 / b_N)


@pytest.mark.parametrize(
    ("data", "loss", "estimate", "near"),
    [("vit_jft", VIT_LOSS, 2.172, (2.08, 2.34)), ("t5_c4", T5_LOSS, 2.270, (2.15, 2.37))],
    ids=["vit", "t5"],
)
def test_a_derived_quantity(data, loss, estimate, near, request):
    runs = request.getfixturevalue(data)
    found = profile(fit(runs, loss=loss), runs, multiplier_75)
    low, high = found.interval
    assert found.name == "multiplier_75"
    assert found.estimate == pytest.approx(estimate, abs=6e-4)
    assert low is not None
    assert high is not None
    assert low < estimate < high
    # The bootstrap's interval, by another road: of the same place and about the same width.
    assert (low, high) == pytest.approx(near, abs=0.1)
    assert np.interp(estimate, found.values, found.deviance) < 0.1


@pytest.mark.parametrize(
    ("data", "loss", "name"), [("vit_jft", VIT_LOSS, "b_S"), ("t5_c4", T5_LOSS, "c")], ids=["vit", "t5"]
)
def test_crossings_lie_where_a_fit_with_the_value_held_is_worse_by_the_quantile(data, loss, name, request):
    """The upper ends at two levels, by fits with the parameter pinned there: their objectives rise as the quantiles do."""
    runs = request.getfixturevalue(data)
    best = fit(runs, loss=loss)

    def rise(level):
        end = profile(best, runs, name, level=level).interval[1]
        return fit(runs, loss=loss, pin={name: end}).objective - best.objective

    assert rise(0.95) / rise(0.68) == pytest.approx(stats.chi2.ppf(0.95, 1) / stats.chi2.ppf(0.68, 1), rel=0.01)


def test_a_profile_is_in_order_and_least_at_the_optimum(vit_jft):
    found = profile(fit(vit_jft, loss=VIT_LOSS), vit_jft, "b_S", level=0.9)
    assert (np.diff(found.values) >= 0).all()
    assert found.deviance.min() == 0


def test_a_wider_level_gives_a_wider_interval(vit_jft):
    fitted = fit(vit_jft, loss=VIT_LOSS)
    (a, b), (c, d) = (profile(fitted, vit_jft, "b_N", level=level).interval for level in (0.68, 0.99))
    assert c < a < fitted.parameters["b_N"] < b < d


def test_a_side_that_the_runs_do_not_bound_is_none(sweep):
    """Two durations cannot tell the floor from a slow power of D, unless that power is known."""
    runs = sweep(noise=0.02, D=(1e9, 2e9))
    assert None in profile(fit(runs, loss=T5_LOSS), runs, "c").interval
    assert None not in profile(fit(runs, loss=T5_LOSS, pin={"b_D": 0.35}), runs, "a_D").interval


def test_a_parameter_at_its_bound_is_refused(sweep):
    runs = sweep(truth=(16.8, 0.722, 45.0, 0.245, 6.9e8, 0.1, -0.4), noise=0.001)
    fitted = fit(runs, loss=T5_LOSS)
    assert fitted.at_bound == ("c",)
    with pytest.raises(UserError, match=r"c cannot be profiled: .*at a bound") as error:
        profile(fitted, runs, "c")
    assert "\n" not in str(error.value)


def test_a_pinned_parameter_is_refused(sweep):
    runs = sweep(noise=0.01)
    with pytest.raises(UserError, match="b_S cannot be profiled"):
        profile(fit(runs, loss=T5_LOSS, pin={"b_S": 0.8}), runs, "b_S")


def test_an_unknown_parameter_is_refused(sweep):
    runs = sweep(noise=0.01)
    with pytest.raises(UserError, match="no parameter 'b_X'; did you mean 'b_"):
        profile(fit(runs, loss=T5_LOSS), runs, "b_X")
