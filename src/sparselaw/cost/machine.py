"""What sparse products cost on a machine, measured here (`measuring`) or quoted from a cited source; kept as one JSON file.

Times are relative to the dense product of the same shape and batch, and include memory traffic, since it is time that is
measured. A planner would not use a sparse kernel where the dense one is faster, so no time exceeds 1; nor does it rise with
sparsity, since zeros can be stored as values.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from cattrs import BaseValidationError, structure

from sparselaw.cost.relative_time import RelativeTime, average, through
from sparselaw.cost.serving import SERVED_DENSE
from sparselaw.cost.training import Cost, open_schedule
from sparselaw.errors import UserError, choice
from sparselaw.files import save
from sparselaw.laws import Array
from sparselaw.prune.schedules import Schedule

FORMAT = "sparselaw-hardware/1"
SHIPPED = {"a100-2:4": "a100-2-4.json", "h100-2:4": "h100-2-4.json", "epyc-csr": "epyc-csr.json"}
IDEAL = ("dense", "sparse")
"""The costs that are no machine's."""
Task = Literal["training", "inference"]


@dataclass(frozen=True)
class Timing:
    """One kernel at one shape [rows, columns] x [columns, batch] and sparsity: medians of seconds, and
    the ratio of the fastest."""

    task: Task
    kernel: str
    rows: int
    columns: int
    batch: int
    sparsity: float
    seconds: float
    dense_seconds: float
    relative: float


@dataclass(frozen=True)
class Hardware:
    """Relative times of training and inference on a machine; None where nothing is known.

    kind: "measured" or "quoted"; source: where each number comes from; counted: what the times are times of.
    """

    name: str
    kind: Literal["measured", "quoted"]
    source: tuple[str, ...]
    counted: str
    training: RelativeTime | None = None
    inference: RelativeTime | None = None
    remarks: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    threads: int | None = None
    dtype: str | None = None
    skipped: dict[str, str] = field(default_factory=dict)
    timings: tuple[Timing, ...] = field(default=(), repr=False)

    def training_cost(self, *, schedule: Schedule = Schedule(), units_per_datum: float = 1.0) -> Cost:
        """What training costs here.

        Raises:
            UserError: no training time is known.
        """
        return Cost(schedule=schedule, units_per_datum=units_per_datum, measured=self._known("training"))

    def inference_cost(self, *, units_per_datum: float = 1.0) -> Cost:
        """What inference costs here: the finished sparsity from beginning to end.

        Raises:
            UserError: no inference time is known.
        """
        return replace(SERVED_DENSE, units_per_datum=units_per_datum, measured=self._known("inference"))

    def _known(self, task: Task) -> RelativeTime:
        time = self.training if task == "training" else self.inference
        if time is None:
            raise UserError(
                f"{self.name} says nothing about {task}; measure it with 'sparselaw hardware' on that machine."
            )
        return time

    def to_json(self) -> dict[str, Any]:
        times = {"training": self.training, "inference": self.inference}
        points = {task: time and {"sparsity": time.sparsity, "time": time.time} for task, time in times.items()}
        return {"format": FORMAT, **asdict(self), **points}

    def save(self, path: str | Path) -> None:
        """Write the file, all of it or nothing.

        Raises:
            UserError: the place cannot be written.
        """
        save(path, json.dumps(self.to_json(), indent=1))


def open_hardware(source: str) -> Hardware:
    """A shipped machine by its name, else the file of that name.

    Raises:
        UserError: no such file, or not a hardware file.
    """
    path = Path(__file__).parent / "shipped_hardware" / SHIPPED[source] if source in SHIPPED else Path(source)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        names = choice(source, (*IDEAL, *SHIPPED, "HARDWARE.json"))
        raise UserError(f"No cost is named {source!r}, and no such file can be read; {names}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{source} is not a hardware file, because it is not JSON; make one with 'sparselaw hardware -o HARDWARE.json'."
        ) from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise UserError(f"{source} is not a hardware file; make one with 'sparselaw hardware -o HARDWARE.json'.")
    try:
        return _from_json(record)
    except (KeyError, TypeError, ValueError, AttributeError, BaseValidationError) as error:
        raise UserError(
            f"The hardware file {source} is damaged; make it again with 'sparselaw hardware -o {source}'."
        ) from error


def open_cost(
    source: str | Cost,
    *,
    ramp: str | tuple[float, float] | None = None,
    units_per_datum: float = 1.0,
    serving: bool = False,
) -> Cost:
    """A cost by its name: `dense` (zeros are computed), `sparse` (they are free), a shipped machine, or a machine's file.

    Args:
        source: the name, or a cost that is there already, whose schedule stays.
        ramp: shares of training where pruning starts and ends; 0.25 and 0.75 if None.
        units_per_datum: tokens that one unit of D puts through the model; see `Cost`.
        serving: the cost of inference instead of training.

    Raises:
        UserError: there is no such cost.
    """
    if isinstance(source, Cost):
        return source
    if source in IDEAL:
        ideal = SERVED_DENSE if serving else Cost(schedule=open_schedule(ramp))
        return replace(ideal, sparse=source == "sparse", units_per_datum=units_per_datum)
    machine = open_hardware(source)
    if serving:
        return machine.inference_cost(units_per_datum=units_per_datum)
    return machine.training_cost(schedule=open_schedule(ramp), units_per_datum=units_per_datum)


def _from_json(record: dict[str, Any]) -> Hardware:
    record = {key: value for key, value in record.items() if key != "format"}
    for task in ("training", "inference"):
        if record.get(task) is not None:
            record[task] = {"name": record["name"], **record[task]}
    return structure(record, Hardware)


def relative_time(timings: Sequence[Timing], name: str) -> RelativeTime:
    """The relative time of layers of every timed shape and batch, each taking an equal share of the dense time.

    Every shape and batch has its fastest kernel at every sparsity; the dense one where none is faster.
    """
    cells = defaultdict(list)
    for timing in timings:
        cells[timing.rows, timing.columns, timing.batch].append(timing)
    return average([_fastest(cell, name) for cell in cells.values()], name)


def _fastest(cell: Sequence[Timing], name: str) -> RelativeTime:
    """Linear between the sparsities measured, held at 1 and at the time of an n:m kernel from its sparsity on."""
    patterned = {t.sparsity: t.relative for t in cell if ":" in t.kernel}
    free = [t for t in cell if ":" not in t.kernel]
    s = np.array(sorted({t.sparsity for t in free}))
    t = np.minimum.accumulate([min(x.relative for x in free if x.sparsity == level) for level in s]) if free else s
    caps = {0.0: 1.0, **{at: ratio for at, ratio in patterned.items() if ratio < 1}}
    crossings = {_crossing(s, t, cap) for cap in caps.values()}
    knots = sorted({0.0, *s, *caps, *(x for x in crossings if x is not None)})

    def time(x: float) -> float:
        unstructured = float(np.interp(x, s, t)) if free and x >= s[0] else 1.0
        return min(unstructured, *(cap for at, cap in caps.items() if at <= x), 1.0)

    return through(time, knots, name)


def _crossing(s: Array, t: Array, level: float) -> float | None:
    """Where a line through points falls to a level between two of them."""
    falls = np.flatnonzero((t[:-1] > level) & (t[1:] <= level))
    if not len(falls):
        return None
    k = falls[0]
    return float(s[k] + (t[k] - level) / (t[k] - t[k + 1]) * (s[k + 1] - s[k]))
