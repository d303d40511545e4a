"""Fits side by side: a row each, and the reasons of those that are refused."""

from sparselaw.errors import UserError
from sparselaw.fit import open_fit
from sparselaw.report.groups_text import groups_text
from sparselaw.report.text import printed


def test_a_row_for_each_group() -> None:
    fitted = open_fit("t5-c4-refit")
    lines = printed(
        groups_text({"t5": fitted, "[b]": fitted, "one": UserError("too few runs.")}, "of"), 100
    ).splitlines()
    assert max(map(len, lines)) <= 100
    head, *rows = [line.split() for line in lines if line.split() and line.split()[0] in ("of", "t5", "[b]")]
    assert head == ["of", "runs", "misfit", *fitted.law.names]
    assert [row[:2] for row in rows[:2]] == [["t5", "48"], ["[b]", "48"]]
    assert "one: too few runs." in lines
