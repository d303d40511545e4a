"""What each command does: read, compute, print or write."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sparselaw.counts import parse_bytes, parse_count, parse_range
from sparselaw.errors import UserError
from sparselaw.fit import Fit, Loss, Profile, open_fit
from sparselaw.fit.losses import DELTAS, PUBLISHED_LOSS
from sparselaw.fit.result import finite
from sparselaw.laws import Array, FunctionLaw, PowerLaw, from_function
from sparselaw.report import text
from sparselaw.runs import Runs, parse_columns, read_runs

if TYPE_CHECKING:
    from sparselaw.cli import (
        CompareCommand,
        ContoursCommand,
        DemoCommand,
        DesignCommand,
        ExportCommand,
        FitCommand,
        HardwareCommand,
        PlanCommand,
        ReportCommand,
        RunsCommand,
        SweepCommand,
        TrainCommand,
    )
    from sparselaw.plan import Cost, Gpu, Memory

RECIPE_SEEDS = 10


def fit(command: FitCommand) -> None:
    from sparselaw.fit import bootstrap, run_published_recipe
    from sparselaw.fit import fit as fit_law

    runs = _read(command.runs, command.columns)
    loss = _loss(runs, command.loss, command.delta, command.quantile)
    pin, bounds = _pairs(command.pin, "pin", float), _pairs(command.bound, "bound", _range)
    weights = _weights(runs, command.weights)
    fitted = fit_law(
        runs,
        _law(command.law),
        loss=loss,
        weights=weights,
        pin=pin,
        bounds=bounds,
        num_starts=_positive(command.starts, "starts"),
        seed=command.seed,
    )
    if command.bootstrap:
        draws = _positive(command.bootstrap, "bootstrap")
        options = {"weights": weights, "pin": pin, "bounds": bounds}
        fitted = bootstrap(fitted, runs, num_draws=draws, by=command.by, seed=command.seed, **options)
    profiles = _profiles(fitted, runs, weights, pin, bounds) if command.profile else []
    recipe = [run_published_recipe(runs, loss, seed) for seed in range(RECIPE_SEEDS)] if command.recipe else []
    if command.output:
        fitted.save(command.output)
    if command.figures:
        from sparselaw.report import figures

        figures.fit_figures(fitted, runs, profiles, command.figures)
    if command.json:
        _print_json(_fit_record(fitted) | _extras(profiles, recipe))
        return
    text.show(text.fit_text(fitted, profiles))
    if recipe:
        text.show(text.recipe_text(fitted, recipe))


def compare(command: CompareCommand) -> None:
    from sparselaw.fit import compare as compare_laws

    runs = _read(command.runs, command.columns)
    comparisons = compare_laws(runs, loss=_loss(runs, command.loss, command.delta, 0.5))
    if not command.json:
        text.show(text.compare_text(comparisons))
        return
    _print_json(
        [
            _fit_record(c.fit)
            | {"aic": c.aic, "bic": c.bic, "extrapolation_error": c.extrapolation_error}
            | {"hold_outs": [asdict(h) for h in c.hold_outs]}
            for c in comparisons
        ]
    )


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
        nonzero_params=_count(command.nonzeros),
        memory=_memory(command.memory, command.format, command.precision),
        flops=_count(command.flops),
        data=_count(command.data),
        times_chinchilla=command.times_chinchilla,
        loss=command.loss,
        cost=_cost(command.cost, command.tokens_per_image, fitted),
        tolerance=1e-3 if command.tolerance is None else command.tolerance,
        confidence=command.confidence,
    )
    if command.json:
        _print_json(answer.to_json())
    else:
        text.show(text.plan_text(answer))


def plan_served(command: PlanCommand) -> None:
    from sparselaw.plan import plan_served as make_plan

    if command.memory or command.format or command.precision:
        raise UserError("--memory is for a model that is trained once; with --inference give --nonzeros if N is fixed")
    if command.loss is None or any((command.flops, command.data, command.times_chinchilla)):
        raise UserError(
            "with --inference give --loss, the loss to reach at the least cost, and --nonzeros if N is fixed"
        )
    fitted = open_fit(command.fit)
    answer = make_plan(
        fitted,
        loss=command.loss,
        inference=_count(command.inference) or 0.0,
        nonzero_params=_count(command.nonzeros),
        cost=_cost(command.cost, command.tokens_per_image, fitted),
        inference_cost=_cost(command.inference_cost, command.tokens_per_image, fitted, serving=True),
        gpu=_gpu(command),
        tolerance=1e-2 if command.tolerance is None else command.tolerance,
        confidence=command.confidence,
    )
    if command.json:
        _print_json(answer.to_json())
    else:
        text.show(text.served_text(answer))


def _gpu(command: PlanCommand) -> Gpu | None:
    from sparselaw.plan import Gpu

    utilisations = command.utilisation, command.inference_utilisation or command.utilisation
    if any(not 0 < share <= 1 for share in utilisations):
        raise UserError("--utilisation and --inference-utilisation are shares of the peak, between 0 and 1")
    if command.peak is None and command.price is not None:
        raise UserError("--price is of a GPU-hour, so give --peak, the FLOP/s of that GPU, as well")
    for name, value in (("peak", command.peak), ("price", command.price)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise UserError(f"--{name} must be a positive number, got {value:g}")
    if command.peak is None and command.inference_utilisation is None:
        return None
    return Gpu(*utilisations, command.peak, command.price)


def hardware(command: HardwareCommand) -> None:
    with _torch_for("measuring"):
        from sparselaw.plan.measuring import measure
    if not (command.batches and command.sparsities and command.shapes):
        raise UserError("--shapes, --batches and --sparsities need at least one value each")
    found = measure(
        shapes=[_shape(shape) for shape in command.shapes],
        batches=[_positive(batch, "batches") for batch in command.batches],
        sparsities=_levels(command.sparsities),
        rounds=_positive(command.rounds, "rounds"),
        threads=None if command.threads is None else _positive(command.threads, "threads"),
        progress=lambda line: print(line, file=sys.stderr),
    )
    if command.output:
        found.save(command.output)
    if command.json:
        _print_json(found.to_json())
    else:
        text.show(text.hardware_text(found))


def _shape(text: str) -> tuple[int, int]:
    rows, _, columns = text.lower().partition("x")
    if not (rows.isdecimal() and columns.isdecimal() and int(rows) and int(columns)):
        raise UserError(f"a shape is ROWSxCOLUMNS, such as 4096x1024, got {text!r}")
    return int(rows), int(columns)


def contours(command: ContoursCommand) -> None:
    from sparselaw.plan import contours as make_contours

    fitted = open_fit(command.fit)
    cost, levels = _cost(command.cost, command.tokens_per_image, fitted), _levels(command.levels)
    if command.inference is not None:
        _served_contours(command, fitted, cost, levels)
        return
    if command.loss is not None:
        raise UserError("--loss is an axis of the map over demand and loss; give --inference LOW:HIGH as well")
    found = make_contours(
        fitted,
        nonzero_params=_count_range(command.nonzeros),
        flops=_count_range(command.flops),
        cost=cost,
        levels=levels,
    )
    if command.output:
        from sparselaw.report import figures

        figures.save(figures.contour_figure(found, fitted), command.output)
    if command.json:
        _print_json({"cost": found.cost.name, **_arrays(found, leave=("cost",))})
    elif command.output:
        print(f"wrote {command.output}")
    else:
        text.show(text.contours_text(found))


def _served_contours(command: ContoursCommand, fitted: Fit, cost: Cost, levels: tuple[float, ...]) -> None:
    from sparselaw.plan import served_contours

    if command.nonzeros or command.flops:
        raise UserError(
            "with --inference the map is over demand and loss; give --loss LOW:HIGH, not --nonzeros or --flops"
        )
    inference, loss = _count_range(command.inference), _count_range(command.loss)
    assert inference is not None
    inference_cost = _cost(command.inference_cost, command.tokens_per_image, fitted, serving=True)
    found = served_contours(
        fitted, inference=inference, loss=loss, cost=cost, inference_cost=inference_cost, levels=levels
    )
    if command.output:
        from sparselaw.report import figures

        figures.save(figures.served_contour_figure(found, fitted), command.output)
    if command.json:
        names = {"cost": cost.name, "inference_cost": inference_cost.name}
        _print_json(names | _arrays(found, leave=("cost", "inference_cost")))
    elif command.output:
        print(f"wrote {command.output}")
    else:
        text.show(text.served_contours_text(found, fitted.data_unit))


def _arrays(found: object, *, leave: Sequence[str]) -> dict[str, Any]:
    record = {name: value for name, value in vars(found).items() if name not in leave}
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in record.items()}


def design(command: DesignCommand) -> None:
    from sparselaw.plan.command import design as choose_runs

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
        cost=_cost(command.cost, command.tokens_per_image, fitted),
        confidence=command.confidence,
        base=command.base,
        output=command.output,
    )
    if command.json:
        _print_json(found.to_json())
        return
    from sparselaw.report.design_text import design_text

    text.show(design_text(found))
    if command.output:
        print(f"wrote {command.output}; look at it with: sparselaw sweep {command.output} --dry-run")


def train(command: TrainCommand) -> None:
    """Exits with 1 if the run diverged and 143 if SIGTERM interrupted it."""
    with _torch_for("training"):
        from sparselaw.train.command import train as train_model
    sys.exit(train_model(command.config, output=command.output, overrides=command.overrides, json=command.json))


def sweep(command: SweepCommand) -> None:
    """Exits with 1 if a run is not finished in the end, and 130 after Ctrl-C."""
    _positive(command.threads, "threads")
    with _torch_for("training"):
        from sparselaw.sweep import command as sweeps
    if command.dry_run:
        from sparselaw.report import sweep_text

        seen = sweeps.look(command.sweep, threads=command.threads)
        workers = command.workers or sweeps.default_workers(command.threads)
        if command.json:
            _print_json([asdict(one) for one in seen])
        else:
            text.show(sweep_text.preview_text(seen, workers=workers))
        sys.exit(2 if any(one.problem for one in seen) else 0)
    sys.exit(
        sweeps.sweep(
            command.sweep,
            output=command.output,
            engine=command.engine,
            workers=command.workers,
            threads=command.threads,
            address=command.address,
            retry=command.retry,
            json=command.json,
        )
    )


def runs(command: RunsCommand) -> None:
    from sparselaw.report import sweep_text
    from sparselaw.runs.folders import runs_in, scan

    if command.output:
        runs_in(command.folder).write(command.output)
    states = scan(command.folder)
    if command.json:
        _print_json([{"name": one.name, "state": one.state, "reason": one.reason, **one.record} for one in states])
    else:
        text.show(sweep_text.runs_text(states))


def export(command: ExportCommand) -> None:
    with _torch_for("exporting"):
        from sparselaw.prune.command import export as export_model
    export_model(
        command.model,
        output=command.output,
        format=command.format,
        precision=command.precision,
        restore=command.restore,
        json=command.json,
    )


@contextmanager
def _torch_for(doing: str) -> Iterator[None]:
    """Turns a missing PyTorch into advice."""
    try:
        yield
    except ImportError as error:
        raise UserError(
            f"{doing} needs the package {error.name}; install it with pip install 'sparselaw[train]'"
        ) from error


def report(command: ReportCommand) -> None:
    from sparselaw.report.command import report as write_report

    write_report(
        command.source,
        output=command.output,
        fit_file=command.fit,
        columns=parse_columns(command.columns) if command.columns else None,
        num_draws=_positive(command.bootstrap, "bootstrap"),
        nonzero_params=_count(command.nonzeros),
        flops=_count(command.flops),
        cost=command.cost,
        units_per_datum=command.tokens_per_image,
        plotlyjs=command.plotlyjs,
        json=command.json,
    )


def demo(command: DemoCommand) -> None:
    with _torch_for("training"):
        from sparselaw.demo import demo as show_all

        show_all(command.output)


def _read(source: str, columns: str | None) -> Runs:
    return read_runs(source, columns=parse_columns(columns) if columns else None)


def _loss(runs: Runs, name: str | None, delta: float | None, quantile: float) -> Loss:
    name = name or PUBLISHED_LOSS.get(runs.name, "huber-log")
    if delta is not None and not name.startswith("huber"):
        raise UserError(f"--delta belongs to huber and huber-log; the loss {name} has none")
    return Loss(DELTAS[name] if delta is None else delta, log=name.endswith("-log"), quantile=quantile)


def _law(name: str) -> str | FunctionLaw:
    """A built-in law's name as it is; the function of FILE.py:FUNCTION as a law."""
    path, _, function = name.rpartition(":")
    if not path.endswith(".py"):
        return name
    namespace: dict[str, Any] = {"__name__": "sparselaw_user_law"}
    try:
        exec(
            compile(Path(path).read_text(encoding="utf-8"), path, "exec"), namespace
        )  # the user's own file, by request
    except OSError as error:
        raise UserError(f"cannot read the law's file {path}: {error.strerror}") from error
    except Exception as error:
        raise UserError(f"the law's file {path} fails: {type(error).__name__}: {error}") from error
    if not callable(namespace.get(function)):
        raise UserError(f"{path} has no function {function!r}")
    try:
        law = from_function(namespace[function])
        with np.errstate(all="ignore"):
            law.predict([sum(p.start) / 2 for p in law.parameters], np.array([0.0, 0.5]), 1e7, 1e10)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"the law {function} in {path} fails: {type(error).__name__}: {error}") from error
    return law


