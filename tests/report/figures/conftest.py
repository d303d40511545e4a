"""Figures of each kind, drawn once, and what reads them back from their artists."""

from pathlib import Path

import pytest

from sparselaw.cost import Cost
from sparselaw.fit import fit, open_fit, profile
from sparselaw.fit.multipliers import compare_groups
from sparselaw.fit.pretrained import compare_pretrained
from sparselaw.plan.contours import budget_contours, lifetime_contours
from sparselaw.report import figures
from sparselaw.runs import read_all, read_runs

RESULTS = Path(__file__).parents[3] / "results"


@pytest.fixture(scope="session")
def runs():
    return read_runs(RESULTS / "decoder.csv")


@pytest.fixture(scope="session")
def fitted(runs):
    return fit(runs, starts=16, bootstrap=30, by="cell")


@pytest.fixture(scope="session")
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


def solid_lines(ax):
    return [line for line in ax.lines if line.get_linestyle() == "-" and len(line.get_xdata()) > 2]


def points(ax):
    return [
        (x, y) for line in ax.lines if line.get_linestyle() == "None" for x, y in zip(*line.get_data(), strict=True)
    ]
