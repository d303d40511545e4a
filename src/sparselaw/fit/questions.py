"""Which questions a table of runs can answer: that follows from the laws that it carries, whatever the losses are."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sparselaw.errors import UserError
from sparselaw.fit.comparison import ALL_LAWS
from sparselaw.fit.identify import few_runs, missing_for
from sparselaw.fit.levels import count_levels
from sparselaw.fit.repeats import Repeats
from sparselaw.laws import DENSE, PAPER, Law, free_multiplier, law_named, multipliers_only
from sparselaw.runs import Runs

LAWS = (*ALL_LAWS, "multipliers")
NO_DENSE_RUN = "no run is dense"
NEEDED_LEVELS = 3  # of a quantity, to tell its power from the irreducible loss
WEAK_DURATIONS = 3  # tell it with wide intervals only
TOGETHER = 0.99  # correlation of ln N and ln D
PLURALS = {"nonzero_params": "sizes", "sparsity": "sparsities", "data": "durations"}


@dataclass(frozen=True)
class Finding:
    """A question, and whether the runs answer it: "yes", only "roughly" or "no", and then why."""

    question: str
    answer: Literal["yes", "roughly", "no"]
    reason: str = ""


def refusals(runs: Runs) -> dict[str, str]:
    """For each built-in law what the runs lack for it, as a clause; empty if it can be fitted."""
    return {name: _lacks(runs, name) for name in LAWS}


def _lacks(runs: Runs, name: str) -> str:
    try:
        law = law_named(name, levels=runs.sparsity)
    except UserError:  # a law of single sparsities, which need dense runs beside them
        return NO_DENSE_RUN
    return missing_for(runs, law, ())


def findings(runs: Runs, repeats: Repeats) -> Iterator[Finding]:
    """The questions, each with whether the runs answer it."""
    is_dense, axes = not runs.sparsity.any(), ("nonzero_params", "data")
    for question, law, needed in (
        ("what a sparsity is worth (size multipliers)", _law_of_worth(runs), ()),
        ("which sparsity is best for a budget", PAPER, ("sparsity", *axes)),
        ("which dense model is best for a budget", DENSE if is_dense else PAPER, axes),
    ):
        if lacking := _lacking(runs, law, needed):
            yield Finding(question, "no", lacking)
        else:
            doubt = _doubt(runs, repeats, law, needed)
            yield Finding(question, "roughly" if doubt else "yes", doubt)
    yield _noise(repeats)


def _law_of_worth(runs: Runs) -> Law:
    """The law of a multiplier for each sparsity, or the paper's where the runs carry only that."""
    by_level = multipliers_only if count_levels(runs.data) == 1 else free_multiplier
    law = by_level([0.0, *runs.sparsity])
    return PAPER if missing_for(runs, law, ()) and not missing_for(runs, PAPER, ()) else law


def _lacking(runs: Runs, law: Law, needed: Collection[str]) -> str:
    """Why a law cannot answer, where these columns need several levels; empty if it can."""
    if (runs.sparsity > 0).all():
        return NO_DENSE_RUN
    return missing_for(runs, law, ()) or _few_levels(runs, needed) or _together(runs)


def _few_levels(runs: Runs, columns: Collection[str]) -> str:
    """That some of these columns have too few levels."""
    numbers = {name: count_levels(runs.table[name].to_numpy(dtype=float)) for name in columns}
    few = [f"{number} {PLURALS[name]}" for name, number in numbers.items() if number < NEEDED_LEVELS]
    return f"there are only {' and '.join(few)}" if few else ""


def _together(runs: Runs) -> str:
    """That size and data follow each other, as in a sweep of a single number of tokens a weight."""
    size, data = np.log(runs.nonzero_params), np.log(runs.data)
    if count_levels(runs.data) == 1 or abs(np.corrcoef(size, data)[0, 1]) < TOGETHER:
        return ""
    return "size and data vary together, so that their effects cannot be told apart"


def _doubt(runs: Runs, repeats: Repeats, law: Law, needed: Collection[str]) -> str:
    """Why a law answers roughly only; empty if it answers well."""
    if repeats.varied:
        return _differing(repeats)
    if "data" in needed and count_levels(runs.data) == WEAK_DURATIONS:
        return f"there are only {WEAK_DURATIONS} durations"
    return few_runs(runs, len(law.names))


def _noise(repeats: Repeats) -> Finding:
    question = "how much the loss differs between repeats of a run"
    if repeats.num_alike:
        return Finding(question, "yes")
    return Finding(question, "no", _differing(repeats) if repeats.varied else "no run is repeated")


def _differing(repeats: Repeats) -> str:
    """That runs of one setting differ in other columns, as a clause."""
    *others, last = repeats.varied
    columns = f"{', '.join(others)} and {last}" if others else last
    return f"runs of equal size, sparsity and data differ in {columns}"
