"""What the page's own program needs, as one JSON value: the law, its draws, costs, runs and lines of figures."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from sparselaw.cost.machine import Hardware
from sparselaw.cost.relative_time import DENSE_TIME, SPARSE_TIME, RelativeTime
from sparselaw.cost.training import Cost
from sparselaw.fit.result import Fit, finite
from sparselaw.laws import Array, PowerLaw
from sparselaw.plan.contours import Contours
from sparselaw.prune.schedules import Schedule
from sparselaw.report.curves import Curve
from sparselaw.runs import Run, Runs

MAX_DRAWS = 1000
CONFIDENCE = 0.95
OUTSIDE = 1e6
IDEAL = {"dense": DENSE_TIME, "sparse": SPARSE_TIME}


def law_record(law: PowerLaw) -> dict[str, Any]:
    """The form of a law: names of its parameters and its terms."""
    terms = [asdict(term) for term in law.terms]
    return {"name": law.name, "names": law.names, "terms": terms, "mean_density_slope": law.mean_density_slope}


def fit_record(fitted: Fit) -> dict[str, Any]:
    """Fitted values, at most MAX_DRAWS draws, and what the runs covered.

    Draws are the base64 of little-endian doubles: all their digits, in no more letters than eight digits would take.
    """
    return {
        "name": fitted.name,
        "data_unit": fitted.data_unit,
        "status": fitted.status,
        "warnings": fitted.warnings,
        "domain": asdict(fitted.domain),
        "parameters": fitted.values.tolist(),
        "draws": b64encode(fitted.draws[:MAX_DRAWS].astype("<f8").tobytes()).decode(),
        "confidence": CONFIDENCE,
    }


def significant(values: Array, digits: int) -> list[Any]:
    """Nested lists of numbers to so many significant digits."""
    return (
        np.vectorize(lambda value: float(f"{value:.{digits}g}"), otypes=[float])(values).tolist() if values.size else []
    )


def cost_records(machines: Mapping[str, Hardware]) -> dict[str, dict[str, Any]]:
    """Each way to count FLOPs: its label and its cost in training and in inference, None where nothing is known."""
    records: dict[str, dict[str, Any]] = {
        "dense": {"label": "zeros are computed all the same"},
        "sparse": {"label": "zeros are free"},
    }
    for name, time in IDEAL.items():
        records[name] |= {"training": _cost(time, Schedule()), "inference": _cost(time, Schedule.constant())}
    for name, machine in machines.items():
        training, inference = machine.training, machine.inference
        records[name] = {
            "label": f"as {machine.kind}: {machine.name}",
            "training": training and _cost(training, Schedule()),
            "inference": inference and _cost(inference, Schedule.constant()),
        }
    return records


def _cost(time: RelativeTime, schedule: Schedule) -> dict[str, Any]:
    return {**asdict(schedule), "steps": time.steps, "kinks": time.kinks}


def costs_of(machines: Mapping[str, Hardware], name: str, *, units_per_datum: float = 1.0) -> Cost:
    """The training cost of that name."""
    if name in IDEAL:
        return Cost(sparse=name == "sparse", units_per_datum=units_per_datum)
    return machines[name].training_cost(units_per_datum=units_per_datum)


def runs_record(fitted: Fit, runs: Runs, extra: Run | None) -> dict[str, Any]:
    """Every run with what the law predicts for it, and the run outside the fitted set."""
    predicted = fitted.predict(runs.sparsity, runs.nonzero_params, runs.data)
    columns = {
        "S": runs.sparsity,
        "N": runs.nonzero_params,
        "D": runs.data,
        "loss": runs.loss,
        "predicted": predicted,
    }
    record: dict[str, Any] = {name: significant(values, 7) for name, values in columns.items()}
    if extra is not None:
        found = float(fitted.predict(extra.sparsity, extra.nonzero_params, extra.data))
        record["extra"] = asdict(extra) | {"predicted": found}
    return record


def contours_record(found: Contours) -> dict[str, Any]:
    """Lines of constant best sparsity, with bands, and the Chinchilla line; bands end at OUTSIDE times the budgets of the map."""
    edges = found.flops[0] / OUTSIDE, found.flops[-1] * OUTSIDE
    arrays = {
        "N": found.nonzero_params,
        "lines": found.lines,
        "low": None if found.lines_low is None else np.clip(found.lines_low, *edges),
        "high": None if found.lines_high is None else np.clip(found.lines_high, *edges),
        "chinchilla": found.chinchilla,
    }
    record = {name: None if values is None else significant(values, 4) for name, values in arrays.items()}
    return record | {"levels": found.levels, "flops": [float(found.flops[0]), float(found.flops[-1])]}


def curves_record(curves: Sequence[Curve]) -> list[dict[str, Any]]:
    return [
        asdict(curve) | {"data": significant(curve.data, 4), "loss": significant(curve.loss, 4)} for curve in curves
    ]


def page_record(**parts: Any) -> dict[str, Any]:
    """The parts as JSON has them: no NaN, no infinities, no arrays."""
    return finite(parts)
