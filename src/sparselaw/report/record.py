"""What the page's own program needs, as one JSON value: the law, its draws, costs, runs and lines of figures."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparselaw import counts
from sparselaw.cost import storage
from sparselaw.cost.machine import Hardware
from sparselaw.cost.serving import SERVED_DENSE, SERVED_SPARSE
from sparselaw.cost.training import Cost
from sparselaw.fit.resampling import kinds_of_priors
from sparselaw.fit.result import Fit, finite
from sparselaw.laws import Array, PowerLaw, lifetime, optimum, search
from sparselaw.laws.precision import FACTORS
from sparselaw.plan import estimate, evidence, question, solve
from sparselaw.plan.answer import Answer
from sparselaw.plan.contours import Contours
from sparselaw.plan.evidence import misfit
from sparselaw.report.curves import Curve
from sparselaw.report.plan_text import COST_NAMES
from sparselaw.runs import Run, Runs
from sparselaw.words import TOPICS, forms, topic

MAX_DRAWS = 1000
KEPT_BYTES = 6  # of the 8 of a draw's number: eleven digits
OUTSIDE = 1e6
IDEAL = {"dense": "zeros are computed all the same", "sparse": "zeros are free"}
TABLED = (0.0, *optimum.LEVELS, 0.96875, 0.984375)
CONSTANTS = (
    (search, "MAX_SPARSITY", "SCAN", "FINE_SCAN", "NEAR_DENSE", "SHRINK", "LOW_POINTS"),
    (search, "RANGE_SCAN", "CLOSER_SCANS", "BISECTIONS"),
    (lifetime, "NEWTON_STEPS"),
    (storage, "PRECISIONS", "FORMAT_PATTERN"),
    (estimate, "STEP", "FREE"),
    (evidence, "IMPOSSIBLE", "NEAR"),
    (question, "FEWEST", "LARGEST", "TOLERANCE", "COST_TOLERANCE"),
    (solve, "CURVE_POINTS"),
    (counts, "EXPONENTS", "BYTE_UNITS"),
    (forms, "OUT_OF_REACH", "NOT_DETERMINED", "MOST", "MAGNITUDE"),
)
"""What the page's program shares with these modules."""
ARGUMENTS = {
    "memory_arg": "memory",
    "nonzeros_arg": "non-zeros",
    "inference_arg": "inference",
    "loss_arg": "loss",
    "precision_arg": "precision",
}
"""What the page calls arguments in refusals."""


def shared_record() -> dict[str, Any]:
    """What is the same on every page: sentences, constants, lists."""
    constants = {name: getattr(room, name) for room, *names in CONSTANTS for name in names}
    constants["FACTORS"] = {name: factor.value for name, factor in FACTORS.items()}
    return {
        "words": {name: topic(name) for name in TOPICS},
        "constants": constants | {"WIDER_FROM": storage.wider_from().tolist()},
        "formats": storage.FORMATS,
        "arguments": ARGUMENTS,
        "tabled": TABLED,
    }


def law_record(law: PowerLaw) -> dict[str, Any]:
    """The form of a law: names of its parameters and its terms."""
    terms = [asdict(term) for term in law.terms]
    named = ("name", "names", "mean_density_slope", "choices", "knows_sparsity")
    return {name: getattr(law, name) for name in named} | {"terms": terms}


def fit_record(fitted: Fit) -> dict[str, Any]:
    """Fitted values, at most MAX_DRAWS draws, and what the runs covered.

    Draws are the base64 of the first KEPT_BYTES of big-endian doubles, centres that of their ranks from 0 to 255.
    """
    draws = np.ascontiguousarray(fitted.draws[:MAX_DRAWS], dtype=">f8").view(np.uint8).reshape(-1, 8)
    centres = fitted.bootstrap.centres if fitted.bootstrap else np.empty((0, 0))
    return {
        "name": fitted.name,
        "data_unit": fitted.data_unit,
        "loss_unit": fitted.loss_unit,
        "status": fitted.status,
        "warnings": fitted.warnings,
        "domain": asdict(fitted.domain),
        "parameters": fitted.values.tolist(),
        "pinned": fitted.pinned,
        "draws": b64encode(draws[:, :KEPT_BYTES].tobytes()).decode(),
        "centres": b64encode(_ranks(centres[:MAX_DRAWS]).tobytes()).decode(),
        "kinds_of_priors": kinds_of_priors(fitted.planning_law(), fitted.pinned) if centres.size else (),
        "misfit": misfit(fitted),
        "cells": significant(fitted.cells, 10),
        "spread": fitted.spread and asdict(fitted.spread),
        "confidence": question.CONFIDENCE,
        "reach": NormalDist().inv_cdf((1 + question.CONFIDENCE) / 2),
    }


