"""Bootstrap: what is drawn, that every refit is the optimum of its resample, and the published intervals."""

from dataclasses import replace
from importlib import import_module

import numpy as np
import pandas as pd
import pytest

from sparselaw.errors import UserError
from sparselaw.fit import Loss, bootstrap
from sparselaw.fit.fitting import fit_law as fit
from sparselaw.fit.resampling import kinds_of_priors, most_followed, resample, share_of_prior
from sparselaw.fit.result import interval
from sparselaw.fit.solver import minimise
from sparselaw.laws import from_function
from sparselaw.runs import Runs

MODULE = import_module("sparselaw.fit.resampling")  # the package has a function of this name
T5_LOSS, VIT_LOSS = Loss(1e-3, log=True), Loss(0.01)


def multiplier(draws, S):
    a_S, b_S, c_S, b_N = draws[:, :4].T
    return ((a_S + c_S) / (a_S * (1 - S) ** b_S + c_S)) ** (1 / b_N)


def test_as_many_runs_are_drawn_as_there_are():
    counts = resample(np.arange(20), 4000, np.random.default_rng(0))
    assert counts.shape == (4000, 20)
    assert (counts.sum(1) == 20).all()
    assert (counts == np.round(counts)).all()
    # Multinomial: mean 1, variance 1 - 1/n, covariance -1/n.
    np.testing.assert_allclose(counts.mean(0), 1, atol=0.08)
    covariance = np.cov(counts.T)
    np.testing.assert_allclose(np.diag(covariance), 0.95, atol=0.12)
    assert covariance[np.triu_indices(20, 1)].mean() == pytest.approx(-0.05, abs=0.005)


def test_a_cell_is_drawn_whole():
    groups = np.array([7, 7, 3, 3, 3, 9])
    counts = resample(groups, 500, np.random.default_rng(0))
    for label in (7, 3, 9):
        assert (np.ptp(counts[:, groups == label], axis=1) == 0).all()
    assert (counts[:, [0, 2, 5]].sum(1) == 3).all()


@pytest.fixture
def without_priors(monkeypatch):
    """Refits that are those of the resamples alone."""
    monkeypatch.setattr(MODULE, "prior_of", lambda law, problem: (np.zeros(len(law.names)), np.zeros(len(law.names))))


@pytest.mark.usefixtures("without_priors")
def test_cells_are_those_of_sparsity_and_size(sweep):
    runs = sweep(noise=0.01)
    drawn = bootstrap(fit(runs, loss=T5_LOSS), runs, num_draws=40, by="cell", seed=3)
    counts = resample(runs.cells(), 40, np.random.default_rng(3))
    repeated = runs.select(np.repeat(np.arange(len(runs)), counts[5].astype(int)))
    np.testing.assert_allclose(drawn.draws[5], fit(repeated, loss=T5_LOSS).values, rtol=1e-4)
    assert drawn.bootstrap is not None
    assert drawn.bootstrap.by == "cell"


@pytest.mark.usefixtures("without_priors")
@pytest.mark.parametrize("data", ["t5_c4", "vit_jft"])
def test_a_refit_is_a_fresh_fit_of_the_duplicated_runs(data, request):
    runs = request.getfixturevalue(data)
    loss = T5_LOSS if data == "t5_c4" else VIT_LOSS
    drawn = bootstrap(fit(runs, loss=loss), runs, num_draws=12, seed=1)
    counts = resample(runs.trainings(), 12, np.random.default_rng(1))
    for values, count in zip(drawn.draws, counts, strict=True):
        fresh = fit(runs.select(np.repeat(np.arange(len(runs)), count.astype(int))), loss=loss, seed=7)
        predicted = fresh.law.predict(values, runs.sparsity, runs.nonzero_params, runs.data)
        objective = np.average(loss.rho(loss.residual(predicted, runs.loss)[0]), weights=count)
        assert objective == pytest.approx(fresh.objective, rel=1e-6)
        np.testing.assert_allclose(multiplier(values[None], 0.75), multiplier(fresh.values[None], 0.75), rtol=1e-3)


