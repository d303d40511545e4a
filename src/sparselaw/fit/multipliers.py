"""Dense-equivalent multipliers of groups of runs, such as n:m patterns or ways to prune, and which of them differ.

Each group g of sparse runs has a coefficient of its own beside the dense runs' in the free-multiplier law

    L = a_g N^-b_N + (a_D/D)^b_D + c,     m_g = (a_dense / a_g)^(1/b_N)

so that N non-zeros of the group do the work of m_g N dense weights (Frantar et al. 2025, arXiv 2502.16440). Runs of one D
cannot tell the data term from c and are fitted without it. The fit is least squares in ln L.

Intervals are those of linear regression at the optimum, for ln m. Runs of one shape, D and seed share part of their noise
(`shared_noise`), so groups trained from the same seeds are compared pair by pair. Intervals of ratios hold for all pairs
at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from sparselaw.errors import UserError, choice
from sparselaw.fit.fitting import fit_law
from sparselaw.fit.losses import Loss
from sparselaw.fit.result import Fit
from sparselaw.fit.shared_noise import Deviations, SharedNoise
from sparselaw.laws import Array, PowerLaw, free_multiplier
from sparselaw.runs import Runs

ONE_DURATION = 0.02  # relative spread of D up to which runs count as equally long
LEAST_SPARE_RUNS = 3  # beyond the coefficients, for a noise to be seen


@dataclass(frozen=True)
class Group:
    """Runs alike in sparsity and in the columns compared.

    Attributes:
        label: such as `50% 2:4`.
        sparsity: S.
        num_runs: how many.
        multiplier: dense weights that a non-zero of the group is worth.
        interval: of the multiplier.
    """

    label: str
    sparsity: float
    num_runs: int
    multiplier: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Ratio:
    """Multiplier of one group over that of another, with an interval that holds for all pairs at once."""

    first: str
    second: str
    ratio: float
    interval: tuple[float, float]

    @property
    def is_beyond_noise(self) -> bool:
        """Whether the two groups differ."""
        return not self.interval[0] <= 1 <= self.interval[1]


@dataclass(frozen=True)
class GroupComparison:
    """What `compare_groups` found.

    Attributes:
        by: the columns compared.
        groups: in the order of sparsity and name.
        ratios: of all pairs of groups.
        noise: standard deviations of ln L: of runs, and what runs of one shape, D and seed share.
        level: of the intervals.
        num_dense: dense runs that the others are held against.
        fit: of the law with one coefficient a group; its `S` numbers the groups.
        warnings: sentences on what cannot be trusted.
    """

    by: tuple[str, ...]
    groups: tuple[Group, ...]
    ratios: tuple[Ratio, ...]
    noise: Deviations
    level: float
    num_dense: int
    fit: Fit
    warnings: tuple[str, ...]


def compare_groups(runs: Runs, by: Sequence[str] = ("pattern",), *, level: float = 0.95) -> GroupComparison:
    """Multipliers of groups of runs, with intervals, and which groups differ beyond noise.

    Args:
        runs: dense ones of several sizes among them.
        by: columns that tell groups of one sparsity apart, such as `pattern` or `recipe`.
        level: of the intervals.

    Raises:
        UserError: a column is missing, there are no dense or no sparse runs, or too few runs to see a noise.
    """
    labels, codes = _groups(runs, by)
    law = _law(len(labels), runs)
    spare = len(runs) - len(law.names)
    if spare < LEAST_SPARE_RUNS:
        raise UserError(
            f"{len(runs)} runs are too few to estimate {len(law.names)} coefficients and the noise; repeat runs with other "
            "seeds, or compare fewer groups."
        )
    coded = replace(runs, table=runs.table.assign(sparsity=codes / len(labels)))
    fitted = fit_law(coded, law, loss=Loss(np.inf, log=True))
    values, slopes, noise = _log_multipliers(coded, fitted, _blocks(runs))
    reach = noise.reach(slopes, level)
    groups = tuple(
        Group(label, float(runs.sparsity[codes == k][0]), int((codes == k).sum()), float(np.exp(m)), _interval(m, r))
        for k, (label, m, r) in enumerate(zip(labels[1:], values, reach, strict=True), start=1)
    )
    return GroupComparison(
        by=tuple(by),
        groups=groups,
        ratios=_ratios(labels[1:], values, slopes, noise, level),
        noise=noise.deviations,
        level=level,
        num_dense=int((codes == 0).sum()),
        fit=fitted,
        warnings=_warnings(runs, codes, groups, fitted),
    )


def _groups(runs: Runs, by: Sequence[str]) -> tuple[list[str], NDArray[np.intp]]:
    """Names of the groups, the dense one first, and each run's number among them, [num_runs]."""
    missing = [column for column in by if column not in runs.table]
    if missing:
        columns = choice(missing[0], map(str, runs.table.columns))
        raise UserError(f"{runs.name} has no column {missing[0]!r} to compare by; {columns}")
    columns = [runs.table[column].fillna("").astype(str) for column in by]
    names = [
        " ".join([f"{100 * S:.4g}%", *filter(None, words)]) for S, *words in zip(runs.sparsity, *columns, strict=True)
    ]
    keys = [(S, name) if S else (0.0, "dense") for S, name in zip(runs.sparsity, names, strict=True)]
    ordered = sorted(set(keys))
    if ordered[0][0] or len(ordered) == 1:
        lacking = "dense" if ordered[0][0] else "sparse"
        raise UserError(f"{runs.name} has no {lacking} runs; give dense and sparse ones to compare.")
    return [name for _, name in ordered], np.array([ordered.index(key) for key in keys])


