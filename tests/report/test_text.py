"""What all tables share: intervals, and tables that fit the width and end no line in blanks."""

import io

import pytest
from rich.console import Console

from sparselaw.report.text import number, percent, plain_table, show, span, warning_lines


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        (None, "-"),
        ((1.0, 2.5), "1 to 2.5"),
        ((None, 2.5), "unbounded to 2.5"),
        ((1.0, None), "1 to unbounded"),
        ((1.0, float("inf")), "1 to out of reach"),
    ],
    ids=str,
)
def test_intervals(bounds, expected: str) -> None:
    assert span(bounds, number) == expected


def test_intervals_take_a_form() -> None:
    assert span((0.4, 0.5), percent) == "40.0% to 50.0%"


@pytest.mark.parametrize("width", [40, 80])
def test_tables_fit_the_width(width: int) -> None:
    table = plain_table("name", "value", "a longer heading")
    for k in range(3):
        table.add_row(f"row {k}", "1.234", "x" * 50)
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    assert max(map(len, out.getvalue().splitlines())) <= width
    assert out.getvalue().count("1.234") == 3


def test_no_line_that_is_shown_ends_in_blanks(capsys: pytest.CaptureFixture[str]) -> None:
    table = plain_table("name", "value", title="a title")
    table.add_row("x", "1")
    show(table)
    lines = capsys.readouterr().out.splitlines()
    assert any("a title" in line for line in lines)
    assert all(line == line.rstrip() for line in lines)


def test_warnings_are_marked() -> None:
    assert [str(line) for line in warning_lines(["N is large.", "[b]x[/b]"])] == [
        "warning: N is large.",
        "warning: [b]x[/b]",
    ]
