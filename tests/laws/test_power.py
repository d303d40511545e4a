"""The built-in laws against formulas written out here by hand, and their derivatives against complex steps and differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw import laws
from sparselaw.errors import UserError
from sparselaw.laws import Direction, PowerLaw

LEVELS = (0.0, 0.5, 0.75, 0.984375)
STEP = 1e-30


def by_level(S, values):
    return sum(value * (level == S) for level, value in zip(LEVELS, values, strict=True))


def where_sparse(S, exponent):
    return np.where(S > 0, np.where(S > 0, S, 1.0) ** exponent, 0.0)


FORMULAS = {
    "paper": lambda S, N, D, a, b, c, d, e, f, g: (a * (1 - S) ** b + c) / N**d + (e / D) ** f + g,
    "no-floor": lambda S, N, D, a, b, d, e, f, g: a * (1 - S) ** b / N**d + (e / D) ** f + g,
    "dense": lambda S, N, D, a, d, e, f, g: a / N**d + (e / D) ** f + g,
    "average-params": lambda S, N, D, a, d, e, f, g: a / (N * (1 - 0.625 * S) / (1 - S)) ** d + (e / D) ** f + g,
    "density-power": lambda S, N, D, A, eps, C, mu, alpha, B, E: (
        E + (A * (1 - S) ** eps + C * where_sparse(S, mu)) / N**alpha + B / D**alpha
    ),
    "free-multiplier": lambda S, N, D, w, x, y, z, d, e, f, g: by_level(S, (w, x, y, z)) / N**d + (e / D) ** f + g,
}
RANGES = {"b_S": (0.1, 3), "eps": (0.1, 3), "mu": (0.1, 3), "a_D": (1e7, 1e11)}
EXPONENTS = {"b_N": (0.05, 0.9), "b_D": (0.05, 1.5), "alpha": (0.05, 0.9), "c": (0, 5), "E": (0, 5)}


def law_of(name: str) -> PowerLaw:
    return laws.law_named(name, levels=LEVELS)


def random_parameters(law: PowerLaw, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    ranges = [(RANGES | EXPONENTS).get(name, (1, 500)) for name in law.names]
    return np.stack([rng.uniform(low, high, shape) for low, high in ranges], axis=-1)


def random_runs(rng: np.random.Generator, shape: tuple[int, ...]):
    return rng.choice(LEVELS, shape), 10 ** rng.uniform(5, 11, shape), 10 ** rng.uniform(8, 13, shape)


SHAPES = [((), ()), ((), (7,)), ((5, 1), (7,)), ((3, 4, 1), (6,)), ((4,), (4,)), ((2, 1, 1), (3, 2))]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("name", FORMULAS)
def test_loss_and_derivatives_are_those_of_the_formula(name, shapes):
    batch, runs = shapes
    law, rng = law_of(name), np.random.default_rng(len(str(shapes)))
    parameters, (S, N, D) = random_parameters(law, rng, batch), random_runs(rng, runs)
    theta = [parameters[..., k] for k in range(len(law.names))]

    expected = FORMULAS[name](S, N, D, *theta)
    predicted = law.predict(parameters, S, N, D)
    assert predicted.shape == np.broadcast_shapes(batch, runs)
    np.testing.assert_allclose(predicted, expected, rtol=1e-12)

    columns = []
    for k, value in enumerate(theta):
        shifted = [value + 1j * STEP if j == k else other for j, other in enumerate(theta)]
        columns.append(np.broadcast_to((FORMULAS[name](S, N, D, *shifted) / STEP).imag, expected.shape))
    jacobian = law.jacobian(parameters, S, N, D)
    assert jacobian.shape == (*expected.shape, len(theta))
    np.testing.assert_allclose(jacobian, np.stack(columns, axis=-1), rtol=1e-10, atol=1e-300)


@pytest.mark.parametrize("name", FORMULAS)
def test_derivatives_agree_with_differences(name):
    law, rng = law_of(name), np.random.default_rng(1)
    parameters, (S, N, D) = random_parameters(law, rng, ()), random_runs(rng, (40,))
    jacobian = law.jacobian(parameters, S, N, D)
    for k, value in enumerate(parameters):
        step = np.zeros(len(parameters))
        step[k] = 1e-5 * value
        difference = (law.predict(parameters + step, S, N, D) - law.predict(parameters - step, S, N, D)) / (2 * step[k])
        scale = np.abs(difference).max()
        np.testing.assert_allclose(jacobian[:, k], difference, rtol=1e-6, atol=1e-7 * scale + 1e-9 / value)


@pytest.mark.parametrize("name", FORMULAS)
def test_solver_coordinates_are_linear_in_the_coefficients(name):
    law, rng = law_of(name), np.random.default_rng(2)
    S, N, D = random_runs(rng, (9,))
    units = (3e6, 5e9)
    features = law.features(S, N, D, units=units)
    theta = law.to_solver(random_parameters(law, rng, ()), units)
    doubled = np.where(law.linear, 2 * theta, theta)
    np.testing.assert_allclose(law.evaluate(doubled, features)[0], 2 * law.evaluate(theta, features)[0], rtol=1e-13)


@pytest.mark.parametrize("name", FORMULAS)
@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), log_n=st.floats(-2, 12), log_d=st.floats(-2, 14))
def test_units_go_there_and_back(name, seed, log_n, log_d):
    law, rng, units = law_of(name), np.random.default_rng(seed), (10.0**log_n, 10.0**log_d)
    parameters, (S, N, D) = random_parameters(law, rng, (3,)), random_runs(rng, (5,))
    theta = law.to_solver(parameters, units)
    np.testing.assert_allclose(law.from_solver(theta, units), parameters, rtol=1e-9)
    in_units = law.evaluate([theta[:, k, None] for k in range(theta.shape[1])], law.features(S, N, D, units=units))[0]
    np.testing.assert_allclose(in_units, law.predict(parameters[:, None], S, N, D), rtol=1e-10)


def test_published_units_convert_as_stated():
    """Normalised T5 coefficients (N in millions, D in 1e5 steps of 65,536 tokens) and the table in natural units."""
    normalised = [0.56778512, 0.72161276, 1.52265016, 0.24513173, 0.63361517, 0.20270772, 0.65074219]
    natural = laws.PAPER.from_solver(np.array(normalised), (1e6, 1e5 * 65_536))
    # In solver coordinates the data coefficient stands outside its power, as e does in the published code.
    np.testing.assert_allclose(natural, [16.8, 0.722, 45.0, 0.245, 6.90e8, 0.203, 0.651], rtol=2e-3)


@pytest.mark.parametrize("name", FORMULAS)
def test_slope_is_the_derivative_along_a_direction(name):
    law, rng = law_of(name), np.random.default_rng(3)
    smooth = name != "free-multiplier"
    for _ in range(20):
        parameters, (S, N, D) = random_parameters(law, rng, ()), random_runs(rng, (6,))
        S = np.clip(S + rng.uniform(0.01, 0.2, 6), 0, 0.99) if smooth else S
        along = Direction(*(rng.normal(size=3) * (smooth, 1, 1)))

        def moved(t, S=S, N=N, D=D, parameters=parameters, along=along):
            sparser = 1 - (1 - S) * np.exp(-along.u * t) if smooth else S
            return sparser, N * np.exp(along.log_N * t), D * np.exp(along.log_D * t), parameters

        def capacity(t, moved=moved):
            return law.capacity(moved(t)[3], *moved(t)[:2])

        def data(t, moved=moved, capacity=capacity, parameters=parameters):
            return law.predict(moved(t)[3], *moved(t)[:3]) - capacity(t) - law.floor(parameters)

        for part, function in zip(law.slope(parameters, S, N, D, along), (capacity, data), strict=True):
            difference = (function(1e-5) - function(-1e-5)) / 2e-5
            np.testing.assert_allclose(part, difference, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", FORMULAS)
def test_loss_is_capacity_data_and_floor(name):
    law, rng = law_of(name), np.random.default_rng(4)
    parameters, (S, N, D) = random_parameters(law, rng, ()), random_runs(rng, (30,))
    floor = parameters[law.names.index("E" if name == "density-power" else "c")]
    assert law.floor(parameters) == floor
    capacity = law.capacity(parameters, S, N)
    np.testing.assert_allclose(capacity, FORMULAS[name](S, N, np.inf, *parameters) - floor, rtol=1e-9, atol=1e-14)
    data_loss = law.predict(parameters, S, N, D) - capacity - floor
    np.testing.assert_allclose(law.data_for(parameters, data_loss), D, rtol=1e-4)
    exponent = law.capacity_exponent(parameters)
    np.testing.assert_allclose(law.capacity(parameters, S, 16 * N), capacity / 16**exponent, rtol=1e-12)


def test_data_for_a_loss_that_no_data_reaches_is_infinite():
    parameters = np.array([16.8, 0.722, 45.0, 0.245, 6.90e8, 0.203, 0.651])
    assert np.isinf(laws.PAPER.data_for(parameters, np.array([0.0, -1.0]))).all()


@pytest.mark.parametrize(
    ("name", "parameters", "limit"),
    [
        ("paper", [16.8, 0.722, 45.0, 0.5, 1e9, 0.2, 0.6], 45.0),
        ("paper", [16.8, 0.0, 45.0, 0.5, 1e9, 0.2, 0.6], 61.8),
        ("no-floor", [16.8, 0.722, 0.5, 1e9, 0.2, 0.6], 0.0),
        ("average-params", [16.8, 0.5, 1e9, 0.2, 0.6], 0.0),
        ("dense", [16.8, 0.5, 1e9, 0.2, 0.6], 16.8),
        ("density-power", [10.0, 0.7, 3.0, 2.0, 0.5, 1e3, 0.6], 3.0),
    ],
)
def test_capacity_of_ever_sparser_models(name, parameters, limit):
    law, parameters = law_of(name), np.array(parameters)
    assert law.capacity(parameters, 1.0, 1e4) == pytest.approx(limit / 100, abs=1e-15)
    if limit and name != "density-power":
        nearly = law.capacity(parameters, 1 - 1e-15, 1e4)
        assert nearly == pytest.approx(limit / 100, rel=1e-6)


def test_density_power_without_sparsity_is_a_dense_law():
    law = laws.DENSITY_POWER
    parameters = np.array([10.0, 0.7, 3.0, 0.4, 0.3, 1e3, 0.6])
    loss = law.predict(parameters, 0.0, 1e6, 1e9)
    assert loss == pytest.approx(0.6 + 10 / 1e6**0.3 + 1e3 / 1e9**0.3, rel=1e-13)
    jacobian = law.jacobian(parameters, 0.0, 1e6, 1e9)
    assert jacobian[law.names.index("C")] == jacobian[law.names.index("mu")] == jacobian[law.names.index("eps")] == 0
    assert np.isfinite(jacobian).all()


class TestFreeMultiplier:
    law = laws.free_multiplier([0.75, 0.0, 0.5, 0.75])
    parameters = np.array([10.0, 8.0, 7.0, 0.3, 1e9, 0.2, 0.5])

    def test_has_one_coefficient_a_level(self):
        assert self.law.names == ("a_0", "a_0.5", "a_0.75", "b_N", "a_D", "b_D", "c")

    def test_each_level_has_its_own(self):
        rest = 0.5 + (1e9 / 1e10) ** 0.2
        loss = self.law.predict(self.parameters, np.array([0.0, 0.5, 0.75]), 1e6, 1e10)
        np.testing.assert_allclose((loss - rest) * 1e6**0.3, [10, 8, 7], rtol=1e-12)

    def test_knows_nothing_between_its_levels(self):
        loss = self.law.predict(self.parameters, np.array([0.0, 0.6, 0.75]), 1e6, 1e10)
        assert np.isnan(loss).tolist() == [False, True, False]

    def test_names_keep_every_digit_of_a_level(self):
        levels = [0.0, 0.984375, 0.9921875, 0.992187500001, 1e-7, 1 / 3]
        law = laws.free_multiplier(levels)
        assert [float(name[2:]) for name in law.names if name[2:3].isdigit()] == sorted(levels)

    def test_needs_dense_runs(self):
        with pytest.raises(UserError, match="needs dense runs"):
            laws.free_multiplier([0.5, 0.75])


def test_derivatives_stay_numbers_where_the_data_coefficient_is_zero():
    jacobian = laws.PAPER.jacobian(np.array([10.0, 1.0, 40.0, 0.3, 0.0, 0.3, 0.5]), 0.5, 1e6, 1e9)
    assert not np.isnan(jacobian).any()
    assert jacobian[laws.PAPER.names.index("b_D")] == 0
    assert jacobian[laws.PAPER.names.index("a_D")] == np.inf


def test_an_unknown_law_is_refused():
    with pytest.raises(UserError, match="No law is named 'papers'; did you mean 'paper'"):
        laws.law_named("papers")
