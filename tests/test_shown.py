"""Results show themselves: as text, as tables of a notebook, as figures."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

import sparselaw

ROOT = Path(__file__).parents[1]
FIT = sparselaw.open_fit("vit-jft")
DRAWN: dict[str, Any] = {
    "fit": lambda: FIT,
    "answer": lambda: sparselaw.plan(FIT, nonzeros=42.5e6, times_chinchilla=5),
    "lifetime": lambda: sparselaw.plan(FIT, loss=5.5, inference=1e12),
    "contours": lambda: sparselaw.contours(FIT, grid=9),
    "lifetime contours": lambda: sparselaw.contours(FIT, inference=(1e9, 1e12), loss=(5.3, 6.0), grid=9),
}
READ: dict[str, Any] = DRAWN | {
    "design": lambda: sparselaw.design(FIT, budget=1e18, max_runs=3),
    "inspection": lambda: sparselaw.inspect(ROOT / "results" / "decoder.csv"),
}


@pytest.mark.parametrize("name", READ)
def test_a_summary_fits_80_columns(name: str) -> None:
    lines = READ[name]().summary().splitlines()
    assert len(lines) > 5
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if line != line.rstrip()]


@pytest.mark.parametrize("name", READ)
def test_a_notebook_shows_tables(name: str) -> None:
    html = READ[name]()._repr_html_()
    assert html.count("<table>") == html.count("</table>") >= 1
    assert html.count("<tr>") > 3
    assert not any(line in html for line in ("<pre", "<script", "style="))


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_has_axes_with_names(name: str) -> None:
    figure = DRAWN[name]().plot()
    assert figure.axes
    assert any(ax.get_xlabel() for ax in figure.axes)
    figure.savefig(BytesIO(), format="svg")


def test_a_table_of_runs_and_laws_side_by_side(t5_c4: Any) -> None:
    compared = sparselaw.compare(t5_c4, ["paper", "dense"])
    assert [one.fit.law.name for one in compared] == ["paper", "dense"]
    for shown, title in ((t5_c4, "t5-c4, 48 runs"), (compared, "laws side by side")):
        assert title in shown.summary()
        assert "<table>" in shown._repr_html_()
