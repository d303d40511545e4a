"""Groups and checkpoints of known numbers, read back from the figures."""

from dataclasses import replace

import numpy as np
import pytest

from sparselaw.fit.multipliers import Group, compare_groups
from sparselaw.fit.pretrained import CheckpointValue, compare_pretrained
from sparselaw.report import figures
from sparselaw.runs import read_all

from .conftest import RESULTS


@pytest.fixture(scope="module")
def patterns():
    return compare_groups(read_all([RESULTS / "patterns-decoder.csv"]), ("pattern",))


def test_a_group_is_a_dot_on_its_interval_in_the_order_given(patterns):
    groups = (Group("2:4", 0.5, 3, 1.5, (1.2, 1.9)), Group("free", 0.75, 4, 2.0, (1.6, 2.5)))
    figure = figures.multiplier_figure(replace(patterns, groups=groups, num_dense=5, level=0.9))
    ax = figure.axes[0]
    intervals, dots = ax.lines[:4:2], ax.lines[1:4:2]
    assert [line.get_xydata().tolist() for line in intervals] == [[[1.6, 0], [2.5, 0]], [[1.2, 1], [1.9, 1]]]
    assert [dot.get_xydata().tolist() for dot in dots] == [[[2.0, 0]], [[1.5, 1]]]
    assert [dot.get_color() for dot in dots] == [figures.colour_of(S) for S in (0.75, 0.5)]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["free", "2:4"]
    assert figure.get_suptitle() == "90% intervals from 12 runs"


def test_a_checkpoint_is_worth_the_data_needed_over_the_data_given():
    """Factors of 4, within 3 and 5, and of 2, without an interval; two amounts of data stand side by side."""
    needed = {1e6: (4e6, (3e6, 5e6)), 8e6: (16e6, None)}
    cells = [CheckpointValue(0.5, 1e5, 1e7, data, 3.0, 2, *needed[data], False) for data in needed]
    ax = figures.pretrained_figure(cells).axes[0]
    factors = {line.get_label(): line.get_ydata() for line in ax.get_legend_handles_labels()[0]}
    assert factors == {"1M": [4], "8M": [2]}
    (interval,) = [
        line for line in ax.lines if line.get_color() == figures.colour_of(0.5) and len(line.get_xdata()) == 2
    ]
    assert interval.get_xydata() == pytest.approx(np.array([[49.7, 3], [49.7, 5]]))
    assert [text.get_text() for text in ax.get_xticklabels()] == ["50%"]


def test_what_is_out_of_reach_leaves_the_other_groups_their_axis(patterns, tmp_path):
    """An open interval, and data that no run from scratch reaches."""
    open_ended = [replace(group, interval=(0.0, np.inf)) for group in patterns.groups]
    cells = compare_pretrained(read_all([RESULTS / "pretrained-decoder.csv"]))
    never = [replace(cells[0], data_needed=np.inf, data_needed_interval=(1e6, np.inf)), *cells[1:]]
    drawn = [figures.multiplier_figure(replace(patterns, groups=open_ended)), figures.pretrained_figure(never)]
    for figure, low, high in zip(drawn, (1, 1), (1.65, 4), strict=True):
        figures.save(figure, tmp_path / "x.png")
        ax = figure.axes[0]
        span = ax.get_xlim() if figure is drawn[0] else ax.get_ylim()
        assert 0 < span[0] < low < high < span[1] < 20
