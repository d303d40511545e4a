"""What a study of scaling laws should state, and whether this one does: read off the fit and the runs, never assumed.

The items follow what replications found missing in published laws: which parameters N counts, what the objective is, how many
starts agree, how far the law was tested on runs it had not seen (Besiroglu et al. 2024, arXiv 2404.10102; Li et al. 2025,
arXiv 2502.18969).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from sparselaw.fit.identify import ILL_CONDITIONED
from sparselaw.fit.losses import Loss
from sparselaw.laws import PowerLaw
from sparselaw.laws.power import Term
from sparselaw.report.study import Study
from sparselaw.report.text import condition
from sparselaw.runs import PUBLISHED, Runs

State = Literal["stated", "weak", "missing"]
FEATURES = {
    "log_density": "(1-S)^{}",
    "log_sparsity": "S^{}",
    "log_N": "N^-{}",
    "log_mean_N": "mean(N)^-{}",
    "log_D": "D^-{}",
}
FEW_DRAWS = 200
FEW_LEVELS = 4


@dataclass(frozen=True)
class Item:
    """One thing to state: its state, and what is known of it."""

    name: str
    state: State
    said: str


def checklist(study: Study) -> tuple[Item, ...]:
    """Every item, in the order of a methods section."""
    makers = (
        _form, _counting, _data, _design, _all_runs, _objective, _starts, _identified, _hold_outs, _extrapolation,
        _uncertainty, _seeds,
    )  # fmt: skip
    return tuple(maker(study) for maker in makers)


def formula(law: PowerLaw) -> str:
    """The law written out."""
    return "L = " + " + ".join(map(_term, law.terms))


def _term(term: Term) -> str:
    if term.inside:
        return f"({term.coefficient}/D)^{term.exponents[0][0]}"
    powers = [FEATURES[feature].format(exponent) for exponent, feature in term.exponents]
    gate = "" if term.gate is None else " [S > 0]" if term.gate == "sparse" else f" [S = {term.gate}]"
    return " ".join([term.coefficient, *powers]) + gate


def _form(study: Study) -> Item:
    law = study.fitted.law
    said = formula(law) if isinstance(law, PowerLaw) else "a function of your own; write it out"
    return Item("Form of the law", "stated" if isinstance(law, PowerLaw) else "weak", f"{law.name}: {said}")


def _counting(study: Study) -> Item:
    """Whether N is known to count what the law takes it to count."""
    said = "N is the non-zero prunable weights: matrices, without embeddings, norms and biases"
    if study.fitted.name in PUBLISHED or (study.runs is not None and "dense_params" in study.runs.table):
        return Item("How N is counted", "stated", said)
    return Item("How N is counted", "weak", f"{said}, as Sparselaw assumes; the table does not say that it counts so")


def _data(study: Study) -> Item:
    unit = study.fitted.data_unit
    if unit == "examples":
        return Item("Unit of data", "missing", "the runs do not say what D counts; a column data_unit does")
    if study.runs is None or "unique_data" not in study.runs.table:
        return Item("Unit of data", "stated", f"D counts {unit} seen")
    unique = study.runs.table["unique_data"].to_numpy(dtype=float)
    repeated = int((study.runs.data > 1.001 * unique).sum())
    if repeated:
        said = f"D counts {unit} seen, but {repeated} runs saw some of them again, which the law is not about"
        return Item("Unit of data", "weak", said)
    return Item("Unit of data", "stated", f"D counts {unit} seen, none of them twice")


def _design(study: Study) -> Item:
    domain = study.fitted.domain
    folds = {name: high / low for name, (low, high) in (("N", domain.nonzero_params), ("D", domain.data))}
    said = ", ".join(f"{name} over a factor of {fold:.3g}" for name, fold in folds.items())
    said += f", {len(domain.sparsity)} sparsities"
    if study.runs is None:
        return Item("Range of the runs", "stated", said)
    levels = {"N": _levels(study.runs.nonzero_params), "D": _levels(study.runs.data), "S": len(domain.sparsity)}
    said += f" ({levels['N']} sizes, {levels['D']} amounts of data)"
    few = [name for name, count in levels.items() if count < FEW_LEVELS]
    if not few:
        return Item("Range of the runs", "stated", said)
    return Item(
        "Range of the runs",
        "weak",
        f"{said}; fewer than {FEW_LEVELS} levels of {', '.join(few)} pin the law down badly",
    )


def _levels(values: np.ndarray) -> int:
    ordered = np.sort(values)
    return 1 + int((np.diff(ordered) > 0.01 * ordered[:-1]).sum())


def _all_runs(study: Study) -> Item:
    if study.left_out:
        said = ", ".join(f"{count} {state}" for state, count in sorted(study.left_out.items()))
        return Item("Runs left out", "weak", f"{study.fitted.num_runs} fitted; left out: {said}")
    if study.runs is None:
        return Item(
            "Runs left out", "missing", f"{study.fitted.num_runs} were fitted; a fit file does not say of how many"
        )
    return Item("Runs left out", "stated", f"all {len(study.runs)} runs of the table were fitted")


def _objective(study: Study) -> Item:
    return Item("Objective", "stated", described_objective(study.fitted.loss))


def described_objective(loss: Loss) -> str:
    """The loss function of a fit in words."""
    space = "ln(loss)" if loss.log else "loss"
    kind = "squared error" if np.isinf(loss.delta) else f"Huber loss, delta {loss.delta:g},"
    quantile = "" if loss.quantile == 0.5 else f", quantile {loss.quantile:g}"
    return f"mean over runs of {kind} of predicted minus measured {space}{quantile}"


def _starts(study: Study) -> Item:
    fitted, starts = study.fitted, study.fitted.starts
    said = f"{starts.at_optimum} of {starts.tried} starts reached the optimum; {fitted.status}"
    is_sound = fitted.status == "converged" and starts.at_optimum > 1
    return Item("Starts and convergence", "stated" if is_sound else "weak", said)


def _identified(study: Study) -> Item:
    fitted = study.fitted
    said = f"condition number {condition(fitted.condition)}"
    said += f"; at a bound: {', '.join(fitted.at_bound)}" if fitted.at_bound else ""
    said += f"; pinned: {', '.join(fitted.pinned)}" if fitted.pinned else ""
    is_sound = fitted.condition <= ILL_CONDITIONED and not fitted.at_bound
    return Item("Parameters identified", "stated" if is_sound else "weak", said)


def _hold_outs(study: Study) -> Item:
    if study.comparison is None:
        return Item("Hold-outs", "missing", "the law was not asked for runs that it was not fitted to")
    known = [h for h in study.comparison.hold_outs if h.mean_abs_error is not None]
    if not known:
        return Item("Hold-outs", "weak", "the runs are too few to leave any out and still fit the law")
    worst = max(known, key=lambda h: h.mean_abs_error or 0.0)
    said = f"{len(known)} sets of runs left out in turn; the worst, {worst.left_out}, is missed by {worst.mean_abs_error:.2%}"
    return Item("Hold-outs", "stated", said)


def _extrapolation(study: Study) -> Item:
    from sparselaw.fit.comparison import extrapolation_error

    error = extrapolation_error(study.fitted)
    if error is not None:
        return Item("Extrapolation", "stated", f"a published run larger than all fitted ones is missed by {error:+.2%}")
    corner = "largest N and largest D"
    found = next((h for h in study.comparison.hold_outs if h.left_out == corner), None) if study.comparison else None
    if found is None or found.mean_abs_error is None:
        return Item("Extrapolation", "missing", "no run beyond the fitted ones was predicted")
    said = f"no run beyond the fitted ones; without the {corner} the law misses them by {found.mean_abs_error:.2%}"
    return Item("Extrapolation", "weak", said)


def _uncertainty(study: Study) -> Item:
    boot = study.fitted.bootstrap
    if boot is None or not len(boot.draws):
        return Item("Uncertainty", "missing", "no intervals; fit with --bootstrap 1000")
    said = f"bootstrap of {boot.tried} resamples by {boot.by}, {len(boot.draws)} of which converged"
    is_enough = len(boot.draws) >= max(FEW_DRAWS, 0.95 * boot.tried)
    return Item("Uncertainty", "stated" if is_enough else "weak", said)


def _seeds(study: Study) -> Item:
    spread = None if study.runs is None else spread_over_seeds(study.runs)
    if spread is None:
        return Item("Noise of runs", "missing", "no run was repeated, so noise cannot be told from lack of fit")
    cells, median = spread
    return Item(
        "Noise of runs", "stated", f"{cells} cells were repeated; the loss spreads by {median:.3g} within one (median)"
    )


def spread_over_seeds(runs: Runs) -> tuple[int, float] | None:
    """How many (N, S, D) cells have several runs, and the median over them of highest minus lowest loss."""
    keys = np.round(np.column_stack([runs.sparsity, np.log(runs.nonzero_params), np.log(runs.data)]), 6)
    cell = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)
    repeated = [runs.loss[cell == k] for k in range(cell.max() + 1) if (cell == k).sum() > 1]
    return (len(repeated), float(np.median([np.ptp(losses) for losses in repeated]))) if repeated else None
