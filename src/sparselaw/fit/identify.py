"""What a table of runs can carry: laws that it cannot are refused, parameters that it leaves open are named."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from sparselaw.counts import format_count
from sparselaw.errors import UserError, either
from sparselaw.fit.levels import count_levels
from sparselaw.laws import CAPPED, DENSE, Array, Law, PowerLaw, multipliers_only, size_multiplier
from sparselaw.runs import Runs

RISES = 0.8  # share of groups of equal N and D in which a loss that rises with S is no accident
IMPOSSIBLE = 1.02  # of the worth of a weight, beyond what noise makes of 1
FEW = 3  # runs for each free parameter
ILL_CONDITIONED = 1e4
MOST_TOLD = 1e12  # of a condition number: more says no more
OTHER_POWERS = "the other powers of S"


def require_carried(runs: Runs, law: Law, pinned: Collection[str]) -> None:
    """Refuses a law that these runs cannot carry whatever their losses are.

    Raises:
        UserError: too few runs; a single size, duration or sparsity where the law has terms in it; or only one total size.
    """
    missing = missing_for(runs, law, pinned)
    if missing:
        raise UserError(f"The law {law.name} cannot be fitted to {runs.name}: {missing}; {_instead(runs)}.")


def missing_for(runs: Runs, law: Law, pinned: Collection[str]) -> str:
    """What the runs lack for a law, whatever their losses are, as a clause; empty if nothing."""
    num_free = len(set(law.names) - set(pinned))
    num_settings = int(runs.alike("sparsity", "nonzero_params", "data").max()) + 1
    lacking = _single_level(runs, law, pinned) if isinstance(law, PowerLaw) else ""
    if lacking:
        return lacking
    if num_settings < num_free:
        which = "1 run is" if num_settings == 1 else f"{num_settings} different runs are"
        return f"{which} too few for {num_free} free parameters"
    return ""


def _single_level(runs: Runs, law: PowerLaw, pinned: Collection[str]) -> str:
    """What takes a single value though the law has terms in it that are not all held."""
    features = {feature for term in law.terms for _, feature in term.exponents}
    knows_size, knows_data = bool(features & {"log_N", "log_mean_N"}), "log_D" in features
    if law.knows_sparsity and not _held(law, "log_density", "log_sparsity", pinned=pinned):
        if not runs.sparsity.any():
            return "all runs are dense, and say nothing about sparsity"
        if count_levels(runs.sparsity) == 1:
            return f"all runs have the same sparsity, {runs.sparsity[0]:.4g}"
    if knows_size and count_levels(runs.nonzero_params) == 1 and not _held(law, "log_N", "log_mean_N", pinned=pinned):
        return f"all runs have the same size, {format_count(runs.nonzero_params[0])} non-zero weights"
    if knows_data and count_levels(runs.data) == 1 and not _held(law, "log_D", pinned=pinned):
        return f"all runs have the same duration, {format_count(runs.data[0])} {runs.data_unit}"
    if knows_size and law.knows_sparsity and count_levels(runs.nonzero_params / (1 - runs.sparsity)) == 1:
        total = format_count(runs.nonzero_params[0] / (1 - runs.sparsity[0]))
        return f"all models have {total} weights, zeros included, so that size and sparsity vary together"
    return ""


def _held(law: PowerLaw, *features: str, pinned: Collection[str]) -> bool:
    """Whether the exponents of these features are pinned, and the irreducible loss, which a single level leaves open too."""
    exponents = {e for term in law.terms for e, feature in term.exponents if feature in features}
    floor = {term.coefficient for term in law.terms if not term.exponents}
    return (exponents | floor) <= set(pinned)


def _instead(runs: Runs) -> str:
    """The law that fits these runs, or what they need."""
    is_dense = not runs.sparsity.any()
    if count_levels(runs.sparsity) == 1 and not missing_for(runs, DENSE, ()):
        law = either("fit(runs, 'dense')", "--law dense")
        return f"fit the law of dense models ({law})" + (", or add sparse runs" if is_dense else ", or add dense runs")
    if (runs.sparsity == 0).any() and not missing_for(runs, multipliers_only(np.unique(runs.sparsity)), ()):
        law = either("fit(runs, 'multipliers')", "--law multipliers")
        return f"fit what each sparsity is worth at this duration ({law}), or add runs of other durations"
    return "add runs of at least three sizes, three durations and three sparsities, dense among them"


def identifiability_warnings(
    runs: Runs, law: Law, *, pinned: tuple[str, ...], at_bound: tuple[str, ...], condition: float
) -> tuple[str, ...]:
    """Sentences naming each parameter that the runs do not identify, and why."""
    sentences = []
    num_free = len(law.names) - len(pinned)
    if few := few_runs(runs, num_free):
        sentences.append(f"{few}: expect wide intervals.")
    if isinstance(law, PowerLaw):
        sentences += _level_warnings(runs, law, pinned)
        sentences += _contradictions(runs, law)
    sentences += [
        f"{name} is as large as the law allows: a larger one fits better, but makes a weight of some sparse model worth more "
        "than a dense weight."
        if (law, name) == (CAPPED, "b_S")
        else f"{name} is at its bound: the runs do not identify it."
        for name in at_bound
    ]
    if condition > ILL_CONDITIONED:
        told = f" ({condition:.1e})" if condition < MOST_TOLD else ""
        sentences.append(
            f"The fit is ill-conditioned{told}: parameters compensate for each other; trust its predictions more."
        )
    return tuple(sentences)


def few_runs(runs: Runs, num_free: int) -> str:
    """That there are few runs for so many free parameters, as a clause; empty if there are enough."""
    is_few = len(runs) < FEW * num_free
    return f"{len(runs)} runs are few for {num_free} free parameters" if is_few else ""


def _contradictions(runs: Runs, law: PowerLaw) -> list[str]:
    """A sentence if the loss rises with sparsity where size and data are equal, as it does where N counts zeros too."""
    if not law.knows_sparsity:
        return []
    cells = runs.alike("nonzero_params", "data", digits=2)
    slopes = [
        np.polyfit(runs.sparsity[cells == cell], runs.loss[cells == cell], 1)[0]
        for cell in np.unique(cells)
        if np.ptp(runs.sparsity[cells == cell]) > 0
    ]
    if not slopes or np.mean(np.array(slopes) > 0) <= RISES:
        return []
    share = np.mean(np.array(slopes) > 0)
    sentence = (
        f"In {share:.0%} of the groups of equal size and data the loss rises with sparsity, which no sparse scaling law allows: "
        "does nonzero_params count the zeros too?"
    )
    return [sentence]


def impossible_warnings(fitted_law: Law, values: Array, runs: Runs) -> tuple[str, ...]:
    """A sentence if weights of a measured sparse model, zeros included, are worth more than dense ones."""
    levels = np.unique(runs.sparsity[runs.sparsity > 0])
    if not isinstance(fitted_law, PowerLaw) or not fitted_law.knows_sparsity or not len(levels):
        return ()
    worth = np.nan_to_num(size_multiplier(fitted_law, values[None], levels) * (1 - levels))
    k = int(np.argmax(worth))
    if not worth[k] > IMPOSSIBLE:
        return ()
    told = f"{worth[k]:.3g}" if worth[k] < 1000 else "more than 1000"
    sentence = (
        f"At {levels[k]:.4g} sparsity a weight, zeros included, comes out as worth {told} dense weights; more than 1 is "
        "impossible: are the dense runs trained as well as the sparse ones, and does nonzero_params count non-zeros?"
    )
    return (sentence,)


def rival_warnings(law: Law, optima: Array) -> tuple[str, ...]:
    """A sentence if other parameters [1:] fit as well as the best ones [0] of `optima` [k, p]."""
    if len(optima) < 2:
        return ()
    low, high = optima.min(0), optima.max(0)
    moved = ", ".join(
        name for name, lowest, highest in zip(law.names, low, high, strict=True) if lowest < 0.9 * highest
    )
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
            sentences[exponent] = _level_warning(exponent, column, count_levels(values), rival)
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