def test_a_seed_decides_the_draws(t5_c4):
    fitted = fit(t5_c4, loss=T5_LOSS)
    one, again, other = (bootstrap(fitted, t5_c4, num_draws=20, seed=s).draws for s in (4, 4, 5))
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other)


def test_batches_of_draws_lose_none(t5_c4, monkeypatch):
    monkeypatch.setattr(MODULE, "BATCH", 48 * 7)
    fitted = fit(t5_c4, loss=T5_LOSS)
    assert len(bootstrap(fitted, t5_c4, num_draws=20).draws) == 20


def test_draws_of_a_linear_law_are_those_of_its_posterior(table):
    """L = a + x b with b ~ N(0.5, 0.2) and normal noise: closed form; b has 60% of its precision from the runs."""
    rng = np.random.default_rng(3)
    x, noise = np.repeat([-1.0, 1.0], 40), 0.3
    law = from_function(lambda S, N, D, a=1.0, b=1.0: a + b * np.log10(N / 1e7))
    law = replace(law, parameters=(law.parameters[0], replace(law.parameters[1], prior=(0.5, 0.027))))
    runs = table(np.zeros(80), 1e7 * 10.0**x, 1e9 * np.arange(1.0, 81), 3 + 0.4 * x + noise * rng.standard_normal(80))
    fitted = fit(runs, law, loss=Loss(np.inf))
    drawn = bootstrap(fitted, runs, num_draws=2000)
    variance = np.mean(fitted.residuals**2) * 80 / 78
    precision = np.array([80 / variance, 1 / 0.027**2])
    expected = precision @ [fitted.values[1], 0.5] / precision.sum()
    assert drawn.draws[:, 1].mean() == pytest.approx(expected, abs=0.002)
    assert drawn.draws[:, 1].std() == pytest.approx(precision.sum() ** -0.5, rel=0.06)
    assert drawn.bootstrap is not None
    share = share_of_prior(drawn.draws[:, 1], drawn.bootstrap.centres)
    assert share == pytest.approx(precision[1] / precision.sum(), abs=0.06)


def test_two_durations_leave_the_power_of_data_open_and_the_multiplier_known(sweep):
    runs = sweep(noise=0.005, D=(1e9, 1.6e10))
    drawn = bootstrap(fit(runs, loss=T5_LOSS), runs, num_draws=200)
    assert drawn.bootstrap is not None
    centres, b_D = drawn.bootstrap.centres, drawn.draws[:, 5]
    assert share_of_prior(b_D, centres) > 0.95
    assert share_of_prior(multiplier(drawn.draws, 0.75), centres) < 0.05
    assert np.subtract(*interval(b_D)[::-1]) > 0.6
    assert kinds_of_priors(drawn.law, ())[most_followed(b_D, centres)] == "durations"


def test_answers_that_are_the_same_in_all_draws_owe_nothing_to_the_prior():
    assert share_of_prior(np.zeros(50), np.random.default_rng(0).standard_normal((50, 3))) == 0


def test_all_minima_are_started_from(t5_c4):
    """Density power has three minima of equal objective on T5; each draw takes the best of them."""
    fitted = fit(t5_c4, "density-power", loss=T5_LOSS)
    assert not fitted.unique
    assert len(fitted.rivals) == 2
    eps = np.sort([fitted.values[1], *fitted.rivals[:, 1]])
    assert eps == pytest.approx([-0.0224, 0.2113, 1.115], abs=2e-3)
    drawn = bootstrap(fitted, t5_c4, num_draws=100).draws[:, 1]
    assert (drawn < 0.6).any()
    assert (drawn > 0.8).any()


