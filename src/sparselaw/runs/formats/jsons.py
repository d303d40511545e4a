"""JSON and JSON Lines as text: keys that are given twice are refused, and every other value is as it stands."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from sparselaw.errors import UserError
from sparselaw.runs.columns import shown
from sparselaw.runs.formats.foreign import LOG, opens_as_log
from sparselaw.runs.formats.raw import Raw, from_records
from sparselaw.runs.formats.shapes import shaped

_LINES = re.compile(r"\s*\{[^\n]*\}[ \t]*\r?\n\s*\{")  # a record a line
_PRINTED = re.compile(r"\s*(?:\{'|\[[^\]\n\"{\[]*\][ \t]*[^\s,])")  # a dict of Python, or text after a time in brackets


def is_json(text: str, name: str) -> bool:
    """Whether a text is JSON by its beginning or its name."""
    return text.lstrip()[0] in "[{" or name.lower().endswith((".json", ".jsonl", ".ndjson"))


def read_json(text: str, name: str, where: str) -> Raw:
    """The table in JSON, or in JSON Lines, which are told by their name or their beginning.

    Raises:
        UserError: it is not JSON, or holds no table.
    """
    if _PRINTED.match(text) and opens_as_log(text):
        raise UserError(LOG.format(where))
    if name.lower().endswith((".jsonl", ".ndjson")) or _LINES.match(text):
        return _read_lines(text, where)
    try:
        found = json.loads(text, object_pairs_hook=_distinct)
    except RecursionError as error:
        raise UserError(f"{where} is nested too deeply for a table; give records or columns.") from error
    except ValueError as error:
        raise UserError(f"{where} is not JSON ({error}); give records or columns.") from error
    return shaped(found, where)


def _read_lines(text: str, where: str) -> Raw:
    records, rows = [], []
    for at, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                records.append(json.loads(line, object_pairs_hook=_distinct))
            except (ValueError, RecursionError) as error:
                raise UserError(f"{where}, line {at} is not JSON ({error}); write one record a line.") from error
            rows.append(at)
    return from_records(records, where, rows)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        times = Counter(name for name, _ in pairs)
        raise ValueError(f"{shown(next(name for name in times if times[name] > 1))} is given twice")
    return found
