"""The batched solver against SciPy's least_squares and linear programming, which share nothing with it but the problem."""

import numpy as np
import pytest
from scipy.optimize import least_squares as scipy_least_squares
from scipy.optimize import linprog, lsq_linear

from sparselaw.fit import Loss, solver
from sparselaw.fit.fitting import draw_starts, prepare
from sparselaw.fit.fitting import fit_law as fit
from sparselaw.fit.solver import minimise
from sparselaw.laws import PAPER

HUBER = Loss(1e-3, log=True)
UNIT_N, UNIT_D = 8e6, 8e9


def setting_of(runs, loss=HUBER, **options):
    defaults = {"weights": None, "pin": {}, "bound": {}}
    return prepare(runs, PAPER, loss=loss, **(defaults | options))


def solve(runs, loss=HUBER, *, num_starts=16, weights=None, **options):
    setting = setting_of(runs, loss, **options)
    start = draw_starts(setting, num_starts, np.random.default_rng(0))
    return setting, minimise(setting.problem, start, weights=setting.weights if weights is None else weights)


def paper_loss(x, S, n, t):
    a, b, c, d, e, f, g = x
    return (a * (1 - S) ** b + c) * n**-d + e * t**-f + g


def oracle(runs, loss, *, lower=(0, 0, 0, 1e-3, 0, 1e-2, 0), num_starts=12):
    """The least sum of rho that SciPy finds from many starts, and where."""
    S, n, t = runs.sparsity, runs.nonzero_params / UNIT_N, runs.data / UNIT_D
    upper, rng = [np.inf, 20, np.inf, 5, np.inf, 5, np.inf], np.random.default_rng(1)

    def residual(x):
        with np.errstate(all="ignore"):
            predicted = paper_loss(x, S, n, t)
            return np.log(np.maximum(predicted, 1e-9) / runs.loss) if loss.log else predicted - runs.loss

    results = [
        scipy_least_squares(
            residual,
            rng.uniform(np.array(lower) + 0.05, 1.5),
            bounds=(lower, upper),
            loss="linear" if np.isinf(loss.delta) else "huber",
            f_scale=1.0 if np.isinf(loss.delta) else loss.delta,
            x_scale="jac",
            jac="3-point",
            ftol=1e-15,
            xtol=1e-15,
            gtol=1e-15,
            max_nfev=400,
        )
        for _ in range(num_starts)
    ]
    best = min(results, key=lambda result: result.cost)
    return best.cost, best.x


@pytest.mark.parametrize(
    "loss", [HUBER, Loss(0.01), Loss(np.inf), Loss(np.inf, log=True)], ids=["huber-log", "huber", "squared", "log"]
)
@pytest.mark.parametrize("seed", [0, 1])
def test_no_other_method_finds_a_lower_objective(sweep, loss, seed):
    runs = sweep(noise=0.01, seed=seed)
    _, solutions = solve(runs, loss)
    found, _ = oracle(runs, loss)
    assert solutions.converged.all()
    assert solutions.objective.min() == pytest.approx(found, rel=1e-5)
    assert solutions.objective.min() <= found * (1 + 1e-9)


def test_a_solution_at_a_bound_is_the_constrained_optimum(sweep):
    """A truth with a negative floor: c must end at 0, and SciPy in the same box agrees."""
    truth = (16.8, 0.722, 45.0, 0.245, 6.9e8, 0.1, -0.4)
    runs = sweep(truth=truth, noise=0.003)
    setting, solutions = solve(runs)
    best = solutions.theta[solutions.objective.argmin()]
    assert best[PAPER.names.index("c")] == 0
    assert solutions.objective.min() == pytest.approx(oracle(runs, HUBER)[0], rel=1e-5)
    assert (solutions.theta >= setting.problem.lower).all()
    assert (solutions.theta <= setting.problem.upper).all()


def test_bounds_that_cut_off_the_optimum_are_respected(sweep):
    runs = sweep(noise=0.005)
    free, held = (solve(runs, bound=bound)[1].objective.min() for bound in ({}, {"b_S": (1.2, 3.0)}))
    fitted = fit(runs, loss=HUBER, bound={"b_S": (1.2, 3.0)})
    cost, x = oracle(runs, HUBER, lower=(0, 1.2, 0, 1e-3, 0, 1e-2, 0))
    assert fitted.parameters["b_S"] == 1.2 == pytest.approx(x[1])
    assert fitted.at_bound == ("b_S",)
    assert held > free
    assert held == pytest.approx(cost, rel=1e-6)


