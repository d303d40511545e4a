"""Tables drawn in text: Markdown, grids of + and -, and columns that blanks align, such as pandas' `to_string`."""

from __future__ import annotations

import re
from itertools import groupby
from typing import NamedTuple

from sparselaw.errors import UserError
from sparselaw.runs.formats.numerals import PLAIN

Lines = dict[int, str]
_BREAK = re.compile(r"\r\n|\r|\n")
_BAR = re.compile(r"(?<!\\)\|")
_AFTER_INDEX = re.compile(r"\s*\S+\s{2,}")


class Grid(NamedTuple):
    """Names of columns, the cells of each row by the name of the row, and what was decided."""

    header: list[str]
    lines: dict[int, list[str]] | dict[str, list[str]]
    said: tuple[str, ...] = ()


def numbered(text: str) -> Lines:
    """The lines of a text by their number from 1."""
    return dict(enumerate(_BREAK.split(text), 1))


def drawn(text: str, where: str) -> Grid | None:
    """A table with rules such as |---|---| or +---+---+; other text around it is left out. None if there is no rule.

    Raises:
        UserError: there are several tables, or rows apart from the table.
    """
    if not any(_is_rule(line) for line in _BREAK.split(text)):
        return None
    groups = groupby(
        numbered(text).items(), key=lambda numbered_line: "|" in numbered_line[1] or _is_rule(numbered_line[1])
    )
    blocks = [dict(block) for has_cells, block in groups if has_cells]
    tables = [
        block for block in blocks if any(map(_is_rule, block.values())) and not all(map(_is_rule, block.values()))
    ]
    if not tables:
        return None
    if len(blocks) > 1:
        first, second = (min(block) for block in blocks[:2])
        raise UserError(
            f"{where} has a table in row {first} and another in row {second}; keep one, without blank lines."
        )
    header, *rows = ((at, _between_bars(line)) for at, line in tables[0].items() if not _is_rule(line))
    return Grid(header[1], dict(rows))


def _is_rule(line: str) -> bool:
    marks = set(line.strip())
    return marks <= set("|+:-= \t") and bool(marks & set("-=")) and bool(marks & set("|+"))


def _between_bars(line: str) -> list[str]:
    text = line.strip().removeprefix("|")
    text = text[:-1] if text.endswith("|") and not text.endswith("\\|") else text
    return [cell.strip().replace("\\|", "|") for cell in _BAR.split(text)]


def aligned(text: str) -> Grid | None:
    """A table whose rows have as many words as its header has names; None if they have not.

    Names and cells have blanks in them only where the columns stand exactly below one another. As pandas writes tables, the
    index has no name, or has it in a line of its own.
    """
    lines = {at: line for at, line in numbered(text).items() if line.strip(" \t-=")}
    if len(lines) < 2 or any(mark in lines[min(lines)] for mark in ",;|\t"):
        return None
    words = {at: line.split() for at, line in lines.items()}
    return _table_of(words, lines) or _table_of(_by_position(lines), lines)


def _table_of(words: dict[int, list[str]], lines: Lines) -> Grid | None:
    (_, names), *rows = words.items()
    index = rows[0][1]
    if len(rows) > 1 and len(names) + len(index) == len(rows[1][1]) and not any(map(PLAIN.fullmatch, index)):
        names = rows.pop(0)[1] + names
    width = len(rows[0][1])
    if width == len(names) + 1 and all(_AFTER_INDEX.match(lines[at]) for at, _ in rows):
        names = ["", *names]
    if len(names) != width or width < 2 or any(len(row) != width for _, row in rows):
        return None
    return Grid(names, dict(rows))


def _by_position(lines: Lines) -> dict[int, list[str]]:
    """The words between the positions at which all lines are blank; a name without cells below it belongs to the next."""
    header, *rows = lines.values()
    width = max(map(len, lines.values()))
    padded = [line.ljust(width) for line in (header, *rows)]
    is_blank = "".join(" " if set(marks) == {" "} else "x" for marks in zip(*padded, strict=True))
    starts: list[int] = []
    for word in re.finditer(r"x+", is_blank):
        if not starts or any(line[starts[-1] : word.start()].strip() for line in padded[1:]):
            starts.append(word.start())
    ends = [*starts[1:], width]
    return {
        at: [cell for start, end in zip(starts, ends, strict=True) if (cell := line[start:end].strip())]
        for at, line in lines.items()
    }
