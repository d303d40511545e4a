"""A design: the question, the runs to train, and what they are expected to do for the answer."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from sparselaw.cost.training import Cost
from sparselaw.counts import format_count, format_flops
from sparselaw.errors import UserError
from sparselaw.files import save
from sparselaw.fit.result import finite
from sparselaw.laws import Array, PowerLaw
from sparselaw.laws.optimum import loss_on_budget, optimal_sparsity
from sparselaw.plan.estimate import Estimate, Quantity
from sparselaw.plan.question import LARGEST
from sparselaw.shown import Readable

WORTH = 0.9  # of the width of the interval now: more is not worth a run
LARGEST_TRIED = 64  # times the budget, for what would be worth it
Answer = Literal["sparsity", "loss"]


@dataclass(frozen=True)
class Target:
    """The question: the optimal sparsity of N non-zeros trained with C FLOPs, or the loss at that sparsity."""

    nonzero_params: float
    flops: float
    answer: Answer = "sparsity"

    def __post_init__(self) -> None:
        for value, unit in ((self.nonzero_params, "non-zeros"), (self.flops, "FLOPs")):
            if not 1 / LARGEST < value < LARGEST:
                raise UserError(f"A target of {value:g} {unit} is far from any training run; check its unit.")

    def quantity(self, law: PowerLaw, values: Array, cost: Cost) -> Quantity:
        """The answer as a function of parameters; the loss is at the sparsity that is best for `values`."""
        N, C = self.nonzero_params, self.flops
        if self.answer == "sparsity":
            return lambda parameters: optimal_sparsity(law, parameters, N, C, cost)
        S = float(optimal_sparsity(law, values, N, C, cost))
        return lambda parameters: loss_on_budget(law, parameters, S, N, C, cost)


@dataclass(frozen=True)
class Cell:
    """Runs to train: (N, S, D), how many seeds of it, and the training FLOPs of all of them."""

    nonzero_params: float
    sparsity: float
    data: float
    seeds: int
    flops: float


@dataclass(frozen=True)
class Rival:
    """The factorial grid of the same cost: how many runs it has, and the answer as expected after it."""

    num_runs: int
    after: Estimate


@dataclass(frozen=True)
class Design(Readable):
    """The runs to train next, and what they should do for the answer.

    Attributes:
        before: the answer with its interval now.
        after: as expected once the new runs are fitted with the old ones.
        rival: the same for the factorial grid of equal cost, None if the budget pays for none.
        efficiency: the variance of the best conceivable design, of fractions of runs and any number of seeds, over that of this.
        noise: standard deviation of a run as the fit sees it, in ln loss, or in loss, as the fit takes residuals.
        guess: whether the law is of other models: `before` is then what it says give or take, and `after` does without it.
        first_seed: of the new runs; earlier ones are taken to be below it.
        enough: where the runs are not recommended, a budget whose runs would be; None if none is found.
    """

    cells: tuple[Cell, ...]
    target: Target
    before: Estimate
    after: Estimate
    rival: Rival | None
    budget: float
    flops: float
    efficiency: float
    noise: float
    cost: str
    data_unit: str
    law: str
    fit: str
    guess: bool
    confidence: float
    first_seed: int
    warnings: tuple[str, ...]
    enough: float | None = None

    @property
    def recommended(self) -> bool:
        """Whether the interval is expected to become narrower by a tenth at least."""
        widths = (
            (self.after.high or 0.0) - (self.after.low or 0.0),
            (self.before.high or 0.0) - (self.before.low or 0.0),
        )
        return widths[0] <= WORTH * widths[1]

    @property
    def reason(self) -> str:
        """Why the runs are recommended or not, in a sentence."""
        if self.recommended:
            return "These runs are expected to narrow the interval."
        more = (
            f"a budget of {format_flops(self.enough)} FLOPs would"
            if self.enough
            else f"nor for {LARGEST_TRIED} times as much: allow more runs, or larger and longer ones"
        )
        return f"No runs for {format_flops(self.budget)} FLOPs are expected to narrow the interval by a tenth; {more}."

    @property
    def num_runs(self) -> int:
        return sum(cell.seeds for cell in self.cells)

    def to_json(self) -> dict[str, Any]:
        """The record; `cells` is empty where the runs are not recommended."""
        record = asdict(self) | {"num_runs": self.num_runs, "recommended": self.recommended, "reason": self.reason}
        return finite(record if self.recommended else record | {"cells": []})

    def to_toml(self, base: str) -> str:
        """The sweep file of the runs; `base` is the recipe, or the configuration file of one run, that they share."""
        question = "optimal sparsity" if self.target.answer == "sparsity" else "loss"
        size, budget = format_count(self.target.nonzero_params), format_count(self.target.flops)
        lines = [
            f"# {self.num_runs} runs, {format_count(self.flops)} FLOPs: the {question} at {size} non-zeros and {budget} FLOPs",
            f"base = {json.dumps(base)}",
        ]
        for cell in self.cells:
            lines += [
                "\n[[cells]]",
                f'nonzeros = "{format_count(cell.nonzero_params)}"',
                f"sparsity = {cell.sparsity!r}",
                f'data = "{format_count(cell.data)}"',
                f"seeds = {list(range(self.first_seed, self.first_seed + cell.seeds))}",
            ]
        return "\n".join(lines) + "\n"

    def save(self, path: str | Path, base: str | None = None) -> None:
        """Writes the sweep file, all of it or nothing.

        Args:
            path: of the file (.toml).
            base: recipe, or configuration file of one run, that the runs share; if None the laptop recipe for the data.

        Raises:
            UserError: the runs are not recommended, or the place cannot be written.
        """
        if not self.recommended:
            raise UserError(self.reason)
        usual = "vit-laptop" if self.data_unit == "images" else "decoder-laptop"
        save(path, self.to_toml(base or usual))
