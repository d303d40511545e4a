"""The commands `plan`, `contours`, `design` and `hardware`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sparselaw.commands.options import (
    check_output,
    cost_named,
    count,
    count_range,
    positive,
    print_json,
    shares,
    torch_for,
)
from sparselaw.counts import parse_bytes
from sparselaw.errors import UserError
from sparselaw.fit import Fit, open_fit
from sparselaw.report.plan_text import contours_text, hardware_text, plan_text, served_contours_text, served_text
from sparselaw.report.text import show

if TYPE_CHECKING:
    from sparselaw.cli import ContoursCommand, DesignCommand, HardwareCommand, PlanCommand
    from sparselaw.cost import Cost, Gpu, Memory


def plan(command: PlanCommand) -> None:
    from sparselaw.plan import plan as make_plan

    if command.inference is not None:
        plan_served(command)
        return
    if command.peak is not None or command.price is not None:
        raise UserError(
            "--peak and --price turn a life of training and inference into hours and money; give --inference"
        )
    fitted = open_fit(command.fit)
    answer = make_plan(
        fitted,
        nonzero_params=count(command.nonzeros),
        memory=_memory(command.memory, command.format, command.precision),
        flops=count(command.flops),
        data=count(command.data),
        times_chinchilla=command.times_chinchilla,
        loss=command.loss,
        cost=cost_named(command.cost, command.tokens_per_image, fitted),
        tolerance=1e-3 if command.tolerance is None else command.tolerance,
        confidence=command.confidence,
    )
    if command.json:
        print_json(answer.to_json())
    else:
        show(plan_text(answer))


def plan_served(command: PlanCommand) -> None:
    from sparselaw.plan import plan_served as make_plan

    if command.memory or command.format or command.precision:
        raise UserError("--memory is for a model that is trained once; with --inference give --nonzeros if N is fixed")
    if command.loss is None or (command.flops, command.data, command.times_chinchilla) != (None,) * 3:
        raise UserError(
            "with --inference give --loss, the loss to reach at the least cost, and --nonzeros if N is fixed"
        )
    fitted = open_fit(command.fit)
    answer = make_plan(
        fitted,
        loss=command.loss,
        inference=count(command.inference) or 0.0,
        nonzero_params=count(command.nonzeros),
        cost=cost_named(command.cost, command.tokens_per_image, fitted),
        inference_cost=cost_named(command.inference_cost, command.tokens_per_image, fitted, serving=True),
        gpu=_gpu(command),
        tolerance=1e-2 if command.tolerance is None else command.tolerance,
        confidence=command.confidence,
    )
    if command.json:
        print_json(answer.to_json())
    else:
        show(served_text(answer))


def _gpu(command: PlanCommand) -> Gpu | None:
    from sparselaw.cost import Gpu

    serving = command.inference_utilisation
    utilisations = command.utilisation, command.utilisation if serving is None else serving
    if any(not 0 < share <= 1 for share in utilisations):
        raise UserError("--utilisation and --inference-utilisation are shares of the peak, between 0 and 1")
    if command.peak is None and command.price is not None:
        raise UserError("--price is of a GPU-hour, so give --peak, the FLOP/s of that GPU, as well")
    for name, value in (("peak", command.peak), ("price", command.price)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise UserError(f"--{name} must be a positive number, got {value:g}")
    if command.peak is None and serving is None:
        return None
    return Gpu(*utilisations, command.peak, command.price)


def _memory(size: str | None, format: str | None, precision: str | None) -> Memory | None:
    from sparselaw.cost import Memory, Storage

    if size is None:
        if format or precision:
            raise UserError("--format and --precision say how --memory stores weights; give --memory, such as 8GB")
        return None
    return Memory(parse_bytes(size), Storage(format or "bitmask", precision or "bf16"))


def contours(command: ContoursCommand) -> None:
    from sparselaw.plan.contours import contours as make_contours

    fitted = open_fit(command.fit)
    cost, levels = cost_named(command.cost, command.tokens_per_image, fitted), shares(command.levels)
    if command.inference is not None:
        _served_contours(command, fitted, cost, levels)
        return
    if command.loss is not None:
        raise UserError("--loss is an axis of the map over demand and loss; give --inference LOW:HIGH as well")
    found = make_contours(
        fitted,
        nonzero_params=count_range(command.nonzeros),
        flops=count_range(command.flops),
        cost=cost,
        levels=levels,
    )
    if command.output:
        from sparselaw.report import figures

        figures.save(figures.contour_figure(found, fitted), command.output)
    if command.json:
        print_json({"cost": found.cost.name, **_arrays(found, leave=("cost",))})
    elif command.output:
        print(f"wrote {command.output}")
    else:
        show(contours_text(found))


def _served_contours(command: ContoursCommand, fitted: Fit, cost: Cost, levels: tuple[float, ...]) -> None:
    from sparselaw.plan import served_contours

    if command.nonzeros or command.flops:
        raise UserError(
            "with --inference the map is over demand and loss; give --loss LOW:HIGH, not --nonzeros or --flops"
        )
    inference, loss = count_range(command.inference), count_range(command.loss)
    assert inference is not None
    inference_cost = cost_named(command.inference_cost, command.tokens_per_image, fitted, serving=True)
    found = served_contours(
        fitted, inference=inference, loss=loss, cost=cost, inference_cost=inference_cost, levels=levels
    )
    if command.output:
        from sparselaw.report import figures

        figures.save(figures.served_contour_figure(found, fitted), command.output)
    if command.json:
        names = {"cost": cost.name, "inference_cost": inference_cost.name}
        print_json(names | _arrays(found, leave=("cost", "inference_cost")))
    elif command.output:
        print(f"wrote {command.output}")
    else:
        show(served_contours_text(found, fitted.data_unit))


def _arrays(found: object, *, leave: Sequence[str]) -> dict[str, Any]:
    record = {name: value for name, value in vars(found).items() if name not in leave}
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in record.items()}


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