@pytest.mark.parametrize("loss", [HUBER, Loss(0.01), Loss(0.02, log=True, quantile=0.8)], ids=str)
def test_the_projected_gradient_is_zero_where_it_says_converged(sweep, loss):
    runs = sweep(noise=0.02, seed=3)
    setting, solutions = solve(runs, loss)
    n, t = runs.nonzero_params / setting.units[0], runs.data / setting.units[1]

    def objective(x):
        return loss.rho(loss.residual(paper_loss(x, runs.sparsity, n, t), runs.loss)[0]).sum()

    assert solutions.converged.all()
    for theta, found in zip(solutions.theta, solutions.objective, strict=True):
        assert objective(theta) == pytest.approx(found, rel=1e-12)
        for k in range(7):
            step = np.zeros(7)
            step[k] = 1e-5 * max(theta[k], 1e-3)
            slope = (objective(theta + step) - objective(theta - step)) / 2e-5
            at_bound = theta[k] <= setting.problem.lower[k]
            assert slope > 0 if at_bound else abs(slope) < 1e-4 * found


@pytest.mark.parametrize("tau", [0.5, 0.2])
def test_absolute_and_quantile_fits_are_linear_programmes(sweep, tau):
    """With the exponents held the law is linear, and least absolute (or asymmetric) deviations an exact linear programme."""
    runs = sweep(noise=0.03, seed=5)
    pin = {"b_S": 0.7, "b_N": 0.25, "b_D": 0.35}
    fitted = fit(runs, loss=Loss(1e-7, quantile=tau), pin=pin)
    n, t = runs.nonzero_params / UNIT_N, runs.data / UNIT_D
    basis = np.stack([(1 - runs.sparsity) ** 0.7 * n**-0.25, n**-0.25, t**-0.35, np.ones(len(runs))], axis=1)
    num_runs, identity = len(runs), np.eye(len(runs))
    programme = linprog(
        np.concatenate([np.zeros(4), np.full(num_runs, 2 * (1 - tau)), np.full(num_runs, 2 * tau)]),
        A_eq=np.hstack([basis, -identity, identity]),
        b_eq=runs.loss,
    )
    assert fitted.status == "converged"
    assert fitted.objective == pytest.approx(programme.fun / num_runs, rel=1e-4)
    below = (fitted.residuals > 1e-5).mean()  # measured below the law
    assert abs(below - tau) <= 4 / num_runs + 1e-9


def test_least_squares_with_exponents_held_is_a_linear_problem(sweep):
    runs = sweep(noise=0.03, seed=6)
    fitted = fit(runs, loss=Loss(np.inf), pin={"b_S": 0.7, "b_N": 0.25, "b_D": 0.35})
    n, t = runs.nonzero_params, runs.data / UNIT_D
    basis = np.stack([(1 - runs.sparsity) ** 0.7 * n**-0.25, n**-0.25, t**-0.35, np.ones(len(runs))], axis=1)
    exact = lsq_linear(basis / basis.max(0), runs.loss, bounds=(0, np.inf), tol=1e-14)
    assert fitted.objective == pytest.approx(exact.cost / len(runs), rel=1e-9)
    coefficients = exact.x / basis.max(0)
    np.testing.assert_allclose([fitted.parameters[k] for k in ("a_S", "c_S", "c")], coefficients[[0, 1, 3]], rtol=1e-4)


def test_weights_are_repeated_rows(sweep):
    runs = sweep(noise=0.01)
    times = np.random.default_rng(0).integers(0, 4, len(runs))
    weighted = fit(runs, loss=HUBER, weights=times)
    repeated = fit(runs.select(np.repeat(np.arange(len(runs)), times)), loss=HUBER)
    assert weighted.objective == pytest.approx(repeated.objective, rel=1e-9)
    np.testing.assert_allclose(weighted.values, repeated.values, rtol=1e-4)


