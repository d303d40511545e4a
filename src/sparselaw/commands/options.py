"""What several commands take and do alike: counts, costs, tables of runs, JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparselaw.counts import parse_count, parse_range
from sparselaw.errors import UserError
from sparselaw.fit import Fit
from sparselaw.fit.result import finite
from sparselaw.runs import Runs, parse_columns, read_runs

if TYPE_CHECKING:
    from sparselaw.cost import Cost


def read(source: str, columns: str | None) -> Runs:
    return read_runs(source, columns=parse_columns(columns) if columns else None)


def count(text: str | None) -> float | None:
    return None if text is None else parse_count(text)


def count_range(text: str | None) -> tuple[float, float] | None:
    return None if text is None else parse_range(text)


def shares(levels: tuple[float, ...]) -> tuple[float, ...]:
    if not levels:
        raise UserError("--levels needs at least one sparsity, such as 0.5")
    for level in levels:
        if not 0 < level < 1:
            raise UserError(f"sparsity levels lie between 0 and 1, got {level:g}")
    return tuple(sorted(levels))


def positive(value: int, name: str) -> int:
    if value < 1:
        raise UserError(f"--{name} must be at least 1, got {value}")
    return value


def not_negative(value: int, name: str) -> int:
    if value < 0:
        raise UserError(f"--{name} must be at least 0, got {value}")
    return value


def check_output(path: Path | None, what: str, *endings: str) -> None:
    """Refuses a file before the work for it whose name does not tell what it is, or that has no place.

    Raises:
        UserError: another ending, a folder of that name, or a file where its folder should be.
    """
    if path is None:
        return
    if path.suffix.lower() not in endings:
        raise UserError(f"cannot write {what} to {path}: the name must end in {' or '.join(endings)}")
    if path.is_dir():
        raise UserError(f"cannot write {path}: it is a folder")
    if taken := next((folder for folder in path.parents if folder.is_file()), None):
        raise UserError(f"cannot write {path}: {taken} is a file")


def cost_named(name: str, tokens_per_image: float, fitted: Fit, *, serving: bool = False) -> Cost:
    """The cost of that name: ideal, or of a machine; of inference if `serving`."""
    from sparselaw.cost import Cost, open_hardware
    from sparselaw.plan.question import check_units
    from sparselaw.prune.schedules import Schedule

    check_units(fitted, tokens_per_image)
    if name not in ("dense", "sparse"):
        machine = open_hardware(name)
        cost = machine.inference_cost if serving else machine.training_cost
        return cost(units_per_datum=tokens_per_image)
    schedule = Schedule.constant() if serving else Schedule()
    return Cost(sparse=name == "sparse", schedule=schedule, units_per_datum=tokens_per_image)


@contextmanager
def torch_for(doing: str) -> Iterator[None]:
    """Turns a missing PyTorch into advice."""
    try:
        yield
    except ImportError as error:
        raise UserError(
            f"{doing} needs the package {error.name}; install it with pip install 'sparselaw[train]'"
        ) from error


def print_json(record: Any) -> None:
    print(json.dumps(finite(record), indent=1))
