"""Colours as eyes see them, ticks, limits, and files."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from sparselaw.errors import UserError
from sparselaw.report.figures.style import blank, colour_of, log_axis, page_palette, roomy, save

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
    seen = [_seen(colour_of(S), blindness) for S in LEVELS]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 10
    lightness = [colour[0] for colour in seen]
    assert lightness == sorted(lightness)
    assert lightness[-1] < 80


def test_ramps_of_the_page_have_the_colours_of_the_figures():
    """A sparsity stands at 1 - density^0.65 of a ramp, so at step 32 of 63 where density is (31/63)^(1/0.65)."""
    ramps = page_palette()
    S = 1 - (31 / 63) ** (1 / 0.65)
    assert [ramps["light"][k] for k in (0, 32, 63)] == [colour_of(0), colour_of(S), colour_of(1)]
    lightness = {name: [_seen(colour, "none")[0] for colour in ramp] for name, ramp in ramps.items()}
    assert all((np.diff(steps) > 0).all() for steps in lightness.values())
    assert min(lightness["dark"]) > min(lightness["light"]) + 10


TICKS = {
    "powers": ((1, 1e5), "1 10 100 1K 10K 100K"),
    "every other power": ((1, 1e8), "1 100 10K 1M 100M"),
    "threes": ((20, 600), "30 100 300"),
    "twos and fives": ((150, 1200), "200 500 1K"),
    "more digits": ((1.2e6, 4e6), "1.5M 2M 3M"),
}


@pytest.mark.parametrize("which", ["x", "y"])
@pytest.mark.parametrize(("span", "ticks"), TICKS.values(), ids=TICKS)
def test_a_logarithmic_axis_has_few_ticks_in_human_units(span, ticks, which):
    ax = blank(3, 2, "title")[1][0, 0]
    log_axis(ax, which, span)
    axis = getattr(ax, f"{which}axis")
    assert axis.get_scale() == "log"
    assert tuple(axis.get_view_interval()) == span
    assert [axis.get_major_formatter()(at) for at in axis.get_majorticklocs()] == ticks.split()
    assert len(axis.get_minorticklocs()) == 0


@pytest.mark.parametrize(
    ("values", "limits"),
    [
        ([1, 1e5], (10**-0.3, 10**5.3)),
        ([[10.0], [1e10]], (10**0.46, 10**10.54)),
        ([200.0], (200 / 1.05, 210)),
        ([0, 1, -4, np.inf, 1e5, np.nan], (10**-0.3, 10**5.3)),
    ],
    ids=["6% of five decades", "any shape", "a single value", "what a logarithm cannot show"],
)
def test_room_around_values(values, limits):
    assert roomy(values) == pytest.approx(limits)


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_same_figure_gives_the_same_file(ending, tmp_path):
    paths = [tmp_path / "new" / f"{k}.{ending}" for k in range(2)]
    for path in paths:
        figure, axes = blank(2, 1, "title")
        axes[0, 0].plot([1, 2], [3, 4], "o-")
        save(figure, path)
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    assert first.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending])


@pytest.mark.parametrize("name", ["x.jpg", "x"])
def test_other_endings_are_refused(name, tmp_path):
    with pytest.raises(UserError, match="must end in"):
        save(Figure(), tmp_path / name)


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(UserError, match=r"cannot write the figure .*x\.png"):
        save(Figure(), tmp_path / "taken" / "x.png")