def _law(num_groups: int, runs: Runs) -> PowerLaw:
    """The free-multiplier law with a level k / num_groups for group k; without the data term if all runs are as long."""
    law = free_multiplier(np.arange(num_groups) / num_groups)
    if runs.data.max() > (1 + ONE_DURATION) * runs.data.min():
        return law
    dropped = {"a_D", "b_D"}
    return PowerLaw(
        law.name,
        tuple(p for p in law.parameters if p.name not in dropped),
        tuple(t for t in law.terms if t.coefficient not in dropped),
    )


def _blocks(runs: Runs) -> NDArray[np.intp]:
    """Number of each run's block: those of one shape, D and seed, which share initial weights and data."""
    if "seed" not in runs.table:
        return np.arange(len(runs))
    shape = np.round(np.log(runs.nonzero_params / (1 - runs.sparsity)), 2)
    keys = runs.table.assign(shape=shape)[["shape", "data", "seed"]]
    return np.asarray(keys.groupby(list(keys), dropna=False).ngroup(), dtype=np.intp)


def _log_multipliers(runs: Runs, fitted: Fit, blocks: NDArray[np.intp]) -> tuple[Array, Array, SharedNoise]:
    """ln m of each sparse group, its derivatives by the free coefficients, and the noise of those.

    Coefficients at a bound count as known; where that is b_N or one of the groups', nothing is known.
    """
    law, values = fitted.law, fitted.values
    assert isinstance(law, PowerLaw)
    num_groups = sum(term.gate is not None for term in law.terms)
    exponent = law.names.index("b_N")
    free = [k for k, name in enumerate(law.names) if name not in fitted.at_bound]
    arguments = runs.sparsity, runs.nonzero_params, runs.data
    jacobian = law.jacobian(values, *arguments)[:, free] / law.predict(values, *arguments)[:, None]
    noise = SharedNoise(jacobian, fitted.residuals, blocks)
    slopes = np.zeros((num_groups - 1, len(law.names)))
    if not {*range(num_groups), exponent} <= set(free):
        return np.full(num_groups - 1, np.nan), np.full_like(slopes[:, free], np.nan), noise
    logs = (np.log(values[0]) - np.log(values[1:num_groups])) / values[exponent]
    slopes[:, 0] = 1 / (values[0] * values[exponent])
    slopes[np.arange(num_groups - 1), np.arange(1, num_groups)] = -1 / (values[1:num_groups] * values[exponent])
    slopes[:, exponent] = -logs / values[exponent]
    return logs, slopes[:, free], noise


def _interval(value: float, reach: float) -> tuple[float, float]:
    return (0.0, np.inf) if np.isnan(reach) else (float(np.exp(value - reach)), float(np.exp(value + reach)))


def _ratios(labels: Sequence[str], values: Array, slopes: Array, noise: SharedNoise, level: float) -> tuple[Ratio, ...]:
    pairs = list(combinations(range(len(labels)), 2))
    if not pairs:
        return ()
    first, second = np.array(pairs).T
    reach = noise.reach(slopes[first] - slopes[second], level, together=True)
    return tuple(
        Ratio(labels[i], labels[j], float(np.exp(d)), _interval(d, r))
        for i, j, d, r in zip(first, second, values[first] - values[second], reach, strict=True)
    )


def _warnings(runs: Runs, codes: NDArray[np.intp], groups: Sequence[Group], fitted: Fit) -> tuple[str, ...]:
    sentences = [] if fitted.status == "converged" else [fitted.status]
    if not np.isfinite([group.multiplier for group in groups]).all():
        sentences.append("The runs do not show how loss falls with size, so no multiplier is known.")
    dense = runs.nonzero_params[codes == 0]
    if dense.max() <= 1.01 * dense.min():
        sentences.append(
            "All dense runs have one size: how loss falls with size is estimated from the sparse runs alone."
        )
    for k, group in enumerate(groups, start=1):
        equivalent = group.multiplier * runs.nonzero_params[codes == k].max()
        if equivalent > dense.max():
            sentences.append(
                f"{group.label} is equivalent to dense models larger than any trained: its multiplier is extrapolated."
            )
    return tuple(sentences)
