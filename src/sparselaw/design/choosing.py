"""Which runs to train next: those that narrow the interval of one answer most for a budget of FLOPs.

The answer is the optimal sparsity, or the loss there, at a target (N, C). Of all runs that the limits allow, those are chosen
that minimise the expected variance of the answer after a refit (`weights`), given what the fit's bootstrap draws say is
known (`information`): Bayesian c-optimal design (Chaloner and Verdinelli 1995, Whittle 1973). Without runs of one's own,
another law is taken as a guess.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import NormalDist
from typing import Any, Literal, TypedDict, Unpack

import numpy as np

from sparselaw.cost.training import Cost
from sparselaw.counts import format_count, format_flops
from sparselaw.design.candidates import Candidates, Limits, candidates, factorial, limits_around
from sparselaw.design.information import Beliefs, beliefs, guess, run_noise
from sparselaw.design.weights import Counts, Reals, optimal_weights, variances, whole_counts
from sparselaw.errors import UserError, arg, either, require_at_least
from sparselaw.files import save
from sparselaw.fit.published import PUBLISHED_FITS
from sparselaw.fit.result import Fit, finite, interval
from sparselaw.laws import Array, PowerLaw
from sparselaw.laws.optimum import chinchilla_flops, levels_of, loss_on_budget, optimal_sparsity
from sparselaw.laws.search import MAX_SPARSITY
from sparselaw.plan.estimate import Estimate, Estimates, Quantity
from sparselaw.plan.question import LARGEST
from sparselaw.shown import Readable

WORTH = 0.9  # of the width of the interval now: more is not worth a run
LARGER = (4.0, 16.0, 64.0)  # times the budget, for what would be worth it
FAR_SIZE = 2.5  # of a target not given, times the largest size allowed
FAR_TIMES = 5.0  # its FLOPs, times Chinchilla-optimal compute
GUESS_WEIGHT = 1e-3  # of what a guess claims to know: the fit of the new runs will not be told of it
SPENT = 0.9  # of the budget; a design that leaves more of it says so
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
        enough: where the runs are not recommended, a budget whose runs would be; None if none up to 64 times this one's.
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
            else "nor for 64 times as much: allow more runs, or larger and longer ones"
        )
        return f"No runs for {format_flops(self.budget)} FLOPs are expected to narrow the interval by a tenth; {more}."

    @property
    def num_runs(self) -> int:
        return sum(cell.seeds for cell in self.cells)

    def to_json(self) -> dict[str, Any]:
        return finite(
            asdict(self) | {"num_runs": self.num_runs, "recommended": self.recommended, "reason": self.reason}
        )

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


def far_target(fitted: Fit, limits: Limits, cost: Cost = Cost(), answer: Answer = "sparsity") -> Target:
    """A question beyond the new runs: 2.5 times their largest size, five times its Chinchilla-optimal compute."""
    N = FAR_SIZE * limits.nonzero_params[1]
    return Target(N, FAR_TIMES * float(chinchilla_flops(_asked_law(fitted), fitted.values, N, cost)), answer)


def choose(fitted: Fit, *, budget: float, **options: Unpack[Options]) -> Design:
    """The runs that most reduce the variance of an answer, and if they hardly do, the budget from which runs would.

    Arguments and errors as `chosen`.
    """
    found = chosen(fitted, budget=budget, **options)
    if found.recommended:
        return found
    larger = (chosen(fitted, budget=budget * factor, **options) for factor in LARGER)
    return replace(found, enough=next((one.budget for one in larger if one.recommended), None))


class Options(TypedDict, total=False):
    """The options of `chosen`."""

    target: Target | None
    limits: Limits | None
    max_runs: int | None
    cost: Cost
    noise: float | None
    as_guess: bool | None
    confidence: float
    seed: int


def chosen(
    fitted: Fit,
    *,
    budget: float,
    target: Target | None = None,
    limits: Limits | None = None,
    max_runs: int | None = None,
    cost: Cost = Cost(),
    noise: float | None = None,
    as_guess: bool | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> Design:
    """The runs that most reduce the variance of an answer.

    Args:
        fitted: a fit with bootstrap draws, whose runs the new ones will join; or a guess at the law.
        budget: FLOPs for all new runs together.
        target: the question; if None the optimal sparsity at `far_target`.
        limits: what new runs may be; if None from the smallest fitted runs to four times the largest.
        max_runs: at most so many; if None as many as the factorial grid has.
        cost: how FLOPs are counted.
        noise: standard deviation of a run's residual; if None that of the fit.
        as_guess: whether the fit is of other models, so that new runs will be fitted alone; if None for the published laws.
        confidence: of the intervals.
        seed: of the draws around a guess.

    Raises:
        UserError: a law that cannot be asked, a budget below the cheapest run, a fit without draws, an answer that no run can
            sharpen.
    """
    law = _asked_law(fitted)
    _check(budget, max_runs, confidence)
    as_guess = fitted.name in PUBLISHED_FITS if as_guess is None else as_guess
    limits = limits or limits_around(fitted.domain)
    target = target or far_target(fitted, limits, cost)
    runs, grid = candidates(limits, budget, cost), factorial(limits, budget, cost)
    if as_guess:
        fitted = guess(fitted, limits, seed)
    quantity, deviation = target.quantity(law, fitted.values, cost), run_noise(fitted, noise)
    known = _known(fitted, law, runs.joined(grid), quantity, deviation, as_guess)
    shares = _shares(fitted, runs, budget, max_runs or len(grid) or len(runs), limits.max_seeds)
    counts, efficiency = _counts(known.select(slice(len(runs))), shares, limits.max_seeds)
    before = _before(fitted, quantity, confidence)

    def after(repeats: Reals) -> Estimate:
        return _expected(before.value, float(variances(known, repeats).mean()), confidence, target.answer)

    cells = _cells(runs, counts)
    spent = sum(cell.flops for cell in cells)
    return Design(
        cells=cells,
        target=target,
        before=before,
        after=after(np.concatenate([counts, np.zeros(len(grid), dtype=np.intp)])),
        rival=Rival(len(grid), after(np.repeat([0, 1], [len(runs), len(grid)]))) if len(grid) else None,
        budget=budget,
        flops=spent,
        efficiency=efficiency,
        noise=deviation,
        cost=cost.name,
        data_unit=fitted.data_unit,
        law=law.name,
        fit=fitted.name,
        guess=as_guess,
        confidence=confidence,
        first_seed=0 if as_guess else fitted.num_runs,
        warnings=_warnings(fitted, as_guess, target, limits, before, spent / budget),
    )


def _before(fitted: Fit, quantity: Quantity, confidence: float) -> Estimate:
    """The answer now; with the interval over all draws even if the runs do not determine it."""
    found = Estimates(fitted, confidence)(quantity)
    drawn = quantity(fitted.draws)
    low, high = interval(drawn[~np.isnan(drawn)], confidence)
    return replace(found, low=low, high=high)


def _asked_law(fitted: Fit) -> PowerLaw:
    law = fitted.planning_law()
    if not law.knows_sparsity:
        raise UserError(
            f"The law {law.name} says nothing about sparsity, so no runs can be designed with it; design a first sweep with a "
            f"published law as a guess ({either('design(..., guess=True)', 'sparselaw design t5-c4-refit --guess')})."
        )
    if levels_of(law):
        raise UserError(
            f"The law {law.name} knows the fitted sparsities only and cannot be designed for; fit another law."
        )
    return law


def _check(budget: float, max_runs: int | None, confidence: float) -> None:
    if not 0 < budget < np.inf:
        raise UserError(f"{arg('budget')} is {budget:g}; give a positive number of FLOPs.")
    if max_runs is not None:
        require_at_least(1, max_runs=max_runs)
    if not 0 < confidence < 1:
        raise UserError(f"{arg('confidence')} is {confidence:g}; give a number between 0 and 1.")


def _known(fitted: Fit, law: PowerLaw, runs: Candidates, quantity: Quantity, noise: float, as_guess: bool) -> Beliefs:
    if len(fitted.draws) < 2:
        raise UserError(
            f"The fit has no bootstrap draws, which say what is known so far; fit with {arg('bootstrap', 1000)}."
        )
    known = beliefs(law, fitted.loss, fitted.draws, runs, quantity, noise)
    return replace(known, prior=GUESS_WEIGHT * known.prior) if as_guess else known


def _shares(fitted: Fit, runs: Candidates, budget: float, max_runs: int, max_seeds: int) -> Array:
    """Of the FLOPs and of the number of runs, that each candidate takes, [2, n].

    Of a fit whose runs share their noise by cell, [2 + num_cells, n]: a second run of a size and sparsity tells little.
    """
    shares = np.stack([runs.flops / budget, np.full(len(runs), 1 / max_runs)])
    if not (fitted.bootstrap and fitted.bootstrap.by == "cell"):
        return shares
    cells = np.unique(np.stack([runs.nonzero_params, runs.sparsity]), axis=1, return_inverse=True)[1].ravel()
    return np.vstack([shares, (cells == np.arange(cells.max() + 1)[:, None]) / max_seeds])


def _counts(known: Beliefs, shares: Array, max_seeds: int) -> tuple[Counts, float]:
    """How many of each candidate, and their efficiency; `shares` of the resources as in `optimal_weights`."""
    best = optimal_weights(known, shares)
    counts = whole_counts(known, best.values, shares, most=max_seeds)
    return counts, (best.variance - best.excess) / float(variances(known, counts).mean())


def _cells(runs: Candidates, counts: Counts) -> tuple[Cell, ...]:
    columns = (runs.nonzero_params, runs.sparsity, runs.data, counts, counts * runs.flops)
    rows = zip(*(column[counts > 0].tolist() for column in columns), strict=True)
    return tuple(Cell(*row) for row in rows)


def _expected(value: float, variance: float, confidence: float, answer: Answer) -> Estimate:
    half = NormalDist().inv_cdf((1 + confidence) / 2) * float(np.sqrt(variance))
    low, high = (0.0, MAX_SPARSITY) if answer == "sparsity" else (0.0, np.inf)
    return Estimate(value, max(low, value - half), min(high, value + half))


def _warnings(
    fitted: Fit, as_guess: bool, target: Target, limits: Limits, before: Estimate, spent: float
) -> tuple[str, ...]:
    sentences = []
    if fitted.status != "converged":
        sentences.append(f"The fit is {fitted.status}.")
    if as_guess:
        sentences.append(
            f"{fitted.name} is only a guess at the law of your runs: fit the first of them, then design the rest."
        )
    sentences += _extrapolation(target.nonzero_params, *limits.nonzero_params)
    if target.answer == "sparsity" and not 0 < before.value < MAX_SPARSITY:
        edge = "dense" if before.value == 0 else f"the highest sparsity considered, {MAX_SPARSITY}"
        sentences.append(f"The optimum at the target is {edge}: the expected intervals are rough there.")
    if spent < SPENT:
        sentences.append(
            f"Only {spent:.0%} of the budget is spent: allow larger or longer runs, or more of them, to spend the rest."
        )
    return tuple(sentences)


def _extrapolation(N: float, smallest: float, largest: float) -> list[str]:
    if smallest / 1.001 <= N <= largest * 1.001:
        return []
    far = (
        f"{N / largest:.3g} times larger than the largest"
        if largest < N
        else f"{smallest / N:.3g} times smaller than the smallest"
    )
    return [f"The target is {far} run allowed: the answer extrapolates the law."]
