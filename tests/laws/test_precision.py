"""Capacity factors of precisions: fewer bits are fewer weights."""

import numpy as np
import pytest

from sparselaw.fit import open_fit
from sparselaw.laws import AVERAGE_PARAMS, CAPPED, DENSITY_POWER, PAPER, PowerLaw, free_multiplier
from sparselaw.laws.precision import FACTORS, with_factor

LAWS = (PAPER, CAPPED, DENSITY_POWER, AVERAGE_PARAMS, free_multiplier((0.0, 0.5, 0.75)))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0])
def test_a_factor_is_fewer_weights(law: PowerLaw, factor: float) -> None:
    rng = np.random.default_rng(0)
    values = np.where(law.linear, rng.uniform(1, 10, (20, len(law.names))), rng.uniform(0.1, 0.9, (20, len(law.names))))
    S, N, D = 0.5, 3e7, 1e10
    found = law.predict(with_factor(law, values, factor), S, N, D)
    assert found == pytest.approx(law.predict(values, S, factor * N, D), rel=1e-12)


def test_each_set_of_parameters_has_its_own_factor() -> None:
    fitted = open_fit("vit-jft")
    factors = np.linspace(0.5, 1.0, len(fitted.draws))
    found = fitted.law.predict(with_factor(fitted.planning_law(), fitted.draws, factors), 0.75, 1e8, 1e9)
    assert found == pytest.approx(fitted.law.predict(fitted.draws, 0.75, factors * 1e8, 1e9), rel=1e-12)


def test_published_factors() -> None:
    """Panferov et al. 2025 have 0.99 for 8 bits and 0.87 for 4, Frantar et al. 2025 have 0.923 for 4."""
    assert {name: FACTORS[name].value for name in ("fp32", "bf16", "fp16")} == dict.fromkeys(
        ("fp32", "bf16", "fp16"), 1.0
    )
    assert FACTORS["int8"].value == pytest.approx(0.99)
    assert FACTORS["int4"].value == pytest.approx((0.87 + 0.923) / 2, abs=0.005)
    assert FACTORS["int4"].value - 2 * FACTORS["int4"].spread <= 0.87
