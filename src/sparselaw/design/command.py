"""The command `sparselaw design`: reads what was asked as text, chooses the runs, writes them as a sweep."""

from __future__ import annotations

from pathlib import Path

from sparselaw.cost.training import Cost
from sparselaw.counts import parse_count, parse_range
from sparselaw.design.candidates import Limits, limits_around
from sparselaw.design.choosing import Answer, Design, Target, far_target
from sparselaw.design.choosing import design as choose_runs
from sparselaw.errors import UserError
from sparselaw.fit.result import Fit


def design(
    fitted: Fit,
    *,
    budget: str,
    target: str | None,
    answer: Answer,
    nonzeros: str | None,
    data: str | None,
    sparsities: tuple[float, ...],
    max_runs: int | None,
    max_seeds: int,
    noise: float | None,
    guess: bool,
    cost: Cost,
    confidence: float,
    base: str | None,
    output: Path | None,
) -> Design:
    """The runs to do next, written as a sweep file if `output` is given.

    Args:
        fitted: what is known, or a guess at it if it is a published law or `guess` is set.
        budget: FLOPs of all runs, such as `1e18`.
        target: non-zeros and FLOPs, such as `85M,1e20`; if None `far_target`.
        answer: what is asked there.
        nonzeros, data: `LOW:HIGH` of the runs; if None those around the fitted ones.
        sparsities: of the runs; if empty the fitted ones.
        max_runs, max_seeds, noise, cost, confidence: as in `sparselaw.design.choosing`.
        base: recipe, or configuration file of one run, of the sweep; if None the laptop recipe for the law's data.
        output: the sweep file.

    Raises:
        UserError: one sentence about what cannot be done.
    """
    usual = limits_around(fitted.domain)
    limits = Limits(
        usual.nonzero_params if nonzeros is None else parse_range(nonzeros),
        usual.data if data is None else parse_range(data),
        sparsities or usual.sparsities,
        max_seeds,
    )
    found = choose_runs(
        fitted,
        budget=parse_count(budget),
        target=Target(*_size_and_budget(target), answer) if target else far_target(fitted, limits, cost, answer),
        limits=limits,
        max_runs=max_runs,
        cost=cost,
        noise=noise,
        as_guess=guess or None,
        confidence=confidence,
    )
    if output is not None:
        found.save(output, base or ("vit-laptop" if fitted.data_unit == "images" else "decoder-laptop"))
    return found


def _size_and_budget(text: str) -> tuple[float, float]:
    size, comma, budget = text.partition(",")
    if not comma:
        raise UserError(f"--target takes non-zeros,FLOPs, such as 85M,1e20; got {text!r}")
    return parse_count(size), parse_count(budget)