def test_checkpoints_and_repeats_are_drawn_together(sweep):
    runs = sweep(noise=0.01)
    frame = runs.table.assign(run=np.arange(len(runs)) // 4)
    labels = Runs.from_frame(frame, name="checkpoints").trainings()
    assert (
        len(set(zip(labels.tolist(), (np.arange(len(runs)) // 4).tolist(), strict=True)))
        == len(runs) // 4
        == max(labels) + 1
    )
    twice = Runs.from_frame(pd.concat([runs.table, runs.table.assign(loss=runs.loss + 0.01)]), name="repeats")
    np.testing.assert_array_equal(*np.split(twice.trainings(), 2))


class TestPublishedIntervals:
    """95% intervals of 1000 draws; an end of such an interval is itself uncertain by some percent."""

    def test_vit(self, vit_jft):
        drawn = bootstrap(fit(vit_jft, loss=VIT_LOSS), vit_jft, num_draws=1000)
        found = drawn.intervals()
        assert len(drawn.draws) == 1000
        assert not any("bootstrap" in w for w in drawn.warnings)
        assert found["b_S"] == pytest.approx((0.66, 0.96), abs=0.04)
        assert found["b_D"] == pytest.approx((0.69, 1.10), abs=0.05)
        assert found["c"] == pytest.approx((4.28, 4.65), abs=0.05)
        assert interval(multiplier(drawn.draws, 0.75)) == pytest.approx((2.08, 2.34), abs=0.04)

    def test_t5(self, t5_c4):
        drawn = bootstrap(fit(t5_c4, loss=T5_LOSS), t5_c4, num_draws=1000)
        found = drawn.intervals()
        assert len(drawn.draws) == 1000
        assert not any("bootstrap" in w for w in drawn.warnings)
        assert found["b_S"] == pytest.approx((1.12, 1.64), abs=0.1)  # to 1.77 without its prior
        assert found["b_N"] == pytest.approx((0.19, 0.26), abs=0.01)
        assert found["b_D"][1] == pytest.approx(
            0.77, abs=0.08
        )  # 0.97 without its prior: three durations hardly tell it
        assert found["c"][0] < 0.1
        assert interval(multiplier(drawn.draws, 0.75)) == pytest.approx((2.15, 2.37), abs=0.04)


def test_an_interval_is_the_central_quantiles():
    draws = np.arange(1001.0)
    assert interval(draws) == pytest.approx((25, 975))
    assert interval(draws, 0.5) == pytest.approx((250, 750))


def test_a_fit_without_a_bootstrap_has_no_intervals(t5_c4):
    fitted = fit(t5_c4, loss=T5_LOSS)
    assert fitted.intervals() == {}
    assert fitted.draws.shape == (0, 7)


def test_pins_are_kept(sweep):
    runs = sweep(noise=0.005)
    fitted = fit(runs, loss=T5_LOSS, pin={"a_D": 7.1e8, "b_S": 0.8, "a_S": 17.3})
    drawn = bootstrap(fitted, runs, num_draws=15)
    assert (drawn.draws[:, [0, 1, 4]] == [17.3, 0.8, 7.1e8]).all()
    assert (np.ptp(drawn.draws[:, [2, 3, 5, 6]], axis=0) > 0).all()


def test_a_noiseless_sweep_has_no_spread(sweep):
    drawn = bootstrap(fit(sweep(), loss=T5_LOSS), sweep(), num_draws=20)
    assert len(drawn.draws) == 20
    assert (np.ptp(drawn.draws, axis=0) < 1e-5 * drawn.values).all()


def test_refits_that_do_not_converge_are_counted(sweep, monkeypatch):
    runs = sweep(noise=0.01)
    fitted = fit(runs, loss=T5_LOSS)

    def hurried(problem, start, *, weights):
        return minimise(problem, start, weights=weights, max_iterations=2)

    monkeypatch.setattr(MODULE, "minimise", hurried)
    drawn = bootstrap(fitted, runs, num_draws=10)
    lost = 10 - len(drawn.draws)
    assert lost > 0
    assert f"{lost} of 10 bootstrap refits did not converge and are left out of the intervals." in drawn.warnings


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"num_draws": 0}, "bootstrap is 0; give the number of resamples"),
        ({"by": "cells"}, "by is 'cells'; did you mean 'cell'"),
    ],
    ids=["no-draws", "by"],
)
def test_impossible_questions_are_refused(sweep, options, sentence):
    runs = sweep(noise=0.01)
    with pytest.raises(UserError, match=sentence):
        bootstrap(fit(runs, loss=T5_LOSS), runs, **options)


def test_other_runs_than_were_fitted_are_refused(sweep):
    runs = sweep(noise=0.01)
    with pytest.raises(UserError, match="The fit is of 64 runs, not of these 10"):
        bootstrap(fit(runs, loss=T5_LOSS), runs.select(np.arange(10)))
