"""Contours against brute force, and a map of a lifetime whose lines are known."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex

from sparselaw.cost import Cost
from sparselaw.fit import fit, open_fit
from sparselaw.plan.contours import LifetimeContours, budget_contours
from sparselaw.report import figures

from ..conftest import law

LEVELS = (0.0, 0.25, 0.5, 0.75, 0.875, 0.9375)


def test_contours_go_where_that_sparsity_is_best_by_brute_force(drawn):
    parameters = open_fit("t5-c4-refit").parameters
    grid = np.linspace(0, 0.99, 9901)
    ax = max(drawn["contours t5"].axes, key=lambda ax: len(ax.lines))
    *lines, chinchilla = ax.lines
    for line, S in zip(lines, LEVELS[1:], strict=True):
        for k in (0, 150, 299):
            N, budget = line.get_xdata()[k], line.get_ydata()[k]
            losses = law(parameters, grid, N, budget * (1 - grid) / (6 * N))
            assert grid[losses.argmin()] == pytest.approx(S, abs=2e-3)
    N, budget = chinchilla.get_xdata()[150], chinchilla.get_ydata()[150]
    sizes = np.geomspace(N / 3, N * 3, 20001)
    assert sizes[law(parameters, 0, sizes, budget / (6 * sizes)).argmin()] == pytest.approx(N, rel=1e-3)


def test_each_contour_has_its_band_in_a_panel_of_its_own(drawn):
    panels = [ax for ax in drawn["contours t5"].axes if len(ax.lines) == 1]
    assert [ax.get_title(loc="left") for ax in panels] == ["25%", "50%", "75%", "87.5%", "93.75%"]
    assert all(len(ax.collections) == 1 for ax in panels)


def test_a_band_that_ends_out_of_reach_is_drawn_to_the_edge(fitted):
    found = budget_contours(fitted)
    endless = replace(found, lines_high=np.full_like(found.lines, np.inf), lines_low=np.zeros_like(found.lines))
    for ax in figures.contour_figure(endless).axes:
        for band in ax.collections:
            corners = band.get_paths()[0].vertices
            assert (corners[:, 1].min(), corners[:, 1].max()) == pytest.approx((found.flops[0], found.flops[-1]))


def test_contours_without_draws_have_one_panel(runs):
    plain = fit(runs, starts=8, bootstrap=0)
    assert len(figures.contour_figure(budget_contours(plain)).axes) == 1


def test_lines_over_a_lifetime_are_where_the_map_has_their_sparsity():
    """On a map where S falls from 1 at a loss of 2 to 0 at a loss of 4, the line of S is at 4 - 2 S."""
    inference, loss = np.geomspace(1e9, 1e12, 7), np.linspace(2, 4, 9)
    S = np.tile((4 - loss) / 2, (7, 1))
    found = LifetimeContours(inference, loss, S, S, S, (0.25, 0.5, 0.99), Cost(), Cost(), open_fit("vit-jft"))
    ax = figures.lifetime_contour_figure(found).axes[0]
    filled, lines = ax.collections
    assert [path.vertices[:, 1] for path in lines.get_paths()] == [
        pytest.approx(4 - 2 * level) for level in (0.25, 0.5, 0.99)
    ]
    assert (ax.get_xlim(), ax.get_ylim()) == ((1e9, 1e12), (2, 4))
    step = filled.get_paths()[20].vertices[:, 1]
    assert (step.min(), step.max()) == pytest.approx((4 - 2 * 0.525, 4 - 2 * 0.5))
    assert to_hex(filled.get_facecolor()[20]) == figures.colour_of(0.5125)
