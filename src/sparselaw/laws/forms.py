"""The built-in forms of L(S, N, D): the paper's law and its rivals.

S is the sparsity (fraction of zeros in the prunable weights), N the number of NON-ZERO prunable weights, D the data seen
(tokens or images), L the validation loss. Coefficients are >= 0 unless a fit is told otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from sparselaw.errors import UserError, choice
from sparselaw.laws.power import Array, Direction, Features, Parameter, PowerLaw, Term, Units

# Published exponents: b_N and b_D from 0.13 to 0.9, powers of density from 0.7 to 2 (arXiv 2001.08361, 2203.15556, 2309.08520).
DENSITY_PRIOR, SIZE_PRIOR, DATA_PRIOR = (1.0, 1.0), (0.35, 0.25), (0.4, 0.3)
A_S = Parameter("a_S", start=(0.0, 2.0))
B_S = Parameter("b_S", 0.0, 20.0, start=(0.1, 3.0), prior=DENSITY_PRIOR)
C_S = Parameter("c_S", start=(0.0, 2.0))
B_N = Parameter("b_N", 1e-3, 5.0, start=(0.05, 1.0), prior=SIZE_PRIOR)
A_D = Parameter("a_D", start=(0.0, 2.0))
# Above 0.01 a_D = E^(1/b_D) neither overflows nor vanishes for any E = 1e-3..1e3.
B_D = Parameter("b_D", 1e-2, 5.0, start=(0.05, 1.5), prior=DATA_PRIOR)
FLOOR = Parameter("c", start=(0.0, 2.0))
DATA_TERM = Term("a_D", (("b_D", "log_D"),), inside=True)
FLOOR_TERM = Term("c")
SPARSE_CAPACITY = Term("a_S", (("b_S", "log_density"), ("b_N", "log_N")))

PAPER = PowerLaw(
    "paper",
    (A_S, B_S, C_S, B_N, A_D, B_D, FLOOR),
    (SPARSE_CAPACITY, Term("c_S", (("b_N", "log_N"),)), DATA_TERM, FLOOR_TERM),
)
"""L = (a_S (1-S)^b_S + c_S) N^-b_N + (a_D/D)^b_D + c, Frantar et al. 2023, arXiv 2309.08520."""


@dataclass(frozen=True)
class CappedLaw(PowerLaw):
    """The paper's law in which no weight of a sparse model, zeros included, is worth more than a dense weight.

    That is multiplier(S) (1-S) <= 1 for every S, which holds exactly where a_S b_S <= (a_S + c_S) b_N. Solver coordinates have
    the share of the largest b_S in the place of b_S, so that the cap is a bound; elsewhere it is the paper's law.
    """

    def evaluate(self, theta: Sequence[Array], features: Features) -> tuple[Array, list[Array]]:
        a_S, share, c_S, b_N = theta[:4]
        largest = _largest_b_S(a_S, c_S, b_N)
        loss, columns = PAPER.evaluate([a_S, share * largest, *theta[2:]], features)
        by_b_S = columns[1]
        columns[0] = columns[0] - by_b_S * share * STRICTLY * b_N * c_S / np.maximum(a_S, LEAST) ** 2
        columns[1] = by_b_S * largest
        columns[2] = columns[2] + by_b_S * share * STRICTLY * b_N / np.maximum(a_S, LEAST)
        columns[3] = columns[3] + by_b_S * share * largest / b_N
        return loss, columns

    def to_solver(self, parameters: ArrayLike, units: Units) -> Array:
        theta = PAPER.to_solver(parameters, units)
        theta[..., 1] /= _largest_b_S(theta[..., 0], theta[..., 2], theta[..., 3])
        return theta

    def from_solver(self, theta: ArrayLike, units: Units) -> Array:
        solver = np.array(theta, dtype=float)
        solver[..., 1] *= _largest_b_S(solver[..., 0], solver[..., 2], solver[..., 3])
        return PAPER.from_solver(solver, units)

    def predict(self, parameters: ArrayLike, S: ArrayLike, N: ArrayLike, D: ArrayLike) -> Array:
        return PAPER.predict(parameters, S, N, D)

    def jacobian(self, parameters: ArrayLike, S: ArrayLike, N: ArrayLike, D: ArrayLike) -> Array:
        return PAPER.jacobian(parameters, S, N, D)

    def slope(
        self, parameters: ArrayLike, S: ArrayLike, N: ArrayLike, D: ArrayLike, along: Direction
    ) -> tuple[Array, Array]:
        return PAPER.slope(parameters, S, N, D, along)

    def capacity(self, parameters: ArrayLike, S: ArrayLike, N: ArrayLike) -> Array:
        return PAPER.capacity(parameters, S, N)


LEAST = 1e-12  # of a_S, below which b_S has no effect
STRICTLY = 1 - 1e-6  # at the cap itself the first zeros cost nothing, and rounding would decide whether they pay


def _largest_b_S(a_S: Array, c_S: Array, b_N: Array) -> Array:
    """The largest b_S that the cap allows."""
    return STRICTLY * b_N * (np.maximum(a_S, LEAST) + c_S) / np.maximum(a_S, LEAST)


CAPPED = CappedLaw(
    "capped",
    tuple(replace(p, upper=1.0, start=(0.05, 1.0), prior=(0.5, 0.5)) if p is B_S else p for p in PAPER.parameters),
    PAPER.terms,
)
"""The paper's law with the cap; its bounds, starts and prior of b_S are those of the share of the largest one."""

