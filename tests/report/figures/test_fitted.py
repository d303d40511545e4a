"""Lines against the law's formula, points against the runs, and profiles against a parabola."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from sparselaw.fit import fit, open_fit
from sparselaw.fit.profiles import Profile
from sparselaw.report import figures
from sparselaw.report.figures.fitted import some_groups
from sparselaw.runs import Runs

from ..conftest import law
from .conftest import points, solid_lines


def test_lines_of_loss_are_the_law_and_points_the_runs(runs, fitted, drawn):
    panels = drawn["loss"].axes
    assert len(panels) == 3
    for ax, data in zip(panels, np.unique(runs.data), strict=True):
        for line, S in zip(solid_lines(ax), (0, 0.5, 0.75, 0.875), strict=True):
            x, y = line.get_data()
            assert y == pytest.approx(law(fitted.parameters, S, x, data))
        here = runs.data == data
        assert sorted(points(ax)) == sorted(zip(runs.nonzero_params[here], runs.loss[here], strict=True))


def test_the_law_alone_is_drawn_on_the_most_data(fitted):
    (ax,) = figures.law_figure(fitted).axes
    for line, S in zip(solid_lines(ax), (0, 0.5, 0.75, 0.875), strict=True):
        x, y = line.get_data()
        assert (x[0], x[-1]) == pytest.approx(fitted.domain.nonzero_params)
        assert y == pytest.approx(law(fitted.parameters, S, x, fitted.domain.data[1]))


@pytest.mark.parametrize(("row", "weights"), [(0, 1.0), (1, 1 - 0.625 * 0.75)], ids=["dense", "sparse"])
def test_lines_over_flops_are_the_law_at_the_data_that_they_pay_for(row, weights, fitted, drawn):
    """The paper's costs at 75%: 6 N D / (1-S) if zeros are computed, (1 - 0.625 S) of that if they are free."""
    axes = np.reshape(drawn["flops"].axes, (2, 4))[row]
    for ax, size in zip(axes, (6715.3, 13824, 27648, 55392), strict=True):
        line = solid_lines(ax)[2]
        budgets, losses = line.get_data()
        data = budgets * 0.25 / (6 * size * weights)
        assert losses == pytest.approx(law(fitted.parameters, 0.75, size, data), rel=2e-3)


def test_bands_hold_the_middle_95_percent_of_the_draws(runs, fitted, drawn):
    band = drawn["loss"].axes[0].collections[1].get_paths()[0].vertices
    size = fitted.domain.nonzero_params[0]
    low, high = np.sort(np.unique(band[np.isclose(band[:, 0], size), 1]))[[0, -1]]
    named = [dict(zip(fitted.law.names, draw, strict=True)) for draw in fitted.draws]
    losses = [law(parameters, 0.5, size, runs.data.min()) for parameters in named]
    assert (low, high) == pytest.approx(np.percentile(losses, [2.5, 97.5]))


def test_errors_are_of_the_prediction_above_the_measurement(runs, fitted, drawn):
    _, bottom = drawn["predicted"].axes
    named = [law(fitted.parameters, *run) for run in zip(runs.sparsity, runs.nonzero_params, runs.data, strict=True)]
    errors = 100 * (np.array(named) / runs.loss - 1)
    assert sorted(y for _, y in points(bottom)) == pytest.approx(sorted(errors))


def test_the_published_extrapolation_run_is_a_point_of_its_own():
    table = pd.DataFrame({"nonzero_params": [1e6, 1e8], "sparsity": 0.0, "data": [1e10, 2e10], "loss": [3.0, 2.0]})
    published = open_fit("t5-c4-refit")
    named = Runs.from_frame(table, name="t5-c4")
    figure = figures.predicted_figure(replace(published, name="t5-c4"), named)
    stars = [line for line in figure.axes[0].lines if line.get_marker() == "*"]
    assert [star.get_label() for star in stars] == ["75% of 604M, not fitted"]
    assert stars[0].get_xdata() == pytest.approx(1.48278, abs=1e-5)


@pytest.mark.parametrize("open_side", [False, True], ids=["closed", "open above"])
def test_a_profile_is_cut_where_chi_squared_says(open_side, fitted):
    """A parabola of standard error 2 around 10: the 95% interval is 10 -+ 1.96 x 2, and the panel shows 2.5 cuts."""
    values = np.linspace(0, 20, 401)
    interval = (10 - 3.92, None if open_side else 10 + 3.92)
    one = Profile("b_N", 10.0, values, ((values - 10) / 2) ** 2, interval, 0.95)
    (ax,) = figures.profiles_figure([one], fitted).axes
    curve, estimate, cut = ax.lines
    assert curve.get_ydata() == pytest.approx(((curve.get_xdata() - 10) / 2) ** 2)
    edge = 10 + 2 * np.sqrt(2.5 * 3.8415)
    assert curve.get_xdata()[-1] == pytest.approx(edge, abs=0.05)
    assert estimate.get_xydata().tolist() == [[10, 0]]
    assert cut.get_ydata() == pytest.approx([3.8415, 3.8415], abs=1e-4)
    shade = next(patch for patch in ax.patches if isinstance(patch, Rectangle))
    assert shade.get_x() == pytest.approx(6.08)
    assert shade.get_x() + shade.get_width() == pytest.approx(edge if open_side else 13.92, abs=0.05)


def test_values_within_15_percent_share_a_panel():
    values = np.array([100.0, 1.0, 110.0, 10.0, 1.1])
    groups = some_groups(values)
    assert [centre for centre, _ in groups] == pytest.approx([1.1**0.5, 10, 11000**0.5])
    assert [values[here].tolist() for _, here in groups] == [[1.0, 1.1], [10.0], [100.0, 110.0]]
    assert [centre for centre, _ in some_groups(2.0 ** np.arange(10))] == pytest.approx([1, 8, 64, 512])


@pytest.mark.parametrize("kind", ["loss", "flops", "predicted"])
def test_a_sparsity_has_its_colour_and_a_marker_of_its_own_everywhere(kind, drawn):
    legend = (drawn[kind].legends or [drawn[kind].axes[0].get_legend()])[0]
    handles = {text.get_text(): handle for text, handle in zip(legend.texts, legend.legend_handles, strict=True)}
    assert {name: handle.get_color() for name, handle in handles.items()} == {
        f"{100 * S:g}%": figures.colour_of(S) for S in (0, 0.5, 0.75, 0.875)
    }
    assert len({handle.get_marker() for handle in handles.values()}) == len(handles)


def test_many_sizes_and_sparsities_give_few_panels_and_markers(fitted):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "nonzero_params": 10 ** rng.uniform(3, 6, 80),
            "sparsity": rng.uniform(0, 0.95, 80),
            "data": 10 ** rng.uniform(5, 8, 80),
        }
    )
    table["loss"] = law(fitted.parameters, table["sparsity"], table["nonzero_params"], table["data"])
    scattered = Runs.from_frame(table, name="scattered")
    found = fit(scattered, starts=4, bootstrap=0)
    assert len(figures.loss_figure(found, scattered).axes) == 4
    assert len(figures.flops_figure(found, scattered).axes) == 8
    assert len(figures.loss_figure(found, scattered).legends[0].texts) == 8


def test_a_fit_writes_the_kinds_that_it_can(runs, tmp_path):
    plain = fit(runs, "dense", starts=4, bootstrap=0)
    paths = figures.save_fit_figures(plain, runs, [], tmp_path)
    assert [path.name for path in paths] == ["loss.png", "flops.png", "predicted.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
