"""The verb: from what a caller has (a fit or its name, ranges, a budget) to the runs to train next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sparselaw.cost.machine import open_cost
from sparselaw.cost.training import Cost
from sparselaw.counts import as_count
from sparselaw.design.candidates import Limits, limits_around
from sparselaw.design.choosing import choose, far_target
from sparselaw.design.result import Answer, Design, Target
from sparselaw.errors import UserError, arg
from sparselaw.fit.published import open_fit
from sparselaw.fit.result import Fit
from sparselaw.plan.question import CONFIDENCE, check_units, on_schedule_of

Range = tuple[float, float]


def design(
    fit: Fit | str | Path,
    *,
    budget: float | str,
    target: Range | None = None,
    answer: Answer = "sparsity",
    nonzeros: Range | None = None,
    data: Range | None = None,
    sparsities: Sequence[float] = (),
    max_runs: int | None = None,
    max_seeds: int = 1,
    noise: float | None = None,
    guess: bool | None = None,
    cost: str | Cost = "dense",
    ramp: str | tuple[float, float] | None = None,
    tokens_per_image: float = 1.0,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Design:
    """The runs to train next: those that narrow the interval of one answer most for a budget.

    Args:
        fit: a fit with bootstrap draws, a published law such as `t5-c4-refit`, or the path of a fit file.
        budget: training FLOPs of all new runs together, as a number or text such as `1e18`.
        target: (non-zeros, FLOPs) of the question; if None 2.5 times the largest size allowed, at five times its
            Chinchilla-optimal compute.
        answer: what is asked there: the optimal "sparsity", or the "loss" at it.
        nonzeros: (lowest, highest) size of new runs; from the smallest fitted to 4 times the largest if None.
        data: (lowest, highest) data of new runs; likewise if None.
        sparsities: of new runs; the fitted ones if empty.
        max_runs: at most so many; as many as a factorial grid has if None.
        max_seeds: at most so many runs of one size, sparsity and data; of one size and sparsity for a fit resampled by cell.
        noise: standard deviation of a run's residual; estimated from the fit if None.
        guess: whether the fit is of other models, so that the new runs will be fitted alone; if None for published laws only.
        cost, ramp: of training, as in `plan`.
        tokens_per_image: for laws in images: tokens (patches) of one.
        confidence: of the intervals.
        seed: of the draws around a guess.

    Raises:
        UserError: one sentence about what cannot be designed.
    """
    training = open_cost(cost, ramp=ramp, units_per_datum=tokens_per_image)
    fitted = on_schedule_of(training, open_fit(fit))
    check_units(fitted, tokens_per_image)
    usual, flops = limits_around(fitted), as_count(budget)
    limits = Limits(
        nonzeros or usual.nonzero_params, data or usual.data, tuple(sparsities) or usual.sparsities, max_seeds
    )
    assert flops is not None
    return choose(
        fitted,
        budget=flops,
        target=_target(target, answer) if target else far_target(fitted, limits, training, answer),
        limits=limits,
        max_runs=max_runs,
        cost=training,
        noise=noise,
        as_guess=guess,
        confidence=confidence,
        seed=seed,
    )


def _target(target: Sequence[float], answer: Answer) -> Target:
    if len(target) != 2:
        raise UserError(f"{arg('target')} has {len(target)} numbers; give non-zeros and FLOPs, such as 85e6 and 1e20.")
    return Target(target[0], target[1], answer)
