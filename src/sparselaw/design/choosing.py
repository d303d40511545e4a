"""Which runs to train next: those that narrow the interval of one answer most for a budget of FLOPs.

The answer is the optimal sparsity, or the loss there, at a target (N, C). Of all runs that the limits allow, those are chosen
that minimise the expected variance of the answer after a refit (`weights`), given what the fit's bootstrap draws say is
known (`information`): Bayesian c-optimal design (Chaloner and Verdinelli 1995, Whittle 1973). Without runs of one's own,
another law is taken as a guess.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from sparselaw.cost.training import Cost
from sparselaw.design.candidates import Candidates, Limits, candidates, factorial, limits_around
from sparselaw.design.information import Beliefs, beliefs, guess, run_noise
from sparselaw.design.result import LARGEST_TRIED, Answer, Cell, Design, Rival, Target
from sparselaw.design.weights import Counts, Reals, optimal_weights, variances, whole_counts
from sparselaw.errors import UserError, arg, either, require_at_least
from sparselaw.fit.published import PUBLISHED_FITS
from sparselaw.fit.result import Fit, interval
from sparselaw.laws import Array, PowerLaw
from sparselaw.laws.optimum import chinchilla_flops, levels_of
from sparselaw.laws.search import MAX_SPARSITY
from sparselaw.plan.estimate import Estimate, Estimates, Quantity

FAR_SIZE = 2.5  # of a target not given, times the largest size allowed
FAR_TIMES = 5.0  # its FLOPs, times Chinchilla-optimal compute
GUESS_WEIGHT = 1e-3  # of what a guess claims to know: the fit of the new runs will not be told of it
SPENT = 0.9  # of the budget; a design that leaves more of it says so


@dataclass(frozen=True)
class Asked:
    """What is designed for, whatever the budget; arguments as in `choose`, with `fitted` a guess if it is one."""

    fitted: Fit
    law: PowerLaw
    target: Target
    limits: Limits
    max_runs: int | None
    cost: Cost
    noise: float
    as_guess: bool
    confidence: float


def far_target(fitted: Fit, limits: Limits, cost: Cost = Cost(), answer: Answer = "sparsity") -> Target:
    """A question beyond the new runs: 2.5 times their largest size, five times its Chinchilla-optimal compute."""
    N = FAR_SIZE * limits.nonzero_params[1]
    return Target(N, FAR_TIMES * float(chinchilla_flops(_asked_law(fitted, answer), fitted.values, N, cost)), answer)


def choose(
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
    """The runs that most reduce the variance of an answer, and if they hardly do, the budget from which runs would.

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
    law = _asked_law(fitted, target.answer if target else "sparsity")
    _check(budget, max_runs, confidence)
    as_guess = fitted.name in PUBLISHED_FITS if as_guess is None else as_guess
    limits = limits or limits_around(fitted)
    target = target or far_target(fitted, limits, cost)
    _check_sparsities(target, limits)
    fitted = guess(fitted, limits, seed) if as_guess else fitted
    asked = Asked(fitted, law, target, limits, max_runs, cost, run_noise(fitted, noise), as_guess, confidence)
    found = _chosen(asked, budget)
    if found.recommended:
        return found
    doublings = 2.0 ** np.arange(1, np.log2(LARGEST_TRIED) + 1)
    larger = (_chosen(asked, float(budget * factor)) for factor in doublings)
    return replace(found, enough=next((one.budget for one in larger if one.recommended), None))


def _chosen(asked: Asked, budget: float) -> Design:
    """The best runs for a budget, whether or not they are worth it."""
    fitted, target, limits, cost = asked.fitted, asked.target, asked.limits, asked.cost
    runs, grid = candidates(limits, budget, cost), factorial(limits, budget, cost)
    quantity = target.quantity(asked.law, fitted.values, cost)
    known = _known(asked, runs.joined(grid), quantity)
    shares = _shares(fitted, runs, budget, asked.max_runs or len(grid) or len(runs), limits.max_seeds)
    counts, efficiency = _counts(known.select(slice(len(runs))), shares, limits.max_seeds)
    before = _before(fitted, quantity, asked.confidence)

    def after(repeats: Reals) -> Estimate:
        return _expected(before.value, float(variances(known, repeats).mean()), asked.confidence, target.answer)

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
        noise=asked.noise,
        cost=cost.name,
        data_unit=fitted.data_unit,
        law=asked.law.name,
        fit=fitted.name,
        guess=asked.as_guess,
        confidence=asked.confidence,
        first_seed=0 if asked.as_guess else fitted.num_runs,
        warnings=_warnings(fitted, asked.as_guess, target, limits, before, spent / budget),
    )


def _check_sparsities(target: Target, limits: Limits) -> None:
    if target.answer == "sparsity" and not max(limits.sparsities) > 0:
        raise UserError(
            f"{arg('sparsities')} has dense runs only, which say nothing about the optimal sparsity; give sparse ones too, such "
            "as 0 0.5 0.75."
        )


def _before(fitted: Fit, quantity: Quantity, confidence: float) -> Estimate:
    """The answer now; with the interval over all draws even if the runs do not determine it."""
    found = Estimates(fitted, confidence)(quantity)
    drawn = quantity(fitted.draws)
    low, high = interval(drawn[~np.isnan(drawn)], confidence)
    return replace(found, low=low, high=high)


def _asked_law(fitted: Fit, answer: Answer) -> PowerLaw:
    law = fitted.planning_law()
    if answer == "sparsity" and not law.knows_sparsity:
        asked = either("answer='loss'", "--answer loss")
        how = either("design('t5-c4-refit', ...)", "sparselaw design t5-c4-refit")
        raise UserError(
            f"The law {law.name} says nothing about sparsity, so no runs can be designed to find the best one; ask for the loss "
            f"({asked}), or design a first sweep with a published law as a guess ({how})."
        )
    if law.knows_sparsity and levels_of(law):
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


def _known(asked: Asked, runs: Candidates, quantity: Quantity) -> Beliefs:
    fitted = asked.fitted
    if len(fitted.draws) < 2:
        raise UserError(
            f"The fit has no bootstrap draws, which say what is known so far; fit with {arg('bootstrap', 1000)}."
        )
    known = beliefs(asked.law, fitted.loss, fitted.draws, runs, quantity, asked.noise)
    return replace(known, prior=GUESS_WEIGHT * known.prior) if asked.as_guess else known


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
