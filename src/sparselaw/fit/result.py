"""The result of a fit: what was found and how far to trust it, kept as one JSON file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from cattrs import BaseValidationError, structure

from sparselaw.errors import UserError, either, first_line
from sparselaw.files import save
from sparselaw.fit.losses import Loss
from sparselaw.laws import Array, Law, PowerLaw, law_named
from sparselaw.shown import Shown

FORMAT = "sparselaw-fit/1"
MAKE_ONE = f"make one with {either('fit(runs).save(path)', 'sparselaw fit RUNS -o FIT.json')}."


@dataclass(frozen=True)
class Domain:
    """What the fitted runs cover: [lowest, highest] of each quantity, and the sparsities."""

    nonzero_params: tuple[float, float]
    data: tuple[float, float]
    loss: tuple[float, float]
    sparsity: tuple[float, ...]


@dataclass(frozen=True)
class Spread:
    """How far a new run may fall from the law; see `fit.calibration`.

    Attributes:
        noise: standard deviation in ln loss among the fitted runs.
        per_decade: standard deviation that each factor of ten in compute outside them adds.
        compute: lowest and highest weights, zeros included, times data, of the fitted runs.
    """

    noise: float
    per_decade: float
    compute: tuple[float, float]

    def at(self, compute: Array | float) -> Array:
        """Standard deviation in ln loss of a run of so many weights, zeros included, times data."""
        outside = np.maximum(np.log10(compute / self.compute[1]), np.log10(self.compute[0] / compute))
        return np.hypot(self.noise, self.per_decade * np.maximum(outside, 0.0))


@dataclass(frozen=True)
class Starts:
    """How many starting points were tried, how many converged, and how many of those reached the optimum."""

    tried: int
    converged: int
    at_optimum: int


@dataclass(frozen=True)
class Bootstrap:
    """Refits of resampled runs.

    Attributes:
        draws: parameters [converged draws, p] in natural units.
        by: what was resampled.
        tried: number of resamples.
        seed: of the resampling.
        centres: for each draw and free parameter with a prior, where its prior was centred [converged draws, num_priors].
    """

    draws: Array = field(repr=False)
    by: str
    tried: int
    seed: int
    centres: Array = field(default_factory=lambda: np.empty((0, 0)), repr=False)


@dataclass(frozen=True)
class Fit(Shown):
    """A fitted law.

    parameters: natural units, in the order of `law.names`.
    objective: weighted mean of the loss function over the runs.
    status: "converged", or a sentence that says what went wrong.
    condition: condition number of the weighted, column-scaled Jacobian over parameters not at a bound.
    residuals: predicted - measured of each run, in L or ln L as the loss function takes them.
    rivals: other minima that fit as well within the noise, natural, [k, p].
    unique: whether the minimum is a single point; if not, `parameters` are the most plausible ones of it.
    spread: of new runs around the law; None without draws.
    loss_unit: of the losses.
    source: path of the table and how it was read, if it was read from a file.
    cells: sparsity, N, D and mean ln loss of the fitted runs, repeats as one, [k, 4]; empty in published fits.
    """

    law: Law
    parameters: dict[str, float]
    loss: Loss
    objective: float
    status: str
    starts: Starts
    condition: float
    at_bound: tuple[str, ...]
    pinned: tuple[str, ...]
    residuals: Array = field(repr=False)
    domain: Domain
    num_runs: int
    name: str
    data_unit: str
    warnings: tuple[str, ...] = ()
    bootstrap: Bootstrap | None = None
    rivals: Array = field(default_factory=lambda: np.empty((0, 0)), repr=False)
    unique: bool = True
    spread: Spread | None = None
    cells: Array = field(default_factory=lambda: np.empty((0, 4)), repr=False)
    loss_unit: str = "nats"
    source: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def values(self) -> Array:
        """Parameters as an array [p]."""
        return np.array([self.parameters[name] for name in self.law.names])

    @property
    def pins(self) -> dict[str, float]:
        """The pinned parameters and their values."""
        return {name: self.parameters[name] for name in self.pinned}

    @property
    def draws(self) -> Array:
        """Bootstrap parameters [num_draws, p]; [0, p] without a bootstrap."""
        return self.bootstrap.draws if self.bootstrap else np.empty((0, len(self.law.names)))

    def predict(self, S: Array | float, N: Array | float, D: Array | float) -> Array:
        """Loss at sparsity S, non-zeros N and data D, which broadcast."""
        return self.law.predict(self.values, S, N, D)

    def planning_law(self) -> PowerLaw:
        """The law, if it is one that can be planned with.

        Raises:
            UserError: the law is a function of the user's own, or ignores the data.
        """
        if not isinstance(self.law, PowerLaw):
            raise UserError(
                f"{self.law.name} is a law of your own, which cannot be planned with; fit a built-in law, such as paper."
            )
        if not self.law.knows_data:
            raise UserError(
                f"The law {self.law.name} knows one duration and cannot be planned with; it says what a sparsity is worth there "
                "(see the multipliers of the fit). For plans, add runs of other durations."
            )
        return self.law

    def intervals(self, level: float = 0.95) -> dict[str, tuple[float, float]]:
        """Percentile bootstrap interval of each parameter; empty without a bootstrap."""
        if not len(self.draws):
            return {}
        return {name: interval(self.draws[:, k], level) for k, name in enumerate(self.law.names)}

    def to_json(self) -> dict[str, Any]:
        """The contents of a fit file, which `Fit.from_json` reads back."""
        record: dict[str, Any] = {"format": FORMAT, "law": self.law.name}
        for name in (
            "name",
            "parameters",
            "objective",
            "status",
            "condition",
            "at_bound",
            "pinned",
            "num_runs",
            "data_unit",
            "loss_unit",
        ):
            record[name] = getattr(self, name)
        record |= {"loss": asdict(self.loss), "starts": asdict(self.starts), "domain": asdict(self.domain)}
        record |= {"warnings": list(self.warnings), "residuals": self.residuals.tolist(), "cells": self.cells.tolist()}
        record |= {"rivals": self.rivals.tolist(), "unique": self.unique, "spread": self.spread and asdict(self.spread)}
        if self.source:
            record["source"] = dict(self.source)
        if self.bootstrap:
            record["intervals"] = self.intervals()
            arrays = {name: getattr(self.bootstrap, name).tolist() for name in ("draws", "centres")}
            record["bootstrap"] = asdict(self.bootstrap) | arrays
        return record

    def save(self, path: str | Path) -> None:
        """Write the fit file, all of it or nothing; it names the table that it was made from by the way there.

        Raises:
            UserError: the place cannot be written.
        """
        record = self.to_json()
        if self.source:
            record["source"]["path"] = os.path.relpath(self.source["path"], Path(path).resolve().parent)
        save(path, json.dumps(finite(record), indent=1))

    @classmethod
    def from_json(cls, record: dict[str, Any], *, law: Law | None = None) -> Fit:
        """The fit in a fit file's contents; `law` is needed for a law of your own only.

        Raises:
            KeyError, TypeError, ValueError: not the contents of a fit file.
        """
        boot = record.get("bootstrap")
        loss = {**record["loss"], "delta": _number(record["loss"]["delta"])}
        return cls(
            law=law or _law(record),
            parameters={name: _number(value) for name, value in record["parameters"].items()},
            loss=structure(loss, Loss),
            objective=_number(record["objective"]),
            status=record["status"],
            starts=structure(record["starts"], Starts),
            condition=_number(record["condition"]),
            at_bound=tuple(record["at_bound"]),
            pinned=tuple(record["pinned"]),
            residuals=np.array(record["residuals"], dtype=float),
            domain=structure(record["domain"], Domain),
            num_runs=int(record["num_runs"]),
            name=record["name"],
            data_unit=record["data_unit"],
            loss_unit=record.get("loss_unit", "nats"),
            source=record.get("source"),
            warnings=tuple(record["warnings"]),
            bootstrap=_bootstrap(boot, len(record["parameters"])) if boot else None,
            rivals=_rows(record.get("rivals", []), len(record["parameters"])),
            unique=record.get("unique", True),
            spread=structure(record["spread"], Spread) if record.get("spread") else None,
            cells=_rows(record.get("cells", []), 4),
        )


def load_fit(path: str | Path, *, law: Law | None = None) -> Fit:
    """Read a fit file.

    Raises:
        UserError: no such file, not a fit file, or a fit of a law of your own that was not given.
    """
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"Cannot read the fit file {path} ({error.strerror}); give a file that can be read.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not a fit file, because it is not JSON; {MAKE_ONE}") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise UserError(f"{path} is not a fit file; {MAKE_ONE}")
    try:
        return Fit.from_json(record, law=law)
    except UserError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, BaseValidationError) as error:
        raise UserError(f"The fit file {path} is damaged ({_reason(error)}); {MAKE_ONE}") from error


def _reason(error: Exception) -> str:
    while isinstance(error, BaseValidationError):  # a group: its first member says what is wrong
        error = error.exceptions[0]
    return first_line(error)


def interval(draws: Array, level: float = 0.95) -> tuple[float, float]:
    """Central percentile interval of draws [num_draws]; NaN where it ends among infinite ones."""
    with np.errstate(invalid="ignore"):
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def finite(value: Any) -> Any:
    """The same JSON value with NaN and infinities, which JSON does not have, as null."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value


def _number(value: float | None) -> float:
    return np.inf if value is None else float(value)


def _rows(rows: list[list[float | None]], width: int) -> Array:
    """A table [n, width]; null is infinite."""
    return np.array([[_number(value) for value in row] for row in rows], dtype=float).reshape(-1, width)


def _bootstrap(record: dict[str, Any], num_parameters: int) -> Bootstrap:
    draws = _rows(record["draws"], num_parameters)
    if len(draws) != len(record["draws"]):
        raise ValueError(f"bootstrap draws are not of {num_parameters} parameters")
    centres = np.array(record.get("centres") or np.empty((0, 0)), dtype=float)
    return Bootstrap(draws, record["by"], int(record["tried"]), int(record["seed"]), centres)


def _law(record: dict[str, Any]) -> PowerLaw:
    levels = [float(name[2:]) for name in record["parameters"] if name[:2] == "a_" and name[2:3].isdigit()]
    law = law_named(record["law"], levels=levels or [0.0])
    if set(law.names) != set(record["parameters"]):
        raise UserError(f"The fit file has other parameters than its law {record['law']}; {MAKE_ONE}")
    return law
