"""The commands `plan`, `contours`, `design` and `hardware`."""

from __future__ import annotations

import sys
from dataclasses import fields as dataclass_fields
from typing import TYPE_CHECKING, Any

import numpy as np

from sparselaw.commands.options import (
    check_output,
    cost_named,
    count_range,
    positive,
    print_json,
    shares,
    torch_for,
)
from sparselaw.cost import Cost
from sparselaw.errors import UserError
from sparselaw.fit import open_fit
from sparselaw.plan.contours import Contours, LifetimeContours
from sparselaw.report.plan_text import answer_text, contours_text, hardware_text, lifetime_contours_text
from sparselaw.report.text import show

if TYPE_CHECKING:
    from sparselaw.cli import ContoursCommand, DesignCommand, HardwareCommand, PlanCommand
    from sparselaw.cost import Cost


def plan(command: PlanCommand) -> None:
    from sparselaw.plan.answer import plan as answer_to

    fields = {field.name: getattr(command, field.name) for field in dataclass_fields(command)}
    answer = answer_to(**{name: value for name, value in fields.items() if name != "json"})
    if command.json:
        print_json(answer.to_json())
    else:
        show(answer_text(answer))


def contours(command: ContoursCommand) -> None:
    from sparselaw.plan.contours import contours as map_of

    fitted = open_fit(command.fit)
    found = map_of(
        fitted,
        nonzeros=count_range(command.nonzeros),
        flops=count_range(command.flops),
        inference=count_range(command.inference),
        loss=count_range(command.loss),
        cost=command.cost,
        inference_cost=command.inference_cost,
        tokens_per_image=command.tokens_per_image,
        levels=command.levels,
    )
    if command.output:
        from sparselaw.report import figures

        if isinstance(found, Contours):
            figures.save(figures.contour_figure(found, fitted), command.output)
        else:
            figures.save(figures.lifetime_contour_figure(found, fitted), command.output)
    if command.json:
        print_json(_record(found))
    elif command.output:
        print(f"wrote {command.output}")
    else:
        show(contours_text(found) if isinstance(found, Contours) else lifetime_contours_text(found))


def _record(found: Contours | LifetimeContours) -> dict[str, Any]:
    named = {name: value.name if isinstance(value, Cost) else value for name, value in vars(found).items()}
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in named.items()}


def design(command: DesignCommand) -> None:
    from sparselaw.design.command import design as choose_runs

    check_output(command.output, "a sweep", ".toml")
    fitted = open_fit(command.fit)
    found = choose_runs(
        fitted,
        budget=command.budget,
        target=command.target,
        answer=command.answer,
        nonzeros=command.nonzeros,
        data=command.data,
        sparsities=command.sparsities,
        max_runs=command.max_runs,
        max_seeds=command.max_seeds,
        noise=command.noise,
        guess=command.guess,
        cost=cost_named(command.cost, command.tokens_per_image, fitted),
        confidence=command.confidence,
        base=command.base,
        output=command.output,
    )
    if command.json:
        print_json(found.to_json())
        return
    from sparselaw.report.design_text import design_text

    show(design_text(found))
    if command.output:
        print(f"wrote {command.output}; look at it with: sparselaw sweep {command.output} --dry-run")


def hardware(command: HardwareCommand) -> None:
    with torch_for("measuring"):
        from sparselaw.cost.measuring import measure
    if not (command.batches and command.sparsities and command.shapes):
        raise UserError("--shapes, --batches and --sparsities need at least one value each")
    check_output(command.output, "measurements", ".json")
    found = measure(
        shapes=[_shape(shape) for shape in command.shapes],
        batches=[positive(batch, "batches") for batch in command.batches],
        sparsities=shares(command.sparsities),
        rounds=positive(command.rounds, "rounds"),
        threads=None if command.threads is None else positive(command.threads, "threads"),
        progress=lambda line: print(line, file=sys.stderr),
    )
    if command.output:
        found.save(command.output)
    if command.json:
        print_json(found.to_json())
    else:
        show(hardware_text(found))


def _shape(text: str) -> tuple[int, int]:
    rows, _, columns = text.lower().partition("x")
    if not (rows.isdecimal() and columns.isdecimal() and int(rows) and int(columns)):
        raise UserError(f"a shape is ROWSxCOLUMNS, such as 4096x1024, got {text!r}")
    return int(rows), int(columns)
