"""What a dense checkpoint is worth: the data that sparse training from scratch needs to match its sparsified self.

Runs that started from a checkpoint of D1 data and became sparse within D2 more are held against runs of the same N and S
from scratch (Frantar et al., arXiv 2309.08520, section 5). With D* the data at which the from-scratch loss equals theirs,

    factor of the second step = D* / D2        factor of both steps = D* / (D1 + D2)

The loss from scratch is read off the fitted law, or between runs: straight lines of mean ln L over ln D. Intervals come
from the noise of ln L over repeated runs (pooled, Student's t) and, with a law, from its draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparselaw.errors import UserError, arg
from sparselaw.fit.result import Fit, interval
from sparselaw.laws import Array, PowerLaw
from sparselaw.runs import Runs

SAME = 0.02  # relative difference of N up to which two models count as of one size
NUM_DRAWS = 4000

Interval = tuple[float, float]


@dataclass(frozen=True)
class CheckpointValue:
    """One cell of runs that started from dense checkpoints.

    Attributes:
        sparsity: S at the end.
        nonzero_params: N at the end.
        data_before: D1, seen by the checkpoint; None if unknown.
        data: D2, seen while becoming sparse.
        loss: mean of the cell.
        num_runs: in the cell.
        data_needed: D* from scratch.
        data_needed_interval: of D*; None without repeated runs.
        extrapolated: whether D* lies outside the data of the runs from scratch.
    """

    sparsity: float
    nonzero_params: float
    data_before: float | None
    data: float
    loss: float
    num_runs: int
    data_needed: float
    data_needed_interval: Interval | None
    extrapolated: bool

    @property
    def factor(self) -> float:
        """D* / D2."""
        return self.data_needed / self.data

    @property
    def data_of_both(self) -> float | None:
        """D1 + D2."""
        return None if self.data_before is None else self.data_before + self.data

    @property
    def factor_of_both(self) -> float | None:
        """D* / (D1 + D2)."""
        return None if (both := self.data_of_both) is None else self.data_needed / both

    def interval_over(self, data: float) -> Interval | None:
        """Of D* in units of this much data."""
        return None if (found := self.data_needed_interval) is None else (found[0] / data, found[1] / data)


def compare_pretrained(runs: Runs, law: Fit | None = None, *, level: float = 0.95) -> list[CheckpointValue]:
    """What checkpoints were worth, cell by cell.

    Args:
        runs: with a column `init`, empty for runs from scratch, and `init_data`, D1.
        law: fit of runs from scratch to read their loss off; without one, the runs themselves are joined by lines.
        level: of the intervals.

    Raises:
        UserError: there are no such runs, none from scratch beside them, or the law is of other models.
    """
    if "init" not in runs.table:
        raise UserError(
            f"{runs.name} has no column 'init'; add one that names the checkpoint of each run that started from one."
        )
    started = runs.table["init"].fillna("").astype(str).to_numpy() != ""
    sparse = runs.sparsity > 0
    if not (started & sparse).any():
        raise UserError(
            f"{runs.name} has no sparse runs that started from a checkpoint; give some, with the checkpoint in column 'init'."
        )
    noise = _noise(runs, started)
    found = [
        _value(runs, cell, _scratch(runs, cell, sparse & ~started, law), noise, level)
        for cell in _cells(runs, started & sparse)
    ]
    if law is not None and not any(np.isfinite(one.data_needed) for one in found):
        raise UserError(
            f"No amount of data reaches these losses by the law of {law.name}; give a fit of runs from scratch like these."
        )
    return found


@dataclass(frozen=True)
class _Noise:
    """Standard deviation of ln L over repeated runs, and its degrees of freedom; 0 of them if none were repeated."""

    deviation: float
    freedom: int

    def draws(self, rng: np.random.Generator) -> Array:
        """What the standard deviation may be, [NUM_DRAWS]."""
        return self.deviation / np.sqrt(rng.chisquare(self.freedom, NUM_DRAWS) / self.freedom)


@dataclass(frozen=True)
class _Lines:
    """Runs of one model from scratch: ln D ascending, mean ln L and number of runs at each, [num_budgets]."""

    log_data: Array
    log_loss: Array
    counts: NDArray[np.intp]

    def data_at(self, log_loss: float) -> float:
        return float(_crossing(self.log_data, self.log_loss[None], np.array([log_loss]))[0])

    def draws(self, log_loss: Array, deviation: Array, rng: np.random.Generator) -> Array:
        errors = rng.standard_normal((len(log_loss), len(self.counts))) / np.sqrt(self.counts)
        lines = self.log_loss + deviation[:, None] * errors
        return _crossing(self.log_data, lines, log_loss)

    @property
    def domain(self) -> Interval:
        return float(np.exp(self.log_data[0])), float(np.exp(self.log_data[-1]))


@dataclass(frozen=True)
class _Curve:
    """The fitted law at one S and N."""

    fit: Fit
    S: float
    N: float

    def data_at(self, log_loss: float) -> float:
        return float(self._data(self.fit.values, np.asarray(log_loss)))

    def draws(self, log_loss: Array, deviation: Array, rng: np.random.Generator) -> Array:
        if not len(self.fit.draws):
            return self._data(self.fit.values, log_loss)
        return self._data(self.fit.draws[rng.integers(len(self.fit.draws), size=len(log_loss))], log_loss)

    def _data(self, parameters: Array, log_loss: Array) -> Array:
        law = self.fit.law
        assert isinstance(law, PowerLaw)
        rest = law.capacity(parameters, self.S, self.N) + law.floor(parameters)
        return law.data_for(parameters, np.exp(log_loss) - rest)

    @property
    def domain(self) -> Interval:
        return self.fit.domain.data


def _crossing(log_data: Array, log_loss: Array, target: Array) -> Array:
    """D [n] at which lines through (log_data [k], log_loss [n, k]) first fall to `target` [n]; end lines go on."""
    falling = np.minimum.accumulate(log_loss, axis=1)
    right = np.clip((falling > target[:, None]).sum(axis=1), 1, falling.shape[1] - 1)
    row = np.arange(len(target))
    before, after = falling[row, right - 1], falling[row, right]
    with np.errstate(divide="ignore", invalid="ignore"):  # the last line may be flat, and then never reaches lower
        share = np.where(target == before, 0, (before - target) / (before - after))
    return np.exp(log_data[right - 1] + share * (log_data[right] - log_data[right - 1]))


def _cells(runs: Runs, chosen: NDArray[np.bool_]) -> Iterator[Runs]:
    """Runs of one S, N, D1 and D2."""
    table = runs.table.assign(init_data=runs.table.get("init_data"))
    keys = ["sparsity", "nonzero_params", "data", "init_data"]
    for _, rows in table[chosen].groupby(keys, dropna=False):
        yield runs.select(rows.index.to_numpy())


def _scratch(runs: Runs, cell: Runs, scratch: NDArray[np.bool_], law: Fit | None) -> _Lines | _Curve:
    S, N = cell.sparsity[0], cell.nonzero_params[0]
    if law is not None:
        if not isinstance(law.law, PowerLaw):
            raise UserError("A law of your own cannot be solved for the data; fit a built-in one, such as paper.")
        return _Curve(law, S, N)
    alike = scratch & (np.abs(runs.sparsity - S) < 1e-6) & (np.abs(runs.nonzero_params / N - 1) < SAME)
    means = (
        runs.table[alike].assign(log_loss=np.log(runs.loss[alike])).groupby("data")["log_loss"].agg(["mean", "size"])
    )
    if len(means) < 2:
        raise UserError(
            f"{runs.name} has runs from scratch of {N:.4g} non-zeros and sparsity {S:g} at {len(means)} amounts of data; "
            f"give runs at two at least, or a law with {arg('fit')}."
        )
    return _Lines(np.log(means.index.to_numpy(dtype=float)), means["mean"].to_numpy(), means["size"].to_numpy())


def _value(runs: Runs, cell: Runs, curve: _Lines | _Curve, noise: _Noise, level: float) -> CheckpointValue:
    log_loss, rng = float(np.log(cell.loss).mean()), np.random.default_rng(0)
    needed, found = curve.data_at(log_loss), None
    if noise.freedom:
        deviation = noise.draws(rng)
        losses = log_loss + deviation / np.sqrt(len(cell)) * rng.standard_normal(NUM_DRAWS)
        found = interval(curve.draws(losses, deviation, rng), level)
    before = cell.table["init_data"].iloc[0] if "init_data" in cell.table else np.nan
    low, high = curve.domain
    return CheckpointValue(
        sparsity=float(cell.sparsity[0]),
        nonzero_params=float(cell.nonzero_params[0]),
        data_before=float(before) if before == before else None,
        data=float(cell.data[0]),
        loss=float(np.exp(log_loss)),
        num_runs=len(cell),
        data_needed=needed,
        data_needed_interval=found,
        extrapolated=not low <= needed <= high,
    )


def _noise(runs: Runs, started: NDArray[np.bool_]) -> _Noise:
    """Pooled over runs alike in N, S, D and in whether they started from a checkpoint."""
    table = runs.table.assign(started=started, log_loss=np.log(runs.loss))
    logs = table.groupby(["nonzero_params", "sparsity", "data", "started"])["log_loss"]
    freedom = len(table) - logs.ngroups
    squares = float(((table["log_loss"] - logs.transform("mean")) ** 2).sum())
    return _Noise(np.sqrt(squares / freedom) if freedom else 0.0, freedom)
