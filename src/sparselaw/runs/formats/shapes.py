"""The shapes in which JSON holds a table: records, columns, one run, pandas' orients, and a list of records in an object.

| shape | of |
|---|---|
| [{column: value}, ...] | records |
| {"log_history": [...]} | `trainer_state.json` of Hugging Face: the rows of evaluations, else those with a loss |
| {"columns": [...], "index": [...], "data": [[...], ...]} | pandas' `split` and `tight` |
| {"schema": {...}, "data": [...]} | pandas' `table` |
| {"runs": [...], ...} | records, the only ones in an object |
| {row: {column: value}} | pandas' `index`, where the inner keys are the usual names of columns |
| {column: [...]} or {column: {row: value}} | columns, and pandas' `columns` |
| {column: value} | one run |
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import islice
from typing import Any

from sparselaw.errors import UserError
from sparselaw.runs.columns import LOSSES, TARGETS, USUAL, Found, shown
from sparselaw.runs.formats.raw import NoTableError, Raw, flat, from_records, raw_table

_NO_TABLE = "{} holds no table; give records [{{...}}, ...] or columns {{...}}."
_ENOUGH = 100  # keys to tell names of columns from names of rows
_PARTS = {"config", "args", "metrics", "results", "train", "val", "valid", "validation", "eval", "test", "dev"}
_NAMES_OF_RUNS = ("run", "run_id", "run_name", "training", "name", "id")


def shaped(found: Any, where: str) -> Raw:
    """The table in parsed JSON.

    Raises:
        NoTableError: it holds no table, or several.
        UserError: the table is damaged.
    """
    if isinstance(found, list):
        if found and all(isinstance(row, list) for row in found):
            raise NoTableError(
                f"{where} has rows without names of columns (pandas' orient 'values'); write it with orient='records'."
            )
        return from_records(found, where)
    if isinstance(found, dict):
        shapes = (_trainer_state, _split, _schema, _wrapped, _objects, _columns, _one_run)
        if (table := next((raw for shape in shapes if (raw := shape(found, where)) is not None), None)) is not None:
            return table
    raise NoTableError(_NO_TABLE.format(where))


@lru_cache(maxsize=10_000)
def is_usual(name: str, *targets: str) -> bool:
    """Whether a name is a usual one of a column, or of these targets."""
    return Found([name], {}).source(*(targets or (*TARGETS, *USUAL))) is not None


def _trainer_state(found: dict[str, Any], where: str) -> Raw | None:
    log = found.get("log_history")
    if not isinstance(log, list) or not _are_records(log):
        return None
    for name in ("eval_loss", "loss"):
        if rows := [at for at, record in enumerate(log, 1) if name in record]:
            said = f"the rows are the entries of log_history with {name}"
            return from_records([log[at - 1] for at in rows], where, rows, [said])
    raise NoTableError(f"{where} has no loss in its log_history; give the state of a run that has been evaluated.")


def _split(found: dict[str, Any], where: str) -> Raw | None:
    names, data = found.get("columns"), found.get("data")
    if not (isinstance(names, list) and isinstance(data, list) and all(isinstance(row, list) for row in data)):
        return None
    rows = found.get("index", range(1, len(data) + 1))
    if not (isinstance(rows, list | range) and len(rows) == len(data)):
        raise UserError(f"{where} has {len(data)} rows, but its index has another length; correct it.")
    for row, cells in zip(rows, data, strict=True):
        if len(cells) != len(names):
            raise UserError(
                f"{where}, row {shown(row)} has {len(cells)} cells, but the list of columns has {len(names)}; correct it."
            )
    columns = [(_written(name), [cells[at] for cells in data]) for at, name in enumerate(names)]
    index = found.get("index_names")
    if isinstance(index, list) and len(index) == 1 and isinstance(index[0], str):
        columns.insert(0, (index[0], list(rows)))
    return raw_table(columns, [shown(row) for row in rows], where)


def _written(name: Any) -> str:
    """The name of a column; of several levels, one after the other."""
    return ".".join(map(str, name)) if isinstance(name, list) else "" if name is None else str(name)


def _schema(found: dict[str, Any], where: str) -> Raw | None:
    data, schema = found.get("data"), found.get("schema")
    if not (isinstance(schema, dict) and "fields" in schema and isinstance(data, list)):
        return None
    unnamed = schema.get("primaryKey") == ["index"]
    return from_records(
        [
            {k: v for k, v in row.items() if not (unnamed and k == "index")} if isinstance(row, dict) else row
            for row in data
        ],
        where,
    )


def _wrapped(found: dict[str, Any], where: str) -> Raw | None:
    """The only list of objects in an object, unless the object is a table of columns or one run."""
    tables = [name for name, value in found.items() if value and _are_records(value)]
    lists = [value for value in found.values() if isinstance(value, list)]
    are_columns = len(lists) == len(found) > len(tables) and len({len(value) for value in lists}) == 1
    is_run = any(_is_scalar(value) and is_usual(name, *LOSSES) for name, value in found.items())
    if not tables or are_columns or is_run:
        return None
    if len(tables) > 1:
        raise NoTableError(f"{where} holds several tables ({', '.join(map(shown, tables[:10]))}); keep one of them.")
    others = [shown(name) for name in found if name != tables[0]]
    beside = f"; left out beside it: {', '.join(others[:10])}{', ...' if len(others) > 10 else ''}" if others else ""
    return from_records(found[tables[0]], where, said=[f"the table is {shown(tables[0])}{beside}"])


def _objects(found: dict[str, Any], where: str) -> Raw | None:
    """Rows or parts of one run, where the members of an object are objects; None if they are columns."""
    if not found or not all(isinstance(value, dict) for value in found.values()):
        return None
    if (
        len(found) == 1
        and (inner := next(iter(found.values())))
        and all(isinstance(one, dict) for one in inner.values())
    ):
        found = inner
    first, *others = found.values()
    common = set(first).intersection(*others)
    usual = _num_usual(found)
    are_parts = not common or (not usual and _PARTS.intersection(found))
    if are_parts and not any(key.isdigit() for key in first):
        return _one_run(found, where)
    if _num_usual(first) <= usual:
        return None
    records = list(found.values())
    if not (all(key.isdigit() for key in found) or any(name in first for name in _NAMES_OF_RUNS)):
        records = [{"run": name, **record} for name, record in found.items()]
    return from_records(records, where, [shown(row) for row in found])


def _num_usual(names: Iterable[str]) -> int:
    return sum(is_usual(name) for name in islice(names, _ENOUGH))


def _columns(found: dict[str, Any], where: str) -> Raw | None:
    """Columns given as lists, or as {row: value} as pandas writes them; None if there are other members."""
    if not all(isinstance(cells, dict | list) for cells in found.values()):
        return None
    columns = {name: cells if isinstance(cells, dict) else dict(enumerate(cells, 1)) for name, cells in found.items()}
    rows = list(next(iter(columns.values()), {}))
    for name, cells in columns.items():
        if cells.keys() != set(rows):
            raise UserError(
                f"{where}, column {shown(name)} has other rows than the first column; give all columns the same rows."
            )
    named = ((name, [cells[row] for row in rows]) for name, cells in columns.items())
    return raw_table(named, [shown(row) for row in rows], where)


def _one_run(found: dict[str, Any], where: str) -> Raw | None:
    """One run; where its loss is a list, every list of the same length is a column of its curve."""
    cells = [(name, cell) for key, value in found.items() for name, (cell,) in flat(key, [value])]
    losses = [cell for name, cell in cells if is_usual(name, *LOSSES)]
    lengths = {len(cell) for cell in losses if isinstance(cell, list)}
    if len(lengths) != 1 or any(_is_scalar(cell) for cell in losses):
        return raw_table([(name, [cell]) for name, cell in cells], range(1, 2), where)
    (length,) = lengths
    curves = [(name, cell, isinstance(cell, list) and len(cell) == length) for name, cell in cells]
    columns = [(name, cell if is_curve else [cell] * length) for name, cell, is_curve in curves]
    return raw_table(columns, range(1, length + 1), where)


def _are_records(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, dict | list)
