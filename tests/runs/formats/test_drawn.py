"""Tables drawn in text, cell for cell."""

import pandas as pd
import pytest

from sparselaw.errors import UserError
from sparselaw.runs.formats.drawn import aligned, drawn

MARKDOWN = "| N | loss |\n|---|:----:|\n| 1e6 | 3.5 |\n| 2e6 | 3.25 |\n"


@pytest.mark.parametrize(
    "text",
    [
        MARKDOWN,
        MARKDOWN.replace("\n", "\r\n"),
        "N | loss\n---|---\n1e6 | 3.5\n2e6 | 3.25\n",
        "+-----+------+\n|  N  | loss |\n+=====+======+\n| 1e6 | 3.5  |\n+-----+------+\n| 2e6 | 3.25 |\n+-----+------+\n",
        " N   | loss \n-----+------\n 1e6 | 3.5\n 2e6 | 3.25\n(2 rows)\n",
        f"# Runs\n\nof last week:\n\n{MARKDOWN}\nand that is all.\n",
    ],
    ids=["Markdown", "Windows", "no outer bars", "grid", "psql", "prose around"],
)
def test_tables_with_rules(text: str) -> None:
    grid = drawn(text, "r.md")
    assert grid.header == ["N", "loss"]
    assert list(grid.lines.values()) == [["1e6", "3.5"], ["2e6", "3.25"]]


def test_rows_have_the_numbers_of_their_lines() -> None:
    assert list(drawn("\n" + MARKDOWN, "r.md").lines) == [4, 5]


def test_a_bar_may_be_in_a_cell() -> None:
    assert drawn("|a|b|\n|-|-|\n|x\\|y|\\||\n", "r.md").lines == {3: ["x|y", "|"]}


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "a\n--\n1\n", "a|b\n1|2\n", "|-|\n"])
def test_text_without_a_rule_is_not_drawn(text: str) -> None:
    assert drawn(text, "r") is None


@pytest.mark.parametrize("between", ["\n", "\nThe second:\n\n"])
def test_several_tables_are_refused(between: str) -> None:
    with pytest.raises(
        UserError, match=r"^r\.md has a table in row 1 and another in row [68]; keep one, without blank"
    ):
        drawn(MARKDOWN + between + "| 4e6 | 3 |\n", "r.md")


FRAME = pd.DataFrame({"N": [1000000, 20], "loss": [-3.5, 3.25], "run": ["a", "007"]}, index=["x", "y"])
CELLS = [["1000000", "-3.50", "a"], ["20", "3.25", "007"]]


@pytest.mark.parametrize(
    ("text", "index"),
    [
        (FRAME.to_string(index=False), []),
        (FRAME.to_string(), [""]),
        (FRAME.rename_axis("name").to_string(), ["name"]),
        ("N loss run\n1000000 -3.50 a\n20 3.25 007", []),
        ("=== ==== ===\nN loss run\n=== ==== ===\n1000000  -3.50 a\n\n20  3.25 007\n=== ==== ===\n", []),
    ],
    ids=["no index", "index", "named index", "single blanks", "rules"],
)
def test_blanks_align_columns(text: str, index: list[str]) -> None:
    grid = aligned(text)
    assert grid.header == [*index, "N", "loss", "run"]
    assert [row[-3:] for row in grid.lines.values()] == CELLS


@pytest.mark.parametrize("with_index", [True, False])
def test_names_may_have_blanks_where_columns_are_aligned(with_index: bool) -> None:
    grid = aligned(FRAME.rename(columns={"N": "model size (M)"}).to_string(index=with_index))
    assert grid.header == [*[""] * with_index, "model size (M)", "loss", "run"]
    assert [row[-3:] for row in grid.lines.values()] == CELLS


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1 2\n",
        "a b\n1 2 3\n",
        "a b\n1 2\n1\n",
        "a\n1\n",
        "a b\n",
        "    N  loss\n1 234   3.5\n2 345  3.25\n",  # thousands
    ],
)
def test_what_is_not_aligned(text: str) -> None:
    assert aligned(text) is None