def _pairs(texts: Sequence[str], option: str, convert: Any) -> dict[str, Any]:
    pairs = {}
    for item in texts:
        name, _, value = item.partition("=")
        try:
            pairs[name] = convert(value)
        except ValueError as error:
            form = "NAME=VALUE" if option == "pin" else "NAME=LOW:HIGH"
            raise UserError(f"--{option} takes {form}, got {item!r}") from error
    return pairs


def _range(text: str) -> tuple[float, float]:
    low, _, high = text.partition(":")
    return float(low), float(high)


def _weights(runs: Runs, column: str | None) -> Array | None:
    if column is None:
        return None
    if column not in runs.table.columns:
        raise UserError(
            f"{runs.name} has no column {column!r} for weights; it has {', '.join(map(str, runs.table.columns))}"
        )
    try:
        return runs.table[column].to_numpy(dtype=float)
    except (TypeError, ValueError) as error:
        raise UserError(f"the weights in column {column!r} must be numbers") from error


def _profiles(fitted: Fit, runs: Runs, weights: Array | None, pin: dict, bounds: dict) -> list[Profile]:
    from sparselaw.fit import profile

    options = {"weights": weights, "pin": pin, "bounds": bounds}
    free = [name for name in fitted.law.names if name not in (*fitted.pinned, *fitted.at_bound)]
    profiles = [profile(fitted, runs, name, **options) for name in free]
    if isinstance(fitted.law, PowerLaw):
        profiles += [
            profile(fitted, runs, _multiplier(fitted.law, S), **options) for S in fitted.domain.sparsity if S > 0
        ]
    return profiles


