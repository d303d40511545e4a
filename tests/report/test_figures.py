"""Figures read back from their artists: lines against formulas and brute force, colours as eyes see them, places of text."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb

from sparselaw.cost import Cost
from sparselaw.errors import UserError
from sparselaw.fit import bootstrap, fit, open_fit, profile
from sparselaw.fit.multipliers import compare_groups
from sparselaw.fit.pretrained import compare_pretrained
from sparselaw.plan.contours import budget_contours, lifetime_contours
from sparselaw.report import figures
from sparselaw.runs import Runs, read_all, read_runs

RESULTS = Path(__file__).parents[2] / "results"
LEVELS = (0.0, 0.25, 0.5, 0.75, 0.875, 0.9375)

# Machado, Oliveira and Fernandes 2009, complete deficiency, on linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
}  # fmt: skip


@pytest.fixture(scope="module")
def runs():
    return read_runs(RESULTS / "decoder.csv")


@pytest.fixture(scope="module")
def fitted(runs):
    return bootstrap(fit(runs, starts=16), runs, num_draws=30, by="cell")


@pytest.fixture(scope="module")
def drawn(runs, fitted):
    """One of each kind, of this project's runs and of the published laws."""
    of = {name: open_fit(name) for name in ("t5-c4-refit", "vit-jft")}
    patterns, pretrained = ([RESULTS / f"{name}-decoder.csv"] for name in ("patterns", "pretrained"))
    return {
        "loss": figures.loss_figure(fitted, runs),
        "flops": figures.flops_figure(fitted, runs),
        "predicted": figures.predicted_figure(fitted, runs),
        "profiles": figures.profiles_figure([profile(fitted, runs, name) for name in ("b_N", "a_D")], fitted),
        "contours": figures.contour_figure(budget_contours(fitted)),
        "contours t5": figures.contour_figure(budget_contours(of["t5-c4-refit"])),
        "contours vit": figures.contour_figure(budget_contours(of["vit-jft"], cost=Cost(sparse=True))),
        "served": figures.lifetime_contour_figure(lifetime_contours(of["vit-jft"], (1e9, 1e14), grid=30)),
        "multipliers": figures.multiplier_figure(compare_groups(read_all(patterns), ("pattern",))),
        "pretrained": figures.pretrained_figure(compare_pretrained(read_all(pretrained))),
    }  # fmt: skip


KINDS = ("loss", "flops", "predicted", "profiles", "contours", "contours t5", "contours vit")
KINDS += ("served", "multipliers", "pretrained")


def law(parameters, S, N, D):
    """The paper's formula, written out once more."""
    p = parameters
    capacity = (p["a_S"] * (1 - S) ** p["b_S"] + p["c_S"]) * N ** -p["b_N"]
    return capacity + (p["a_D"] / D) ** p["b_D"] + p["c"]


def solid_lines(ax):
    return [line for line in ax.lines if line.get_linestyle() == "-" and len(line.get_xdata()) > 2]


def points(ax):
    return [
        (x, y) for line in ax.lines if line.get_linestyle() == "None" for x, y in zip(*line.get_data(), strict=True)
    ]


def test_lines_of_loss_are_the_law_and_points_the_runs(runs, fitted, drawn):
    panels = drawn["loss"].axes
    assert len(panels) == 3
    for ax, data in zip(panels, np.unique(runs.data), strict=True):
        for line, S in zip(solid_lines(ax), (0, 0.5, 0.75, 0.875), strict=True):
            x, y = line.get_data()
            assert y == pytest.approx(law(fitted.parameters, S, x, data))
        here = runs.data == data
        assert sorted(points(ax)) == sorted(zip(runs.nonzero_params[here], runs.loss[here], strict=True))


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
    plain = fit(runs, starts=8)
    assert len(figures.contour_figure(budget_contours(plain)).axes) == 1


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


# ---- colours


