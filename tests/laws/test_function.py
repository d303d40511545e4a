"""Laws from one function: the paper's law so written is the paper's law; bad functions are told in one sentence."""

import numpy as np
import pytest

from sparselaw.errors import UserError
from sparselaw.fit import Loss
from sparselaw.fit.fitting import fit_law as fit
from sparselaw.laws import PAPER, from_function


def paper(S, N, D, a_S=20.0, b_S=1.0, c_S=40.0, b_N=0.25, a_D=7e8, b_D=0.3, c=0.8):
    return (a_S * (1 - S) ** b_S + c_S) * N**-b_N + (a_D / D) ** b_D + c


def robust_to_sign(S, N, D, a=20.0, b=0.3):
    return np.abs(a) * N ** -np.maximum(b, 0.01) + 0 * S + 0 * D


SHAPES = [((), ()), ((4, 1), (6,)), ((3,), (3,))]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_the_papers_law_as_a_function_is_the_papers_law(shapes):
    batch, num_runs = shapes
    rng = np.random.default_rng(0)
    law = from_function(paper)
    parameters = np.stack([rng.uniform(p.default / 2, p.default * 2, batch) for p in defaults(paper)], axis=-1)
    S, N, D = rng.uniform(0, 0.95, num_runs), 10 ** rng.uniform(5, 10, num_runs), 10 ** rng.uniform(9, 12, num_runs)
    assert law.analytic
    assert law.names == PAPER.names
    for own, built_in in ((law.predict, PAPER.predict), (law.jacobian, PAPER.jacobian)):
        np.testing.assert_allclose(own(parameters, S, N, D), built_in(parameters, S, N, D), rtol=1e-11)


def defaults(function):
    import inspect

    return list(inspect.signature(function).parameters.values())[3:]


def test_it_fits_to_the_same_optimum(t5_c4):
    own, built_in = (fit(t5_c4, law, loss=Loss(1e-3, log=True)) for law in (from_function(paper), PAPER))
    assert own.status == "converged"
    assert own.objective == pytest.approx(built_in.objective, rel=1e-6)
    np.testing.assert_allclose(own.values, built_in.values, rtol=1e-3)


def test_a_function_without_complex_derivatives_falls_back_to_differences():
    law = from_function(robust_to_sign)
    assert not law.analytic
    N = np.array([1e6, 1e7, 1e8])
    jacobian = law.jacobian(np.array([20.0, 0.3]), 0.0, N, 1e9)
    exact = np.stack([N**-0.3, -20 * N**-0.3 * np.log(N)], axis=-1)
    np.testing.assert_allclose(jacobian, exact, rtol=1e-7)


def test_starts_surround_the_defaults_whatever_their_sign():
    def law(S, N, D, up=2.0, down=-3.0, zero=0.0):
        return up * N**-0.3 + down * S + zero + 0 * D

    up, down, zero = from_function(law).parameters
    assert (up.lower, up.start) == (0.0, (0.4, 10.0))
    assert (down.lower, down.start) == (-np.inf, (-15.0, -0.6))
    assert (zero.lower, zero.start) == (0.0, (0.0, 1.0))


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (lambda N, S, D, a=1.0: N, "must take S, N, D"),
        (lambda S, N, D: N, "at least one parameter"),
        (lambda S, N: N, "must take S, N, D"),
        (lambda S, N, D, a, b=1.0: N, "Parameter a of the law"),
        (lambda S, N, D, *values: N, "Parameter values of the law"),
        (lambda S, N, D, a=None: N, "default of a"),
        (lambda S, N, D, a="text": N, "default of a"),
        (lambda S, N, D, a=float("nan"): N, "default of a"),
    ],
    ids=["order", "no-parameter", "two-arguments", "no-default", "star", "none", "text", "nan"],
)
def test_a_bad_function_is_refused_in_one_sentence(function, sentence):
    with pytest.raises(UserError, match=sentence) as error:
        from_function(function)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "function",
    [
        lambda S, N, D, a=1.0: 1 // 0,
        lambda S, N, D, a=1.0: np.ones(3)[17] * a,
        lambda S, N, D, a=1.0: a * np.ones(7),
        lambda S, N, D, a=1.0: None,
        lambda S, N, D, a=1.0: "loss",
    ],
    ids=["division", "index", "shape", "none", "text"],
)
def test_a_function_that_fails_or_gives_no_numbers_is_refused_in_one_sentence(function):
    with pytest.raises(UserError) as error:
        from_function(function)
    assert "\n" not in str(error.value)
