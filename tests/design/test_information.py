"""What runs tell about an answer: exact derivatives, the delta method against simulation, the noise of a run, guesses."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw.cost import Cost
from sparselaw.design import Limits, Target
from sparselaw.design.candidates import Candidates, candidates
from sparselaw.design.information import beliefs, guess, normal_nodes, run_noise
from sparselaw.design.weights import variances
from sparselaw.errors import UserError
from sparselaw.fit import ABSOLUTE, Loss, fit, open_fit
from sparselaw.laws import DENSITY_POWER, NO_FLOOR, PAPER, Array
from sparselaw.runs import Runs

LIMITS = Limits((1e6, 6.4e7), (1e9, 6.4e10), (0.0, 0.5, 0.75))
LOG_LOSS = Loss(1e-3, log=True)
T5 = open_fit("t5-c4-refit")


def cloud(values: Array, spread: float, num_draws: int = 400) -> Array:
    """Draws about values, independent in ln of the parameters."""
    return values * np.exp(spread * np.random.default_rng(0).standard_normal((num_draws, len(values))))


@pytest.mark.parametrize("log", [True, False], ids=["ln loss", "loss"])
@pytest.mark.parametrize("law", [PAPER, NO_FLOOR, DENSITY_POWER], ids=lambda law: law.name)
def test_what_a_run_adds_is_the_derivative_of_its_residual(law, log: bool) -> None:
    natural = {
        "paper": T5.values,
        "no-floor": (50, 0.3, 0.25, 7e8, 0.4, 0.8),
        "density-power": (40, 0.6, 20, 1.2, 0.25, 60, 1),
    }
    values = np.array(natural[law.name])
    draws, runs, noise = cloud(values, 0.02), candidates(LIMITS, 1e30, Cost()), 0.01
    target = Target(5e8, 1e21, "loss").quantity(law, values, Cost())
    known = beliefs(law, Loss(1.0, log=log), draws, runs, target, noise)
    units = (float(np.exp(np.log(runs.nonzero_params).mean())), float(np.exp(np.log(runs.data).mean())))
    theta = law.to_solver(draws, units)
    spread = theta.std(0, ddof=1)
    # Which draws were kept is found again by the answer's derivative; every kept one must match one set of differences.
    points = theta[np.linspace(0, len(theta) - 1, 32).astype(int)]

    def residual(at: Array) -> Array:
        loss = law.predict(law.from_solver(at, units), runs.sparsity, runs.nonzero_params, runs.data)
        return np.log(loss) if log else loss

    expected = []
    for point in points:
        steps = 1e-5 * np.diag(spread)
        expected.append(np.stack([(residual(point + s) - residual(point - s)) / 2e-5 for s in steps], axis=-1) / noise)
    for found in known.runs:
        assert min(np.abs(found - e).max() / np.abs(e).max() for e in expected) < 1e-6


@pytest.mark.parametrize("answer", ["sparsity", "loss"])
def test_delta_method_against_simulation(answer) -> None:
    """Least squares on simulated noise: the answer's spread is the predicted standard deviation."""
    values, noise = T5.values, 1e-4
    limits = Limits((1e6, 1e9), (1e8, 1e12), (0.0, 0.5, 0.75))
    runs = candidates(limits, 1e30, Cost())
    runs = runs.select(np.arange(0, len(runs), 3))
    quantity = Target(5e8, 1e21, answer).quantity(PAPER, values, Cost())
    known = beliefs(PAPER, Loss(np.inf, log=True), cloud(values, 1e-4), runs, quantity, noise)
    no_prior = type(known)(1e-12 * known.prior, known.runs, known.answer)
    predicted = np.sqrt(variances(no_prior, np.ones(len(runs))).mean())
    assert np.std(refitted_answers(values, runs, quantity, noise, 400)) == pytest.approx(predicted, rel=0.08)


def refitted_answers(values: Array, runs: Candidates, quantity, noise: float, num_rounds: int) -> Array:
    """Answers of Gauss-Newton fits, from the truth, to simulated losses: near enough to the truth that two steps are exact."""
    rng, found = np.random.default_rng(1), []
    exact = PAPER.predict(values, runs.sparsity, runs.nonzero_params, runs.data)
    for _ in range(num_rounds):
        measured, theta = np.log(exact) + noise * rng.standard_normal(len(runs)), np.log(values)
        for _ in range(3):
            natural = np.exp(theta)
            loss = PAPER.predict(natural, runs.sparsity, runs.nonzero_params, runs.data)
            jacobian = PAPER.jacobian(natural, runs.sparsity, runs.nonzero_params, runs.data) * natural / loss[:, None]
            theta = theta + np.linalg.lstsq(jacobian, measured - np.log(loss), rcond=None)[0]
        found.append(float(quantity(np.exp(theta))))
    return np.array(found)


