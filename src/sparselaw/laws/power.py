"""Laws that are a sum of powers of density, N and D, linear in their coefficients:

    L = sum_j coefficient_j * prod_k feature_k ^ exponent_k.

Two sets of coordinates. NATURAL parameters are what is printed: N in single weights, D in tokens or images, a_D inside its
power as in Frantar et al. (arXiv 2309.08520). SOLVER coordinates measure N and D in units near the data and keep every
coefficient outside its power, which makes a fit well conditioned. `to_solver` and `from_solver` convert.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating]
Features = dict[str, Array]
Units = tuple[float | Array, float]  # the unit of N, the unit of D
NATURAL: Units = (1.0, 1.0)
CUBIC_RAMP_SLOPE = 0.625  # mean density over training is 1 - 0.625 S for the cubic ramp from 25% to 75%


@dataclass(frozen=True)
class Direction:
    """A direction in the space of runs: how fast u = -ln(1-S), ln N and ln D move."""

    u: Array | float = 0.0
    log_N: Array | float = 0.0
    log_D: Array | float = 0.0


@dataclass(frozen=True)
class Parameter:
    """A named parameter.

    Attributes:
        name: as it is printed.
        lower, upper: its bounds.
        start: the range that starting values are drawn from.
        prior: mean and standard deviation of what is plausible before any run, for the draws behind intervals; None if all
            values are.
    """

    name: str
    lower: float = 0.0
    upper: float = np.inf
    start: tuple[float, float] = (0.0, 1.0)
    prior: tuple[float, float] | None = None


@dataclass(frozen=True)
class Term:
    """coefficient * prod exp(exponent * feature), in the runs where `gate` holds.

    Attributes:
        exponents: pairs (parameter, feature); features are "log_density" ln(1-S), "log_sparsity" ln S, "log_N" -ln N,
            "log_mean_N" -ln(mean parameter count over training) and "log_D" -ln D.
        gate: None for all runs, "sparse" for S > 0, a number for the runs at that sparsity.
        inside: the coefficient stands inside the power, as in (a_D/D)^b_D.
    """

    coefficient: str
    exponents: tuple[tuple[str, str], ...] = ()
    gate: float | str | None = None
    inside: bool = False


@dataclass(frozen=True)
class PowerLaw:
    """A sum of `Term`s: a form of the law, without fitted values.

    Besides the loss it answers what planning asks: slopes along a path, the capacity term, the data that a loss needs.
    """

    name: str
    parameters: tuple[Parameter, ...]
    terms: tuple[Term, ...]
    mean_density_slope: float = CUBIC_RAMP_SLOPE

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(p.name for p in self.parameters)

    @cached_property
    def linear(self) -> NDArray[np.bool_]:
        """Which parameters the loss is linear in (in solver coordinates), shape [num_parameters]."""
        return np.isin(self.names, [term.coefficient for term in self.terms])

    @cached_property
    def levels(self) -> tuple[float, ...]:
        """The only sparsities that the law knows; empty if it knows all."""
        return tuple(term.gate for term in self.terms if isinstance(term.gate, float))

    @cached_property
    def choices(self) -> tuple[float, ...]:
        """The only sparsities to choose from: its levels, or dense for a law that ignores sparsity; empty if all."""
        return self.levels if self.knows_sparsity else (0.0,)

    @cached_property
    def sets_dense_apart(self) -> bool:
        """Whether dense models lack a term, so that the loss may jump at S = 0 or rise as a root of S."""
        return any(term.gate == "sparse" for term in self.terms)

    @cached_property
    def knows_sparsity(self) -> bool:
        """Whether the loss depends on sparsity."""
        used = {feature for term in self.terms for _, feature in term.exponents}
        return bool(used & {"log_density", "log_sparsity", "log_mean_N"} or self.levels)

    @cached_property
    def knows_data(self) -> bool:
        """Whether the loss depends on the data."""
        return any(_is_data(term) for term in self.terms)

    def features(self, S: ArrayLike, N: ArrayLike, D: ArrayLike, *, units: Units = NATURAL) -> Features:
        S = np.asarray(S, dtype=float)
        log_N = -np.log(np.asarray(N, dtype=float) / units[0])
        with np.errstate(divide="ignore"):
            log_sparsity = np.where(S > 0, np.log(S), 0.0)
        return {
            "S": S,
            "log_density": np.log1p(-S),
            "log_sparsity": log_sparsity,
            "log_N": log_N,
            "log_mean_N": log_N - np.log((1 - self.mean_density_slope * S) / (1 - S)),
            "log_D": -np.log(np.asarray(D, dtype=float) / units[1]),
        }

    def evaluate(self, theta: Sequence[Array], features: Features) -> tuple[Array, list[Array]]:
        """Loss and its derivative by each parameter, in solver coordinates; every array broadcasts with every other."""
        columns: list[Array] = [np.zeros(())] * len(self.parameters)
        loss = np.zeros(())
        for term in self.terms:
            basis = self._basis(term, theta, features)
            value = theta[self.names.index(term.coefficient)] * basis
            loss = loss + value
            columns[self.names.index(term.coefficient)] = basis
            for exponent, feature in term.exponents:
                k = self.names.index(exponent)
                columns[k] = columns[k] + value * features[feature]
        return loss, columns

    def _basis(self, term: Term, theta: Sequence[Array], features: Features) -> Array:
        basis = self._product(term, theta, features)
        if term.gate is None:
            return basis
        return basis * (features["S"] > 0 if term.gate == "sparse" else features["S"] == term.gate)

    def _product(self, term: Term, theta: Sequence[Array], features: Features) -> Array:
        """The powers of a term, whatever its gate."""
        powers = [_product(theta[self.names.index(e)], features[f]) for e, f in term.exponents]
        return np.exp(sum(powers[1:], powers[0])) if powers else np.ones_like(features["S"])

    def to_solver(self, parameters: ArrayLike, units: Units) -> Array:
        """Natural parameters [..., p] to solver coordinates [..., p], N and D in `units`."""
        natural = np.asarray(parameters, dtype=float)
        theta = natural.copy()
        for term, at, shift, power in self._unit_shifts(natural, units):
            with np.errstate(divide="ignore"):
                if term.inside:
                    theta[..., at] = np.exp(np.log(natural[..., at]) * power - shift)
                elif term.exponents:
                    theta[..., at] = natural[..., at] * np.exp(-shift)
        return theta

    def from_solver(self, theta: ArrayLike, units: Units) -> Array:
        """Solver coordinates [..., p] to natural parameters [..., p]; what is too large for a float becomes inf."""
        solver = np.asarray(theta, dtype=float)
        natural = solver.copy()
        for term, at, shift, power in self._unit_shifts(solver, units):
            with np.errstate(divide="ignore", over="ignore"):
                if term.inside:
                    natural[..., at] = np.exp((np.log(solver[..., at]) + shift) / power)
                elif term.exponents:
                    natural[..., at] = solver[..., at] * np.exp(shift)
        return natural

    def _unit_shifts(self, values: Array, units: Units) -> Iterator[tuple[Term, int, Array, Array | float]]:
        """For each term: its coefficient's index, sum of exponent * ln(unit), the power the coefficient stands in."""
        log_units = {"log_N": np.log(units[0]), "log_mean_N": np.log(units[0]), "log_D": np.log(units[1])}
        for term in self.terms:
            exponents = [(values[..., self.names.index(e)], log_units.get(f, 0.0)) for e, f in term.exponents]
            shift = sum((value * log_unit for value, log_unit in exponents), np.zeros(values.shape[:-1]))
            yield term, self.names.index(term.coefficient), shift, exponents[0][0] if term.inside else 1.0

    def predict(self, parameters: ArrayLike, S: ArrayLike, N: ArrayLike, D: ArrayLike) -> Array:
        """Loss at runs (S, N, D) for natural parameters; NaN at a sparsity that a law of single levels does not know.

        Args:
            parameters: shape [..., num_parameters], in the order of `names`.
            S: sparsity in [0, 1); N: non-zero prunable weights; D: data seen, in the unit of the fit. All broadcast
                against parameters.shape[:-1]: give parameters[:, None, :] and runs [n] for a table [batch, n].
        """
        theta = self.to_solver(parameters, NATURAL)
        loss = self.evaluate(split(theta), self.features(S, N, D))[0]
        return np.where(np.isin(S, self.levels), loss, np.nan) if self.levels else loss

    def jacobian(self, parameters: ArrayLike, S: ArrayLike, N: ArrayLike, D: ArrayLike) -> Array:
        """Exact derivatives of `predict` by the natural parameters, shape [..., num_parameters]; arguments as there."""
        natural = split(np.asarray(parameters, dtype=float))
        theta = split(self.to_solver(parameters, NATURAL))
        _, columns = self.evaluate(theta, self.features(S, N, D))
        for term in self.terms:
            if term.inside:
                at, power = self.names.index(term.coefficient), self.names.index(term.exponents[0][0])
                logarithm = np.log(np.where(natural[at] > 0, natural[at], 1.0))
                columns[power] = columns[power] + columns[at] * theta[at] * logarithm
                with np.errstate(divide="ignore"):  # infinite at a coefficient of 0 and a power below 1
                    columns[at] = columns[at] * natural[power] * natural[at] ** (natural[power] - 1)
        return np.stack(np.broadcast_arrays(*columns), axis=-1)

    def slope(
        self, parameters: ArrayLike, S: ArrayLike, N: ArrayLike, D: ArrayLike, along: Direction
    ) -> tuple[Array, Array]:
        """Derivative of the loss along a direction, in two parts: of the capacity terms and of the data term.

        Arguments as `predict`; the data term is the one that depends on D, and it depends on nothing else. At S = 0 it is the
        slope towards sparser models, infinite where the loss jumps or rises as a root of S does.
        """
        theta, features = split(self.to_solver(parameters, NATURAL)), self.features(S, N, D)
        speed = self._speed(features["S"], along)
        capacity, data = np.zeros(()), np.zeros(())
        for term in (t for t in self.terms if t.exponents):
            rate = sum(theta[self.names.index(e)] * speed[f] for e, f in term.exponents)
            coefficient = theta[self.names.index(term.coefficient)]
            part = coefficient * self._basis(term, theta, features) * rate
            if term.gate == "sparse" and np.any(along.u):
                start = coefficient * self._product(term, theta, features)
                part = np.where(features["S"] == 0, start * along.u * self._rise_from_dense(term, theta, start), part)
            capacity, data = (capacity, data + part) if _is_data(term) else (capacity + part, data)
        return capacity, data

    def _rise_from_dense(self, term: Term, theta: Sequence[Array], start: Array) -> Array:
        """d S^exponent / du at S = 0, of a term that dense models lack."""
        power = sum((theta[self.names.index(e)] for e, f in term.exponents if f == "log_sparsity"), np.zeros(()))
        return np.where(power > 1, 0.0, np.where(power == 1, 1.0, np.where(start > 0, np.inf, 0.0)))

    def _speed(self, S: Array, along: Direction) -> dict[str, Array]:
        """How fast each feature moves."""
        odds = np.where(S > 0, (1 - S) / np.where(S > 0, S, 1.0), 0.0)
        mean = self.mean_density_slope * (1 - S) / (1 - self.mean_density_slope * S) - 1
        return {
            "log_density": np.asarray(-along.u),
            "log_sparsity": odds * along.u,
            "log_N": np.asarray(-along.log_N),
            "log_mean_N": mean * along.u - along.log_N,
            "log_D": np.asarray(-along.log_D),
        }

    def capacity(self, parameters: ArrayLike, S: ArrayLike, N: ArrayLike) -> Array:
        """The part of the loss that falls with N; S = 1 gives the limit of ever sparser models."""
        theta = split(self.to_solver(parameters, NATURAL))
        with np.errstate(divide="ignore", invalid="ignore"):
            features = self.features(S, N, 1.0)
            terms = [t for t in self.terms if t.exponents and not _is_data(t)]
            return sum(
                (theta[self.names.index(t.coefficient)] * self._basis(t, theta, features) for t in terms), np.zeros(())
            )

    def capacity_exponent(self, parameters: ArrayLike) -> Array:
        """The exponent of 1/N, which all capacity terms share."""
        name = next(e for t in self.terms for e, f in t.exponents if f in ("log_N", "log_mean_N"))
        return np.asarray(parameters, dtype=float)[..., self.names.index(name)]

    def data_for(self, parameters: ArrayLike, data_loss: ArrayLike) -> Array:
        """The data D at which the data term equals `data_loss`; inf where that is not positive."""
        theta = split(self.to_solver(parameters, NATURAL))
        term = next(t for t in self.terms if _is_data(t))
        coefficient, exponent = theta[self.names.index(term.coefficient)], theta[self.names.index(term.exponents[0][0])]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return np.where(
                np.asarray(data_loss) > 0, np.exp((np.log(coefficient) - np.log(data_loss)) / exponent), np.inf
            )

    def floor(self, parameters: ArrayLike) -> Array:
        """The irreducible loss: what remains at infinite N and D."""
        name = next(t.coefficient for t in self.terms if not t.exponents)
        return np.asarray(parameters, dtype=float)[..., self.names.index(name)]


def _product(exponent: Array, feature: Array) -> Array:
    """exponent * feature, with x^0 = 1 at x = 0, where the feature is -inf."""
    product = exponent * feature
    return np.where(exponent == 0, 0.0, product) if np.isneginf(feature).any() else product


def _is_data(term: Term) -> bool:
    return any(feature == "log_D" for _, feature in term.exponents)


def split(values: Array) -> list[Array]:
    return [values[..., k] for k in range(values.shape[-1])]
