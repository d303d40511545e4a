"""Figures, each a function that returns a matplotlib figure; `save` writes PNG, SVG or PDF by the file's ending.

The same sparsity has the same colour in all of them, tells itself apart by marker or label as well, and is written in percent;
counts are written as 85M and 4.2e21; shaded bands are 95% intervals from the bootstrap draws of the fit.
"""

from sparselaw.report.figures.answers import answer_figure
from sparselaw.report.figures.compared import multiplier_figure, pretrained_figure
from sparselaw.report.figures.fitted import (
    flops_figure,
    law_figure,
    loss_figure,
    predicted_figure,
    profiles_figure,
    save_fit_figures,
)
from sparselaw.report.figures.maps import contour_figure, lifetime_contour_figure
from sparselaw.report.figures.style import colour_of, page_palette, save

__all__ = [
    "answer_figure",
    "colour_of",
    "contour_figure",
    "flops_figure",
    "law_figure",
    "lifetime_contour_figure",
    "loss_figure",
    "multiplier_figure",
    "page_palette",
    "predicted_figure",
    "pretrained_figure",
    "profiles_figure",
    "save",
    "save_fit_figures",
]