@pytest.mark.parametrize("unit", [1e-25, 1e-6, 1e12])
def test_the_unit_of_the_weights_does_not_matter(sweep, unit):
    runs = sweep(noise=0.01)
    weights = np.random.default_rng(0).uniform(size=len(runs))
    plain, scaled = (fit(runs, loss=HUBER, weights=weights * factor) for factor in (1.0, unit))
    assert scaled.objective == pytest.approx(plain.objective, rel=1e-9)
    assert scaled.status == plain.status == "converged"
    np.testing.assert_allclose(scaled.values, plain.values, rtol=1e-6)


def test_problems_solved_together_are_those_solved_alone(sweep):
    setting = setting_of(sweep(noise=0.01))
    start = draw_starts(setting, 6, np.random.default_rng(0))
    weights = np.random.default_rng(1).integers(0, 3, (6, len(setting.weights))).astype(float)
    together = minimise(setting.problem, start, weights=weights)
    for k in range(6):
        alone = minimise(setting.problem, start[k : k + 1], weights=weights[k])
        np.testing.assert_allclose(together.theta[k], alone.theta[0], rtol=1e-6)
        assert together.objective[k] == pytest.approx(alone.objective[0], rel=1e-9)


def test_chunks_of_runs_change_nothing(sweep, monkeypatch):
    runs = sweep(noise=0.01)
    whole = solve(runs)[1]
    monkeypatch.setattr(solver, "CHUNK", 16 * 7 * 5)  # five runs at a time
    chunked = solve(runs)[1]
    np.testing.assert_allclose(chunked.objective, whole.objective, rtol=1e-9)
    np.testing.assert_allclose(chunked.theta, whole.theta, rtol=1e-5)


@pytest.mark.parametrize(("unit_n", "unit_d"), [(1e6, 1.0), (1.0, 1e-9), (1e-6, 1e9)])
def test_units_of_the_runs_change_nothing(sweep, table, unit_n, unit_d):
    runs = sweep(noise=0.01)
    moved = table(runs.sparsity, runs.nonzero_params * unit_n, runs.data * unit_d, runs.loss)
    one, other = (fit(r, loss=HUBER) for r in (runs, moved))
    assert other.objective == pytest.approx(one.objective, rel=1e-9)
    assert other.parameters["a_D"] == pytest.approx(one.parameters["a_D"] * unit_d, rel=1e-4)
    assert other.parameters["a_S"] == pytest.approx(one.parameters["a_S"] * unit_n ** one.parameters["b_N"], rel=1e-4)


def test_absurd_starts_are_survived(sweep):
    setting = setting_of(sweep(noise=0.01))
    rng = np.random.default_rng(0)
    size = 10.0 ** rng.uniform(-300, 300, (40, 7)) * rng.choice([-1, 1], (40, 7))
    special = np.array([[np.inf] * 7, [np.nan] * 7, [0.0] * 7, [1e308] * 7, [-np.inf] * 7])
    solutions = minimise(setting.problem, np.concatenate([size, special]), weights=setting.weights)
    assert solutions.theta.shape == (45, 7)
    settled = solutions.objective[solutions.converged]
    assert np.isfinite(settled).all()
    assert not solutions.converged[40:42].any()


def test_one_iteration_is_not_convergence(sweep):
    setting = setting_of(sweep(noise=0.01))
    start = draw_starts(setting, 16, np.random.default_rng(0))
    solutions = minimise(setting.problem, start, weights=setting.weights, max_iterations=1)
    assert not solutions.converged.any()
    assert (solutions.iterations == 1).all()
    finished = minimise(setting.problem, start, weights=setting.weights)
    assert (solutions.objective >= finished.objective).all()


def test_a_fit_that_ran_out_of_steps_says_so(sweep, monkeypatch):
    def hurried(problem, start, *, weights):
        return minimise(problem, start, weights=weights, max_iterations=1)

    monkeypatch.setattr("sparselaw.fit.fitting.minimise", hurried)
    fitted = fit(sweep(noise=0.01), loss=HUBER)
    assert fitted.status.startswith("not converged: no start")
    assert fitted.starts.converged == fitted.starts.at_optimum == 0
