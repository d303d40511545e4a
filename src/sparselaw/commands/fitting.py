"""The commands `fit` and `compare`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sparselaw.commands.options import check_output, not_negative, positive, print_json, read
from sparselaw.errors import UserError
from sparselaw.fit import Fit, Loss, Profile
from sparselaw.fit.losses import DELTAS, PUBLISHED_LOSS
from sparselaw.laws import Array, FunctionLaw, PowerLaw, from_function
from sparselaw.report.fit_text import compare_text, fit_text, multiplier_name, recipe_text
from sparselaw.report.text import show
from sparselaw.runs import Runs

if TYPE_CHECKING:
    from sparselaw.cli import CompareCommand, FitCommand

RECIPE_SEEDS = 10


def fit(command: FitCommand) -> None:
    from sparselaw.fit import bootstrap, run_published_recipe
    from sparselaw.fit import fit as fit_law

    check_output(command.output, "a fit", ".json")
    num_draws, seed = not_negative(command.bootstrap, "bootstrap"), not_negative(command.seed, "seed")
    runs = read(command.runs, command.columns)
    loss = _loss(runs, command.loss, command.delta, command.quantile)
    options = {
        "pin": _pairs(command.pin, "pin", float),
        "bounds": _pairs(command.bound, "bound", _range),
        "weights": _weights(runs, command.weights),
    }
    num_starts = positive(command.starts, "starts")
    fitted = fit_law(runs, _law(command.law), loss=loss, num_starts=num_starts, seed=seed, **options)
    if num_draws:
        fitted = bootstrap(fitted, runs, num_draws=num_draws, by=command.by, seed=seed, **options)
    profiles = _profiles(fitted, runs, options) if command.profile else []
    recipe = [run_published_recipe(runs, loss, seed) for seed in range(RECIPE_SEEDS)] if command.recipe else []
    if command.output:
        fitted.save(command.output)
    drawn = []
    if command.figures:
        from sparselaw.report import figures

        drawn = figures.save_fit_figures(fitted, runs, profiles, command.figures)
    if command.json:
        print_json(_fit_record(fitted) | _extras(profiles, recipe))
        return
    show(fit_text(fitted, profiles))
    if recipe:
        show(recipe_text(fitted, recipe))
    if drawn:
        print("wrote " + ", ".join(map(str, drawn)))


def compare(command: CompareCommand) -> None:
    from sparselaw.fit import compare as compare_laws

    runs = read(command.runs, command.columns)
    comparisons = compare_laws(runs, loss=_loss(runs, command.loss, command.delta, 0.5))
    if not command.json:
        show(compare_text(comparisons))
        return
    print_json(
        [
            _fit_record(c.fit)
            | {"aic": c.aic, "bic": c.bic, "extrapolation_error": c.extrapolation_error}
            | {"hold_outs": [asdict(h) for h in c.hold_outs]}
            for c in comparisons
        ]
    )


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


def _profiles(fitted: Fit, runs: Runs, options: dict[str, Any]) -> list[Profile]:
    from sparselaw.fit import profile

    free = [name for name in fitted.law.names if name not in (*fitted.pinned, *fitted.at_bound)]
    profiles = [profile(fitted, runs, name, **options) for name in free]
    if isinstance(fitted.law, PowerLaw):
        profiles += [
            profile(fitted, runs, _multiplier(fitted.law, S), **options) for S in fitted.domain.sparsity if S > 0
        ]
    return profiles


def _multiplier(law: PowerLaw, S: float) -> Any:
    from sparselaw.laws import size_multiplier

    def multiplier(parameters: Array) -> Array:
        return size_multiplier(law, parameters, S)

    multiplier.__name__ = multiplier_name(S)
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
