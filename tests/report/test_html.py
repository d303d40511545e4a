"""HTML that names cannot break out of."""

import json
from html.parser import HTMLParser

import pytest

from sparselaw.report.html import bullets, figure, json_block, paragraph, section, table

HOSTILE = '</script><img src=x onerror=alert(1)>"&amp;'


class Seen(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.text += "".join(value or "" for _, value in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    "made",
    [
        table([HOSTILE, "b"], [[HOSTILE, "1"]], caption=HOSTILE),
        paragraph(HOSTILE),
        bullets([HOSTILE, "x"]),
        section("name", HOSTILE, "<p>part</p>"),
        figure("name", HOSTILE),
    ],
    ids=["table", "paragraph", "bullets", "section", "figure"],
)
def test_text_stays_text(made: str) -> None:
    seen = Seen(made)
    assert "img" not in seen.tags
    assert "script" not in seen.tags
    assert HOSTILE in seen.text


def test_json_cannot_end_its_element_and_comes_back() -> None:
    block = json_block({"name": HOSTILE, "values": [1.5, None]})
    assert not set("<>&").intersection(block)
    assert json.loads(block) == {"name": HOSTILE, "values": [1.5, None]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_block({"x": float("nan")})


def test_no_sentences_are_no_list() -> None:
    assert bullets([]) == ""


def test_a_table_that_scrolls_is_reached_by_keyboard() -> None:
    made = table(["a", "b", "c"], [["r", "1", "words"]], caption="Numbers", words=(2,))
    assert 'role="region" tabindex="0" aria-label="Numbers"' in made
    assert made.count('class="words"') == 2
