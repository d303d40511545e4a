"""Figures of every kind can be read: text inside the figure and apart, sparsities in percent, counts in human units."""

from itertools import combinations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

KINDS = ("loss", "flops", "predicted", "profiles", "contours", "contours t5", "contours vit")
KINDS += ("served", "multipliers", "pretrained")


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