def _ranks(columns: Array) -> NDArray[np.uint8]:
    """Ranks within each column [n, k], scaled to a byte: only the order of centres matters."""
    ranks = columns.argsort(0, kind="stable").argsort(0)
    return (ranks * 256 // max(1, len(columns))).astype(np.uint8)


def significant(values: Array, digits: int) -> list[Any]:
    """Nested lists of numbers to so many significant digits."""
    return (
        np.vectorize(lambda value: float(f"{value:.{digits}g}"), otypes=[float])(values).tolist() if values.size else []
    )


def cost_records(machines: Mapping[str, Hardware]) -> dict[str, dict[str, Any]]:
    """Each way to count FLOPs: its label, its name in a sentence, its cost in training and inference; None if not known."""
    found = {
        name: {
            "label": f"as {machine.kind}: {machine.name}",
            "name": f"on {name}",
            "training": machine.training and _cost(machine.training_cost()),
            "inference": machine.inference and _cost(machine.inference_cost()),
        }
        for name, machine in machines.items()
    }
    costs = {"dense": (Cost(), SERVED_DENSE), "sparse": (Cost(sparse=True), SERVED_SPARSE)}
    ideal = {
        name: {
            "label": label,
            "name": COST_NAMES[name],
            "training": _cost(costs[name][0]),
            "inference": _cost(costs[name][1]),
        }
        for name, label in IDEAL.items()
    }
    return ideal | found


def _cost(cost: Cost) -> dict[str, Any]:
    schedule = asdict(cost.schedule)
    return schedule | {"steps": cost.time.steps, "kinks": cost.kinks, "flops_per_param": cost.flops_per_param}


def controls_record(fitted: Fit, law: PowerLaw) -> dict[str, dict[str, Any]]:
    """The numbers that the page asks for: how each is written, and the ends of its slider."""
    (low_N, high_N), (low_D, high_D), (best, top) = fitted.domain.nonzero_params, fitted.domain.data, fitted.domain.loss
    floor = float(law.floor(fitted.values))
    ends = {
        "N": ("count", low_N / 10, high_N * 1000),
        "memory": ("bytes", low_N / 10, high_N * 4000),
        "C": ("flops", low_N * low_D, high_N * high_D * 1e6),
        "D": ("count", low_D / 10, high_D * 1000),
        "times": ("number", 0.1, 1e4),
        "loss": ("number", max(best - 0.6 * (best - floor), floor), top),
        "inference": ("count", low_D / 10, high_D * 1e5),
    }
    sliders = {
        name: {"form": form, "ends": [low, high], "is_linear": name == "loss"}
        for name, (form, low, high) in ends.items()
    }
    return sliders | {"units": {"form": "number"}}


def state_record(answer: Answer, fitted: Fit, cost: str, units: float) -> dict[str, Any]:
    """The question that the page opens with: that of an answer, in each of the ways it can be asked."""
    N, usual = answer.best.nonzero_params.value, storage.Storage()
    return {
        "ask": "budget",
        "size": "count",
        "N": N,
        "memory": float(storage.Storage("dense").bytes(0.0, N)),
        "format": usual.format,
        "precision": usual.precision,
        "budget": "flops",
        "C": answer.best.flops.value,
        "D": answer.dense.data.value,
        "times": float(f"{answer.times_chinchilla.value:.3g}"),
        "cost": cost,
        "loss": float(f"{answer.best.loss.value:.4g}"),
        "inference": fitted.domain.data[1],
        "serving": "dense",
        "fixed": False,
        "units": units,
    }


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