def test_before_any_run_the_variance_is_that_of_the_draws() -> None:
    draws = cloud(T5.values, 1e-3, 4000)
    quantity = Target(5e8, 1e21).quantity(PAPER, T5.values, Cost())
    runs = candidates(LIMITS, 1e30, Cost())
    known = beliefs(PAPER, LOG_LOSS, draws, runs, quantity, 0.01)
    assert variances(known, np.zeros(len(runs))).mean() == pytest.approx(np.var(quantity(draws)), rel=0.05)


def test_pinned_parameters_and_parameters_at_a_bound_are_known() -> None:
    draws = cloud(T5.values, 0.05)
    draws[:, 1], draws[:, 6] = 1.2, 0.0  # b_S pinned, c at its bound in every draw
    runs = candidates(LIMITS, 1e30, Cost())
    known = beliefs(PAPER, LOG_LOSS, draws, runs, Target(5e8, 1e21).quantity(PAPER, T5.values, Cost()), 0.01)
    assert known.answer.shape[1] == 5
    assert np.isfinite(known.runs).all()


def test_an_answer_that_no_run_can_sharpen() -> None:
    runs = candidates(LIMITS, 1e30, Cost())
    far_too_little = Target(5e8, 1e10).quantity(PAPER, T5.values, Cost())  # dense for every draw
    with pytest.raises(UserError, match="no run narrows it"):
        beliefs(PAPER, LOG_LOSS, cloud(T5.values, 0.05), runs, far_too_little, 0.01)


@given(deviation=st.floats(1e-4, 0.3), delta=st.sampled_from([np.inf, 0.01, 1e-3, ABSOLUTE]))
@settings(deadline=None, max_examples=30)
def test_noise_of_a_fit_without_residuals_comes_from_its_objective(deviation: float, delta: float) -> None:
    loss = Loss(delta, log=True)
    objective = float(np.mean(loss.rho(deviation * normal_nodes()))) * loss.scale * 41 / 48
    told = replace(T5, loss=loss, objective=objective)
    assert run_noise(told) == pytest.approx(run_noise(told, deviation), rel=1e-6)


def test_robust_fits_see_more_noise_than_there_is() -> None:
    """Least squares sees it as it is, absolute deviations pi/2 of its variance, Huber at 1.345 sigma 1/0.95 (Huber 1964)."""
    seen = {d: run_noise(replace(T5, loss=Loss(d)), 1.0) ** 2 for d in (np.inf, ABSOLUTE, 1.345)}
    assert seen[np.inf] == pytest.approx(1, rel=1e-3)
    assert seen[ABSOLUTE] == pytest.approx(np.pi / 2, rel=1e-3)
    assert seen[1.345] == pytest.approx(1 / 0.95, rel=2e-3)


def simulated(noise: float, seed: int) -> Runs:
    runs = candidates(LIMITS, 1e30, Cost())
    loss = PAPER.predict(T5.values, runs.sparsity, runs.nonzero_params, runs.data)
    loss = loss * np.exp(noise * np.random.default_rng(seed).standard_normal(len(runs)))
    columns = {"nonzero_params": runs.nonzero_params, "sparsity": runs.sparsity, "data": runs.data, "loss": loss}
    return Runs(pd.DataFrame(columns), "simulated")


def test_noise_is_found_in_simulated_residuals() -> None:
    noises = [run_noise(fit(simulated(0.005, seed), loss=LOG_LOSS, starts=4, bootstrap=0)) for seed in range(8)]
    assert np.mean(noises) == pytest.approx(run_noise(T5, 0.005), rel=0.15)


@pytest.mark.parametrize("stated", [0.0, -1.0, np.nan, np.inf])
def test_noise_must_be_positive(stated: float) -> None:
    with pytest.raises(UserError, match="positive"):
        run_noise(T5, stated)


def test_an_exact_fit_knows_no_noise() -> None:
    with pytest.raises(UserError, match="give noise"):
        run_noise(replace(T5, objective=0.0))


def test_a_guess_is_wide_where_the_runs_will_be() -> None:
    """Each term of the loss at the middle of the limits is log-normal with standard deviation 0.5 about the law's."""
    guessed = guess(T5, LIMITS, 0)
    N, D = np.sqrt(1e6 * 6.4e7), np.sqrt(1e9 * 6.4e10)
    a_S, b_S, c_S, b_N, a_D, b_D, c = guessed.draws.T
    for term in (a_S * N**-b_N, c_S * N**-b_N, (a_D / D) ** b_D, b_S, b_N, c):
        assert np.std(np.log(term)) == pytest.approx(0.5, rel=0.1)
    assert np.median(a_S * N**-b_N) == pytest.approx(T5.values[0] * N ** -T5.values[3], rel=0.1)
    assert (guess(T5, LIMITS, 0).draws == guessed.draws).all()
    assert (guess(T5, LIMITS, 1).draws != guessed.draws).any()
