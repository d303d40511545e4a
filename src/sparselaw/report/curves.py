"""Training curves, read from the metrics.jsonl of each run's folder."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparselaw.laws import Array
from sparselaw.runs.folders import FINISHED, RunState, open_address

POINTS = 1000  # of all curves together, so that a page stays small
FEWEST = 12  # of one curve


@dataclass(frozen=True)
class Curve:
    """Training loss of one run against the data seen, [points] each; nonzero_params and sparsity are the finished run's."""

    name: str
    nonzero_params: float
    sparsity: float
    data: Array
    loss: Array


def read_curves(source: str, states: Sequence[RunState]) -> tuple[Curve, ...]:
    """The curves of the finished runs in a folder; a run without readable metrics has none."""
    finished = [state for state in states if state.state == FINISHED]
    fs, root = open_address(source)
    paths = {f"{root.rstrip('/')}/{state.name}/metrics.jsonl": state for state in finished}
    found = fs.cat(list(paths), on_error="return") if paths else {}
    points = max(FEWEST, POINTS // max(len(finished), 1))
    curves = [_curve(state, found.get(path), points) for path, state in paths.items()]
    return tuple(curve for curve in curves if curve)


def _curve(state: RunState, content: object, points: int) -> Curve | None:
    if not isinstance(content, bytes):
        return None
    seen = [pair for line in content.splitlines() if (pair := _point(line))]
    if len(seen) < 2:
        return None
    some = np.unique(np.geomspace(1, len(seen), min(points, len(seen))).round().astype(int)) - 1
    data, loss = np.array(seen)[some].T
    return Curve(state.name, float(state.record["nonzero_params"]), float(state.record["sparsity"]), data, loss)


def _point(line: bytes) -> tuple[float, float] | None:
    """Data seen and training loss in a line of metrics, if it has both."""
    try:
        record = json.loads(line)
        point = float(record["data"]), float(record["loss"])
    except (ValueError, KeyError, TypeError):
        return None
    return point if point[0] > 0 and all(map(math.isfinite, point)) else None