def _multiplier(law: PowerLaw, S: float) -> Any:
    from sparselaw.plan import size_multiplier

    def multiplier(parameters: Array) -> Array:
        return size_multiplier(law, parameters, S)

    multiplier.__name__ = text.multiplier_name(S)
    return multiplier


def _fit_record(fitted: Fit) -> dict[str, Any]:
    record = fitted.to_json()
    del record["residuals"]
    if "bootstrap" in record:
        record["bootstrap"] = {**record["bootstrap"], "draws": len(fitted.draws)}
    return record


def _extras(profiles: Sequence[Profile], recipe: Sequence[Any]) -> dict[str, Any]:
    extras: dict[str, Any] = {}
    if profiles:
        extras["profile_intervals"] = {p.name: list(p.interval) for p in profiles}
    if recipe:
        extras["recipe"] = [asdict(attempt) for attempt in recipe]
    return extras


def _cost(name: str, tokens_per_image: float, fitted: Fit, *, serving: bool = False) -> Cost:
    """The cost of that name: ideal, or of a machine; of inference if `serving`."""
    from sparselaw.plan import Cost, open_hardware
    from sparselaw.prune.schedules import Schedule

    if not (np.isfinite(tokens_per_image) and tokens_per_image > 0):
        raise UserError(f"--tokens-per-image must be a positive number, got {tokens_per_image:g}")
    if tokens_per_image != 1 and fitted.data_unit != "images":
        raise UserError(f"{fitted.name} counts data in {fitted.data_unit}; --tokens-per-image is for laws in images")
    if name not in ("dense", "sparse"):
        machine = open_hardware(name)
        cost = machine.inference_cost if serving else machine.training_cost
        return cost(units_per_datum=tokens_per_image)
    schedule = Schedule.constant() if serving else Schedule()
    return Cost(sparse=name == "sparse", schedule=schedule, units_per_datum=tokens_per_image)


def _memory(size: str | None, format: str | None, precision: str | None) -> Memory | None:
    from sparselaw.plan import Memory, Storage

    if size is None:
        if format or precision:
            raise UserError("--format and --precision say how --memory stores weights; give --memory, such as 8GB")
        return None
    return Memory(parse_bytes(size), Storage(format or "bitmask", precision or "bf16"))


def _count(text: str | None) -> float | None:
    return None if text is None else parse_count(text)


def _count_range(text: str | None) -> tuple[float, float] | None:
    return None if text is None else parse_range(text)


def _levels(levels: tuple[float, ...]) -> tuple[float, ...]:
    if not levels:
        raise UserError("--levels needs at least one sparsity, such as 0.5")
    for level in levels:
        if not 0 < level < 1:
            raise UserError(f"sparsity levels lie between 0 and 1, got {level:g}")
    return tuple(sorted(levels))


def _positive(value: int, name: str) -> int:
    if value < 1:
        raise UserError(f"--{name} must be at least 1, got {value}")
    return value


def _print_json(record: Any) -> None:
    print(json.dumps(finite(record), indent=1))
