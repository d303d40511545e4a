"""What a report tells: the runs, the fit and how it was judged, the question and its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sparselaw.cost.machine import SHIPPED, Hardware, open_hardware
from sparselaw.cost.training import Cost
from sparselaw.errors import UserError
from sparselaw.fit.comparison import Comparison
from sparselaw.fit.result import Fit
from sparselaw.plan.answer import Answer
from sparselaw.plan.contours import Contours, budget_contours
from sparselaw.plan.question import check_sizes
from sparselaw.plan.verb import plan
from sparselaw.report.curves import Curve
from sparselaw.report.record import costs_of
from sparselaw.runs import Runs

CONTOUR_GRID = 16  # lines are straight in ln N and ln C, and their bands nearly so


@dataclass(frozen=True)
class Question:
    """What the report answers first: N non-zeros and a budget, at a cost; the largest of the fitted runs if not given."""

    nonzero_params: float | None = None
    flops: float | None = None
    cost: str = "dense"
    units_per_datum: float = 1.0


@dataclass(frozen=True)
class Study:
    """A fit with what it came from; whatever is not there is empty or None, and the report says so.

    runs: that were fitted. comparisons: laws side by side, with hold-outs; not_compared: why others are not among them. curves:
    of training. left_out: runs of the folder that are not in the table, by state. answer: to the question; no_answer and
    no_contours: why there are none.
    """

    fitted: Fit
    question: Question
    runs: Runs | None = None
    comparisons: tuple[Comparison, ...] = ()
    not_compared: tuple[str, ...] = ()
    curves: tuple[Curve, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    machines: Mapping[str, Hardware] = field(default_factory=dict)
    answer: Answer | None = None
    no_answer: str = ""
    contours: Mapping[str, Contours] = field(default_factory=dict)
    no_contours: str = ""
    notes: tuple[str, ...] = ()

    @property
    def comparison(self) -> Comparison | None:
        """That of the law of the fit."""
        return next((c for c in self.comparisons if c.fit.law.name == self.fitted.law.name), None)


@np.errstate(invalid="ignore", divide="ignore", over="ignore")  # draws of a law that the runs do not identify
def study(
    fitted: Fit,
    *,
    question: Question = Question(),
    runs: Runs | None = None,
    comparisons: Sequence[Comparison] = (),
    not_compared: Sequence[str] = (),
    curves: Sequence[Curve] = (),
    left_out: Mapping[str, int] | None = None,
    machine: Hardware | None = None,
    notes: Sequence[str] = (),
) -> Study:
    """A study with its answer and contours.

    Args:
        fitted: the fit.
        question: what to answer first.
        runs: that were fitted.
        comparisons: from `sparselaw.fit.comparison`.
        not_compared: why other laws are not among them.
        curves: from `read_curves`.
        left_out: counts of runs that are not in the table, by state.
        machine: costs to choose from beside the shipped ones, under the name of the question's cost.
        notes: sentences to show at the top.

    Raises:
        UserError: a question that has no answer.
    """
    machines = {name: open_hardware(name) for name in SHIPPED}
    if machine is not None:
        machines[question.cost] = machine
    cost = costs_of(machines, question.cost, units_per_datum=question.units_per_datum)
    told = Study(
        fitted,
        question,
        runs=runs,
        comparisons=tuple(comparisons),
        not_compared=tuple(not_compared),
        curves=tuple(curves),
        left_out=left_out or {},
        machines=machines,
        notes=tuple(notes),
    )
    try:
        fitted.planning_law()
    except UserError as error:
        return replace(told, no_answer=str(error))
    N, flops = _budget(fitted, question, cost)
    answer = plan(fitted, nonzeros=N, flops=flops, cost=cost)
    found, why_not = _contours(fitted, question.units_per_datum)
    return replace(told, answer=answer, contours=found, no_contours=why_not)


def _budget(fitted: Fit, question: Question, cost: Cost) -> tuple[float, float]:
    """N and training FLOPs of the question, or the largest that were fitted."""
    check_sizes({"nonzeros": question.nonzero_params, "flops": question.flops})
    N = question.nonzero_params or rounded_down(fitted.domain.nonzero_params[1])
    flops = question.flops or rounded_down(float(cost.flops(0.0, N, fitted.domain.data[1])))
    return N, flops


def rounded_down(value: float) -> float:
    """To three significant digits, so that it reads well and stays within what was fitted."""
    digits, exponent = f"{value:.12e}".split("e")
    return float(f"{np.floor(100 * float(digits)) / 100}e{exponent}")


def _contours(fitted: Fit, units: float) -> tuple[dict[str, Contours], str]:
    """For the two ideal costs, or why there are none."""
    ideal = {"dense": Cost(units_per_datum=units), "sparse": Cost(sparse=True, units_per_datum=units)}
    try:
        return {name: budget_contours(fitted, cost=cost, grid=CONTOUR_GRID) for name, cost in ideal.items()}, ""
    except UserError as error:
        return {}, str(error)
