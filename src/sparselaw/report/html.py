"""HTML that cannot be broken out of: whatever comes from a file passes through here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str, words: Sequence[int] = ()) -> str:
    """A table of texts: the first column heads its rows, numbers stand right; `words` are other columns that are not numbers."""
    wordy = [' class="words"' if k in words else "" for k in range(len(headings))]
    head = "".join(f'<th scope="col"{look}>{escape(text)}</th>' for text, look in zip(headings, wordy, strict=True))
    body = "".join(f"<tr>{_cells(row, wordy)}\n" for row in rows)
    # A region that scrolls must be reachable by keyboard.
    start = f'<div class="table" role="region" tabindex="0" aria-label="{escape(caption)}"><table>'
    return f"{start}<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"


def _cells(row: Sequence[str], wordy: Sequence[str]) -> str:
    """Without end tags, which HTML does not need here and which would be a third of a table of runs."""
    first = f'<th scope="row">{escape(row[0])}'
    return first + "".join(f"<td{look}>{escape(text)}" for text, look in zip(row[1:], wordy[1:], strict=True))


def paragraph(text: str, *, look: str = "") -> str:
    return f'<p class="{look}">{escape(text)}</p>' if look else f"<p>{escape(text)}</p>"


def bullets(sentences: Sequence[str], *, look: str = "") -> str:
    """A list; nothing for no sentences."""
    if not sentences:
        return ""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f'<ul class="{look}">{items}</ul>'


def section(name: str, title: str, *parts: str) -> str:
    body = "\n".join(part for part in parts if part)
    return f'<section id="{name}" aria-labelledby="{name}-title">\n<h2 id="{name}-title">{escape(title)}</h2>\n{body}\n</section>'


def figure(name: str, caption: str, *, numbers: str = "") -> str:
    """A place for a figure that the page's program draws, with its numbers as a table below."""
    below = f"<details><summary>The numbers as a table</summary>{numbers}</details>" if numbers else ""
    return (
        f'<figure data-figure="{name}"><div class="plot" role="img" aria-label="{escape(caption)}"></div>'
        f"<figcaption>{escape(caption)}</figcaption>{below}</figure>"
    )


def json_block(record: Any) -> str:
    """JSON for a script element: nothing in it can end the element or be markup."""
    text = json.dumps(record, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