NO_FLOOR = PowerLaw("no-floor", (A_S, B_S, B_N, A_D, B_D, FLOOR), (SPARSE_CAPACITY, DATA_TERM, FLOOR_TERM))
"""The paper's law with c_S = 0: the benefit of sparsity never saturates."""

DENSE = PowerLaw(
    "dense",
    (Parameter("a_N", start=(0.0, 2.0)), B_N, A_D, B_D, FLOOR),
    (Term("a_N", (("b_N", "log_N"),)), DATA_TERM, FLOOR_TERM),
)
"""L = a_N N^-b_N + (a_D/D)^b_D + c: the Chinchilla form with sparsity ignored, N counting non-zeros."""

AVERAGE_PARAMS = PowerLaw(
    "average-params",
    DENSE.parameters,
    (Term("a_N", (("b_N", "log_mean_N"),)), DATA_TERM, FLOOR_TERM),
)
"""The Chinchilla form with N replaced by the mean parameter count over training, Jin et al. 2025, arXiv 2501.12486."""

DENSITY_POWER = PowerLaw(
    "density-power",
    (
        Parameter("A", start=(0.0, 2.0)),
        Parameter("eps", -1.0, 20.0, start=(-0.3, 3.0), prior=DENSITY_PRIOR),
        Parameter("C", -np.inf, start=(0.0, 2.0)),
        Parameter("mu", 1e-3, 20.0, start=(0.1, 3.0), prior=DENSITY_PRIOR),
        replace(B_N, name="alpha"),
        Parameter("B", start=(0.0, 2.0)),
        Parameter("E", start=(0.0, 2.0)),
    ),
    (
        Term("A", (("eps", "log_density"), ("alpha", "log_N"))),
        Term("C", (("mu", "log_sparsity"), ("alpha", "log_N")), gate="sparse"),
        Term("B", (("alpha", "log_D"),)),
        Term("E"),
    ),
)
"""L = E + (A s^eps + C (1-s)^mu) / N^alpha + B / D^alpha, density s = 1-S; C = A c in Wu et al. 2026, arXiv 2606.01155."""


def free_multiplier(levels: Iterable[float]) -> PowerLaw:
    """L = a_l N^-b_N + (a_D/D)^b_D + c with a coefficient of its own at each sparsity level l.

    The dense-equivalent multiplier of level l is (a_0 / a_l)^(1/b_N), as in Frantar et al. 2025, arXiv 2502.16440.

    Raises:
        UserError: no dense level, against which a multiplier is measured.
    """
    coefficients, capacity = _by_level(levels, "free-multiplier")
    return PowerLaw("free-multiplier", (*coefficients, B_N, A_D, B_D, FLOOR), (*capacity, DATA_TERM, FLOOR_TERM))


def multipliers_only(levels: Iterable[float]) -> PowerLaw:
    """L = a_l N^-b_N + c, for runs of one duration: what each sparsity level l is worth there, and nothing on the data.

    Raises:
        UserError: no dense level, against which a multiplier is measured.
    """
    coefficients, capacity = _by_level(levels, "multipliers")
    return PowerLaw("multipliers", (*coefficients, B_N, FLOOR), (*capacity, FLOOR_TERM))


def _by_level(levels: Iterable[float], law: str) -> tuple[list[Parameter], list[Term]]:
    """A capacity term and its coefficient for each sparsity."""
    distinct = sorted(set(map(float, levels)))
    if distinct[:1] != [0.0]:
        raise UserError(f"The law {law} needs dense runs to compare with; give some of sparsity 0.")
    names = [
        f"a_{np.format_float_positional(level, trim='-')}" for level in distinct
    ]  # exact: read back from fit files
    capacity = [Term(name, (("b_N", "log_N"),), gate=level) for name, level in zip(names, distinct, strict=True)]
    return [Parameter(name, start=(0.0, 2.0)) for name in names], capacity


def law_named(name: str, *, levels: Iterable[float] = (0.0,)) -> PowerLaw:
    """A built-in law by its name; `levels` are the sparsities in the runs, needed by free-multiplier and multipliers only."""
    laws = {law.name: law for law in (PAPER, CAPPED, DENSE, AVERAGE_PARAMS, DENSITY_POWER, NO_FLOOR)}
    by_level = {"free-multiplier": free_multiplier, "multipliers": multipliers_only}
    if name in by_level:
        return by_level[name](levels)
    if name not in laws:
        raise UserError(f"No law is named {name!r}; {choice(name, (*laws, *by_level, 'FILE.py:FUNCTION'))}")
    return laws[name]