def _seen(colour, blindness):
    """CIE Lab of an sRGB colour as seen."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    rgb = np.clip(BLINDNESS[blindness] @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ rgb
    f = [t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in xyz / [0.9505, 1.0, 1.089]]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("blindness", BLINDNESS)
def test_sparsities_stay_apart_and_in_order_for_every_eye(blindness):
    """A difference of 2.3 in CIE76 is just seen; white paper has lightness 100."""
    seen = [_seen(figures.colour_of(S), blindness) for S in LEVELS]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 10
    lightness = [colour[0] for colour in seen]
    assert lightness == sorted(lightness)
    assert lightness[-1] < 80


@pytest.mark.parametrize("kind", ["loss", "flops", "predicted"])
def test_a_sparsity_has_its_colour_and_a_marker_of_its_own_everywhere(kind, drawn):
    legend = (drawn[kind].legends or [drawn[kind].axes[0].get_legend()])[0]
    handles = {text.get_text(): handle for text, handle in zip(legend.texts, legend.legend_handles, strict=True)}
    assert {name: handle.get_color() for name, handle in handles.items()} == {
        f"{100 * S:g}%": figures.colour_of(S) for S in (0, 0.5, 0.75, 0.875)
    }
    assert len({handle.get_marker() for handle in handles.values()}) == len(handles)


# ---- text


def texts(figure):
    """Every visible text and its box in pixels, by the axis it belongs to."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer, groups = canvas.get_renderer(), [("title", [figure._suptitle])]
    for k, ax in enumerate(figure.axes):
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [
                tick.label1
                for tick in axis.get_major_ticks()
                if low <= tick.get_loc() <= high and tick.label1.get_visible()
            ]
            groups.append((f"{axis.axis_name} ticks {k}", ticks))
        groups.append((f"labels {k}", [ax.xaxis.label, ax.yaxis.label, ax._left_title, *ax.texts]))
    for legend in [*figure.legends, *filter(None, (ax.get_legend() for ax in figure.axes))]:
        groups.append(("legend", legend.texts))
    return {
        name: [(text.get_text(), text.get_window_extent(renderer)) for text in group if text.get_text()]
        for name, group in groups
    }  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_text_is_inside_the_figure_and_does_not_touch_its_neighbour(kind, drawn):
    figure = drawn[kind]
    width, height = figure.bbox.size
    for group in texts(figure).values():
        for text, box in group:
            assert box.x0 >= -1, text
            assert box.y0 >= -1, text
            assert box.x1 <= width + 1, text
            assert box.y1 <= height + 1, text
        for (text, box), (other, neighbour) in combinations(group, 2):
            assert not box.overlaps(neighbour), (text, other)


@pytest.mark.parametrize("kind", KINDS)
def test_sparsities_are_percents_and_counts_are_human(kind, drawn):
    words = [text for group in texts(drawn[kind]).values() for text, _ in group]
    assert not [word for word in words if "0.875" in word or "10^" in word or "e+" in word]


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
    found = fit(scattered, starts=4)
    assert len(figures.loss_figure(found, scattered).axes) == 4
    assert len(figures.flops_figure(found, scattered).axes) == 8
    assert len(figures.loss_figure(found, scattered).legends[0].texts) == 8


def test_what_is_out_of_reach_leaves_the_other_groups_their_axis(tmp_path):
    """An open interval, and data that no run from scratch reaches."""
    patterns = compare_groups(read_all([RESULTS / "patterns-decoder.csv"]), ("pattern",))
    open_ended = [replace(group, interval=(0.0, np.inf)) for group in patterns.groups]
    cells = compare_pretrained(read_all([RESULTS / "pretrained-decoder.csv"]))
    never = [replace(cells[0], data_needed=np.inf, data_needed_interval=(1e6, np.inf)), *cells[1:]]
    drawn = [figures.multiplier_figure(replace(patterns, groups=open_ended)), figures.pretrained_figure(never)]
    for figure, low, high in zip(drawn, (1, 1), (1.65, 4), strict=True):
        figures.save(figure, tmp_path / "x.png")
        ax = figure.axes[0]
        span = ax.get_xlim() if figure is drawn[0] else ax.get_ylim()
        assert 0 < span[0] < low < high < span[1] < 20


@pytest.mark.parametrize("name", ["x.jpg", "x"])
def test_other_endings_are_refused(name, tmp_path, drawn):
    with pytest.raises(UserError, match="must end in"):
        figures.save(drawn["loss"], tmp_path / name)


def test_a_fit_writes_the_kinds_that_it_can(runs, tmp_path):
    plain = fit(runs, "dense", starts=4)
    paths = figures.save_fit_figures(plain, runs, [], tmp_path)
    assert [path.name for path in paths] == ["loss.png", "flops.png", "predicted.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
