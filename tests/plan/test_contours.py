"""Contours cell by cell against the optimum, and bands against quantiles over the draws."""

from dataclasses import replace

import numpy as np
import pytest

from sparselaw.cost import Cost
from sparselaw.errors import UserError
from sparselaw.fit import Fit, open_fit
from sparselaw.fit.result import Bootstrap
from sparselaw.laws import DENSE, DENSITY_POWER, free_multiplier, optimal_sparsity
from sparselaw.plan.contours import budget_contours, contours

COSTS = [Cost(), Cost(sparse=True)]


@pytest.mark.parametrize("cost", COSTS, ids=lambda c: c.name)
def test_cells_and_lines(cost: Cost) -> None:
    fitted = replace(open_fit("vit-jft"), bootstrap=None)
    found = contours(fitted, cost=cost, grid=23)
    for i, N in enumerate(found.nonzero_params):
        for j in (0, 7, 15, 22):
            one = optimal_sparsity(fitted.law, fitted.values, N, found.flops[j], cost)
            assert found.sparsity[i, j] == pytest.approx(one, abs=1e-12)
        for k, level in enumerate(found.levels):
            at_line = optimal_sparsity(fitted.law, fitted.values, N, found.lines[k, i], cost)
            assert at_line == pytest.approx(level, abs=1e-9)
    assert found.low is None
    assert found.lines_high is None


@pytest.mark.parametrize("cost", COSTS, ids=lambda c: c.name)
@pytest.mark.parametrize("source", ["vit-jft", "t5-c4-refit"])
def test_bands_are_quantiles_over_the_draws(source: str, cost: Cost) -> None:
    fitted, rng = open_fit(source), np.random.default_rng(0)
    found = contours(fitted, cost=cost, grid=40)
    assert found.low is not None
    assert found.high is not None
    for i, j in rng.integers(0, 40, (30, 2)):
        N, C = found.nonzero_params[i], found.flops[j]
        over_draws = optimal_sparsity(fitted.law, fitted.draws, N, C, cost)
        # Between two draws a quantile is a matter of interpolation: linear in S there, in ln C_S here.
        for quantile, band in ((0.025, found.low), (0.975, found.high)):
            below, above = (np.quantile(over_draws, quantile, method=method) for method in ("lower", "higher"))
            assert below - 1e-3 <= band[i, j] <= above + 1e-3


def test_a_large_grid_with_a_thousand_draws() -> None:
    fitted = open_fit("vit-jft")
    draws = np.resize(fitted.draws, (1000, len(fitted.values)))
    found = contours(replace(fitted, bootstrap=Bootstrap(draws, "run", 1000, 0)), grid=300)
    assert found.low is not None
    assert found.high is not None
    assert found.sparsity.shape == found.low.shape == found.high.shape == (300, 300)
    assert (found.low <= found.high).all()


def of_law(fitted: Fit, law) -> Fit:
    return replace(fitted, law=law, parameters=dict.fromkeys(law.names, 1.0), bootstrap=None)


@pytest.mark.parametrize(
    ("law", "expected"),
    [(DENSE, "has no contours"), (free_multiplier((0.0, 0.5)), "has no contours")],
    ids=["dense", "levels"],
)
def test_laws_without_contours(law, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        contours(of_law(open_fit("vit-jft"), law))


def test_bands_of_a_law_whose_best_sparsity_jumps_are_those_of_the_draws() -> None:
    """Against S_opt of every draw at points of the map; density-power goes from 0 to well above it at once."""
    vit = open_fit("vit-jft")
    values = np.array([848.0, 1.157, 548.8, 0.7308, 0.4016, 3391.0, 4.041])
    draws = values * np.exp(0.02 * np.random.default_rng(0).standard_normal((200, 7)))
    fitted = replace(
        vit,
        law=DENSITY_POWER,
        parameters=dict(zip(DENSITY_POWER.names, values.tolist(), strict=True)),
        bootstrap=Bootstrap(draws, "run", 200, 0),
    )
    found = budget_contours(fitted, grid=12)
    assert found.low is not None
    assert found.high is not None
    for k, j in ((0, 2), (5, 5), (8, 7), (11, 11)):
        S = optimal_sparsity(DENSITY_POWER, draws, found.nonzero_params[k], found.flops[j], Cost())
        ranked = np.quantile(S, [0.025, 0.975], method="inverted_cdf"), np.quantile(S, [0.03, 0.98])
        assert min(r[0] for r in ranked) - 0.02 <= found.low[k, j] <= max(r[0] for r in ranked) + 0.02
        assert min(r[1] for r in ranked) - 0.02 <= found.high[k, j] <= max(r[1] for r in ranked) + 0.02
