"""The look that all figures share: type, colours, axes in human units, and how they are written to disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import fill
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import ArrayLike

from sparselaw.counts import format_count
from sparselaw.errors import UserError

STYLE = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.5,
    "lines.markeredgecolor": "white",
    "lines.markeredgewidth": 0.5,
    "legend.frameon": False,
    "figure.titlesize": 9,
    "svg.hashsalt": "sparselaw",  # the same figure gives the same file
}
ENDINGS = (".png", ".svg", ".pdf")
UNDATED = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
GREY = "0.4"
FITTED = "0.94"
"""Behind the sizes that were fitted."""
BAND = 0.2
"""Opacity of bands."""
MARKERS = "osD^vPX*"
LEAST_TICKS = 3
LETTERS = 13  # of a title, in an inch
PALEST = 0.95  # of viridis, at S = 1
BEND = 0.65  # spreads the colours over sparsities as they are used: halvings of density
PAGE_STEPS = 64


def save(figure: Figure, path: Path) -> None:
    """Write a figure.

    Raises:
        UserError: an ending that is not .png, .svg or .pdf, or a place that cannot be written.
    """
    if path.suffix.lower() not in ENDINGS:
        raise UserError(f"cannot write a figure to {path}: the name must end in {', '.join(ENDINGS)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with mpl.rc_context(STYLE):
            figure.savefig(path, dpi=200, metadata=UNDATED.get(path.suffix.lower()))
    except OSError as error:
        raise UserError(f"cannot write the figure {path}: {error.strerror}") from error


styled = mpl.rc_context(STYLE)
"""Decorator of functions that draw: matplotlib takes sizes from its settings when each part is added."""


def blank(width: float, height: float, title: str, **grid: Any) -> tuple[Figure, Any]:
    """A figure of this size in inches with a title, and its axes [rows, columns]."""
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(fill(title, int(LETTERS * width), break_on_hyphens=False), x=0.01, ha="left")
    return figure, figure.subplots(squeeze=False, **grid)


def colour_of(S: float) -> str:
    """The colour of a sparsity: viridis, which stays in order for colour-blind readers and in grey, without its palest end."""
    return to_hex(mpl.colormaps["viridis"](PALEST * (1 - (1 - S) ** BEND)))


def page_palette() -> dict[str, list[str]]:
    """The same colours as a ramp for a light page, and a lighter one for a dark page: S is at 1 - (1-S)^BEND of it."""
    spans = {"light": (0.0, PALEST), "dark": (0.3, 1.0)}
    viridis = mpl.colormaps["viridis"]
    return {name: [to_hex(viridis(x)) for x in np.linspace(*span, PAGE_STEPS)] for name, span in spans.items()}


def log_axis(
    ax: Axes,
    which: Literal["x", "y"],
    span: tuple[float, float],
    *,
    form: Callable[[float], str] = format_count,
    most: int = 6,
) -> None:
    """A logarithmic axis over a span with few ticks: powers of ten and, where these are few, more digits."""
    low, high = span
    ax.set(**{f"{which}scale": "log", f"{which}lim": span})
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks: list[float] = []
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
        if len(ticks) < LEAST_TICKS:
            ticks = [tick for power in powers for m in steps if low <= (tick := float(f"{m}e{power}")) <= high]
    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_major_locator(FixedLocator(ticks[:: max(1, -(-len(ticks) // most))]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: form(value)))
    axis.set_minor_locator(NullLocator())


def roomy(values: ArrayLike) -> tuple[float, float]:
    """Limits of a logarithmic axis with a little room around the values; those that it cannot show do not count."""
    shown = np.array([value for value in np.ravel(values) if 0 < value < np.inf])
    low, high = float(shown.min()), float(shown.max())
    room = max((high / low) ** 0.06, 1.05)
    return low / room, high * room
