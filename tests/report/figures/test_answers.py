"""An answer drawn, against brute force over the law's formula."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from sparselaw.fit import open_fit
from sparselaw.plan import plan
from sparselaw.report import figures

from ..conftest import law

NONZEROS, FLOPS, SERVED, LOSS = 1e8, 1e21, 1e13, 1.6


@pytest.fixture(scope="module")
def t5():
    return open_fit("t5-c4-refit")


@pytest.fixture(scope="module")
def budget(t5):
    return figures.answer_figure(plan(t5, nonzeros=NONZEROS, flops=FLOPS, tolerance=0.002)).axes[0]


def on_budget(parameters, S):
    """The loss where zeros are computed: C = 6 N D / (1-S)."""
    return law(parameters, S, NONZEROS, FLOPS * (1 - S) / (6 * NONZEROS))


def test_the_curve_on_a_budget_is_the_law(t5, budget):
    percents, losses = budget.lines[0].get_data()
    assert losses == pytest.approx(on_budget(t5.parameters, percents / 100))
    assert budget.get_xlim() == (0, 100)
    assert losses.min() < losses[0] < budget.get_ylim()[1]


def test_the_dot_is_the_lowest_point_and_the_bar_what_is_as_good(t5, budget):
    S = np.linspace(0, 0.99, 99001)
    losses = on_budget(t5.parameters, S)
    _, bar, dot = budget.lines
    ((x, y),) = dot.get_xydata()
    assert x == pytest.approx(100 * S[losses.argmin()], abs=0.02)
    assert y == pytest.approx(losses.min(), abs=1e-5)
    near = 100 * S[losses <= 1.002 * losses.min()]
    assert bar.get_xdata() == pytest.approx((near[0], near[-1]), abs=0.02)
    assert dot.get_color() == figures.colour_of(x / 100)


def test_the_shade_is_the_middle_95_percent_of_the_best_sparsities(t5, budget):
    S = np.linspace(0, 0.99, 9901)
    named = [dict(zip(t5.law.names, draw, strict=True)) for draw in t5.draws]
    best = [100 * S[on_budget(parameters, S).argmin()] for parameters in named]
    shade = next(patch for patch in budget.patches if isinstance(patch, Rectangle))
    ends = shade.get_x(), shade.get_x() + shade.get_width()
    assert ends == pytest.approx(np.percentile(best, [2.5, 97.5]), abs=0.3)
    assert "95% interval" in budget.get_title(loc="left")


def test_the_curve_of_a_lifetime_is_its_lowest_cost_over_sizes(t5):
    """Zeros are computed: 6 N D / (1-S) to train on the D that reaches the loss, 2 N / (1-S) for each token served."""
    p = t5.parameters
    ax = figures.answer_figure(plan(t5, loss=LOSS, inference=SERVED)).axes[0]
    percents, costs = ax.lines[0].get_data()
    N = np.geomspace(1e6, 1e12, 200001)
    for k in (0, len(percents) // 2, len(percents) * 3 // 4):
        S = percents[k] / 100
        rest = LOSS - p["c"] - (p["a_S"] * (1 - S) ** p["b_S"] + p["c_S"]) * N ** -p["b_N"]
        D = p["a_D"] / np.where(rest > 0, rest, np.nan) ** (1 / p["b_D"])
        assert costs[k] == pytest.approx(np.nanmin((6 * N * D + 2 * N * SERVED) / (1 - S)), rel=1e-6)
    assert ax.get_ylabel() == "lifetime cost (training FLOPs)"
