"""Numbers as people write them in text, as numbers: where a table as a whole tells what its commas, points and spaces mean."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Cells = NDArray[np.float64] | NDArray[np.int64] | NDArray[np.object_]
PLAIN = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
"""Numbers as programs write them, so that a run named 007 stays text."""
_UNUSUAL = re.compile(r"[,\u00a0\u202f\u2009\u2212]|[0-9] [0-9]")
_MINUS = re.compile(r"\u2212[0-9].*")
_SPACED = re.compile(r"[-\u2212]?[0-9]{1,3}(?:[\u00a0\u202f\u2009 ][0-9]{3})+(?:[.,][0-9]+)?")
_DECIMAL_COMMA = re.compile(r"-?(?:[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})|0,[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+)%?")
_DECIMAL_POINT = re.compile(r"-?[0-9]+\.(?:[0-9]{1,2}|[0-9]{4,})(?:[eE][+-]?[0-9]+)?%?")
_COMMA_GROUPS = re.compile(r"-?[0-9]{1,3}(?:(?:,[0-9]{3}){2,}|(?:,[0-9]{3})+\.[0-9]+)%?")
_WITH_COMMAS = re.compile(r"-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?%?")
_WITH_DECIMAL_COMMA = re.compile(r"-?(?:[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+)(?:,[0-9]+)?(?:[eE][+-]?[0-9]+)?%?")


def plainly(lines: list[list[str]]) -> list[list[str]]:
    """The cells with numbers written as programs write them, where the table as a whole tells how they are written here.

    Commas are decimal if a cell has one that cannot group thousands, and group thousands if a cell has several, or one before
    a point. If the cells disagree, or none tells, they stay as they are.
    """
    if not _UNUSUAL.search("\0".join("\0".join(line) for line in lines)):
        return lines
    spaced = [[_grouped(cell) for cell in line] for line in lines]
    decimal = any(_DECIMAL_COMMA.fullmatch(cell) for line in spaced for cell in line)
    grouped = any(_COMMA_GROUPS.fullmatch(cell) for line in spaced for cell in line)
    if decimal and not any(_DECIMAL_POINT.fullmatch(cell) for line in spaced for cell in line) and not grouped:
        return [[_from_comma(cell) for cell in line] for line in spaced]
    if grouped and not decimal:
        return [[cell.replace(",", "") if _WITH_COMMAS.fullmatch(cell) else cell for cell in line] for line in spaced]
    return spaced


def _grouped(cell: str) -> str:
    """A number without the spaces between its thousands, and with a plain minus; other text as it is."""
    text = cell.strip()
    if _SPACED.fullmatch(text):
        text = re.sub(r"\s", "", text)
    return text.replace("\u2212", "-") if _MINUS.fullmatch(text) else (text if text != cell.strip() else cell)


def _from_comma(cell: str) -> str:
    text = cell.strip()
    return text.replace(".", "").replace(",", ".") if _WITH_DECIMAL_COMMA.fullmatch(text) else cell


def inferred(cells: Sequence[str]) -> Cells:
    """The cells as numbers if every cell with content is a plain number, else as text."""
    whole = True
    for cell in cells:
        match = PLAIN.fullmatch(cell)
        if cell and match is None:
            return np.array(cells, dtype=object)
        # lastindex is set for a fraction or an exponent; 18 digits always fit an int64.
        whole = whole and match is not None and match.lastindex is None and len(cell) < 19
    if whole:
        return np.array(cells, dtype=np.int64)
    return np.array([float(cell) if cell else np.nan for cell in cells])
