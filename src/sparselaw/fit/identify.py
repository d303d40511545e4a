"""Which parameters the runs do not identify, each as a warning."""

from __future__ import annotations

import numpy as np

from sparselaw.laws import Array, Law, PowerLaw
from sparselaw.runs import Runs

ILL_CONDITIONED = 1e4
OTHER_POWERS = "the other powers of S"


def identifiability_warnings(
    runs: Runs, law: Law, *, pinned: tuple[str, ...], at_bound: tuple[str, ...], condition: float
) -> tuple[str, ...]:
    """Sentences naming each parameter that the runs do not identify, and why."""
    sentences = []
    num_free = len(law.names) - len(pinned)
    if len(runs) < num_free:
        count = f"{len(runs)} run{'s' * (len(runs) > 1)}"
        sentences.append(f"{count} cannot identify {num_free} free parameters: the fit follows the noise.")
    elif len(runs) < 3 * num_free:
        sentences.append(f"{len(runs)} runs are few for {num_free} free parameters: expect wide intervals.")
    if isinstance(law, PowerLaw):
        sentences += _level_warnings(runs, law, pinned)
    sentences += [f"{name} is at its bound: the runs do not identify it." for name in at_bound]
    if condition > ILL_CONDITIONED:
        sentences.append(
            f"The fit is ill-conditioned ({condition:.1e}): parameters compensate for each other; trust its predictions more."
        )
    return tuple(sentences)


def rival_warnings(law: Law, optima: Array) -> tuple[str, ...]:
    """A sentence if other parameters [1:] fit as well as the best ones [0] of `optima` [k, p]."""
    if len(optima) < 2:
        return ()
    low, high = optima.min(0), optima.max(0)
    moved = ", ".join(name for name, lowest, highest in zip(law.names, low, high, strict=True) if lowest < 0.9 * highest)
    return (f"The minimum is not unique: other values of {moved} fit these runs as well. The intervals include them.",)


def _level_warnings(runs: Runs, law: PowerLaw, pinned: tuple[str, ...]) -> list[str]:
    features = {
        "log_density": ("sparsity", runs.sparsity, "the floor of the capacity term"),
        "log_sparsity": ("sparsity", runs.sparsity, OTHER_POWERS),
        "log_N": ("nonzero_params", runs.nonzero_params, "the irreducible loss"),
        "log_mean_N": ("nonzero_params", runs.nonzero_params, "the irreducible loss"),
        "log_D": ("data", runs.data, "the irreducible loss"),
    }
    sentences = {}
    num_capacity_terms = sum(any(f == "log_N" for _, f in term.exponents) for term in law.terms)
    for exponent, feature in (pair for term in law.terms for pair in term.exponents):
        column, values, rival = features[feature]
        if column == "sparsity" and num_capacity_terms == 1:
            rival = ""
        if exponent not in pinned and exponent not in sentences:
            sentences[exponent] = _level_warning(exponent, column, _num_levels(values), rival)
    return [sentence for sentence in sentences.values() if sentence]


def _level_warning(exponent: str, column: str, num_levels: int, rival: str) -> str:
    if num_levels == 1:
        return f"{column} takes a single value: {exponent} is not identified."
    if num_levels == 2 and rival:
        return f"{column} takes only 2 values: {exponent} cannot be told from {rival}."
    # Two powers of S and their coefficients pass through four levels exactly, and in more than one way.
    if (num_levels == 3 and column == "data") or (num_levels in (3, 4) and rival == OTHER_POWERS):
        return f"{column} takes only {num_levels} values: {exponent} and {rival} are weakly identified."
    return ""


def _num_levels(values: Array) -> int:
    """Distinct values, counting those within 1% as one."""
    ordered = np.sort(values)
    return 1 + int((np.diff(ordered) > 0.01 * ordered[:-1] + 1e-12).sum())
