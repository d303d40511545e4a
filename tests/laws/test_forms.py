"""Each rival is the paper's law, or the dense one, in a special case; forms are found by name."""

import numpy as np
import pytest

from sparselaw.errors import UserError
from sparselaw.laws import AVERAGE_PARAMS, DENSE, DENSITY_POWER, NO_FLOOR, PAPER, free_multiplier, law_named

S = np.array([0.0, 0.5, 0.75, 0.875])
N, D = np.array([1e6, 3e7, 2e8, 1e9]), np.array([1e9, 3e9, 1e10, 4e10])
VALUES = dict(zip(PAPER.names, (294.0, 0.821, 468.0, 0.392, 2.37e8, 0.89, 4.517), strict=True))


def of_paper(**changed: float) -> np.ndarray:
    return PAPER.predict(list((VALUES | changed).values()), S, N, D)


def test_no_floor_is_the_paper_without_c_S() -> None:
    values = [VALUES[name] for name in NO_FLOOR.names]
    assert NO_FLOOR.predict(values, S, N, D) == pytest.approx(of_paper(c_S=0.0), rel=1e-14)


def test_dense_is_the_paper_where_sparsity_does_not_matter() -> None:
    values = [VALUES["a_S"] + VALUES["c_S"], *(VALUES[name] for name in DENSE.names[1:])]
    assert DENSE.predict(values, S, N, D) == pytest.approx(of_paper(b_S=0.0), rel=1e-14)


def test_average_parameters_are_the_dense_law_of_the_mean_size() -> None:
    values = [762.0, *(VALUES[name] for name in DENSE.names[1:])]
    mean = N * (1 - 0.625 * S) / (1 - S)
    assert AVERAGE_PARAMS.predict(values, S, N, D) == pytest.approx(DENSE.predict(values, S, mean, D), rel=1e-13)


def test_free_multipliers_can_be_those_of_the_paper() -> None:
    law = free_multiplier(S)
    values = [*(VALUES["a_S"] * (1 - S) ** VALUES["b_S"] + VALUES["c_S"]), *(VALUES[name] for name in law.names[4:])]
    assert law.predict(values, S, N, D) == pytest.approx(of_paper(), rel=1e-13)


def test_density_power_at_zero_sparsity_is_chinchilla() -> None:
    A, alpha, B, E = 400.0, 0.34, 410.0, 1.69
    found = DENSITY_POWER.predict([A, 0.3, 7.0, 0.8, alpha, B, E], 0.0, N, D)
    assert found == pytest.approx(E + A / N**alpha + B / D**alpha, rel=1e-14)


@pytest.mark.parametrize("law", [PAPER, NO_FLOOR, DENSE, AVERAGE_PARAMS, DENSITY_POWER], ids=lambda law: law.name)
def test_starts_lie_within_bounds_and_names_are_found(law) -> None:
    assert law_named(law.name) is law
    for parameter in law.parameters:
        assert parameter.lower <= parameter.start[0] < parameter.start[1] <= parameter.upper


def test_free_multipliers_need_dense_runs() -> None:
    with pytest.raises(UserError, match="dense runs"):
        free_multiplier([0.5, 0.75])
