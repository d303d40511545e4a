"""Notebooks show what a terminal shows, and names cannot write HTML or markup into them."""

from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest

from sparselaw.fit import open_fit
from sparselaw.plan import plan
from sparselaw.runs import Runs

HOSTILE = '<script>alert(1)</script>&[link=javascript:alert(2)]x[/link][bold]"'
FIT = open_fit("vit-jft")
PLAN = plan(FIT, nonzeros=42.5e6, times_chinchilla=5)


def some_runs(num: int, name: str = "mine", unit: str = "tokens", **others: list) -> Runs:
    frame = pd.DataFrame(
        {"nonzero_params": 1e6, "sparsity": 0.75, "data": 1e8, "loss": [3.0 - 1e-3 * k for k in range(num)]}
    )
    return replace(Runs.from_frame(frame.assign(**others), name=name, data_unit=unit), loss_unit=unit)


class Seen(HTMLParser):
    """Tags and text of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags, self.text = set(), ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags |= {tag} | {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    ("shown", "parts"),
    [
        (some_runs(3), ["mine, 3 runs", "D (tokens)", "100M", "2.998"]),
        (FIT, ["paper law on vit-jft", "b_D", "95% bootstrap", "multiplier"]),
        (PLAN, ["Train it 51.0% sparse", "gain over dense", "warning:"]),
    ],
    ids=["runs", "fit", "plan"],
)
def test_the_table_of_the_terminal(shown: object, parts: list[str]) -> None:
    seen = Seen(shown._repr_html_())
    assert all(part in seen.text for part in parts)
    assert seen.tags <= {"table", "caption", "thead", "tbody", "tr", "th", "td", "p", "br"}


@pytest.mark.parametrize(
    ("shown", "times"),
    [
        (some_runs(2, HOSTILE, HOSTILE), 1),
        (replace(FIT, name=HOSTILE, law=replace(FIT.law, name=HOSTILE)), 2),
        (replace(PLAN, fit=HOSTILE, data_unit=HOSTILE), 3),
    ],
    ids=["runs", "fit", "plan"],
)
def test_hostile_names_stay_text(shown: object, times: int) -> None:
    seen = Seen(shown._repr_html_())
    assert seen.tags <= {"table", "caption", "thead", "tbody", "tr", "th", "td", "p", "br"}
    unbroken = "".join(seen.text.split())
    assert unbroken.count("".join(HOSTILE.split())) >= times


def test_columns_and_warnings_are_text_as_well() -> None:
    runs = replace(some_runs(2, **{HOSTILE: [1, 2]}), warnings=(HOSTILE,))
    seen = Seen(runs._repr_html_())
    assert seen.tags <= {"table", "caption", "thead", "tbody", "tr", "th", "td", "p", "br"}
    assert "".join(seen.text.split()).count(HOSTILE) == 2


@pytest.mark.parametrize(("num", "rows"), [(10, 10), (11, 11), (1000, 11)])
def test_long_tables_are_cut_in_the_middle(num: int, rows: int) -> None:
    lines = some_runs(num)._repr_html_().partition("<tbody>")[2].split("</tr>")[:-1]
    assert len(lines) == rows
    assert lines[-1].startswith(f"<tr><td>{num - 1}</td>")
    assert ("..." in lines[5]) == (num > 10)
