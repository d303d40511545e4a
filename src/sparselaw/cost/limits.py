"""Several limits at once, such as bytes and the time of a token: there may be as many non-zeros as all of them allow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
from numpy.typing import ArrayLike

from sparselaw.laws.optimum import WeightLimit
from sparselaw.laws.power import Array
from sparselaw.laws.search import rising_root, scan_points


@dataclass(frozen=True)
class Limits:
    """Limits that hold together."""

    parts: tuple[WeightLimit, ...]
    positions_are_free: bool = False
    is_bound: bool = True

    @property
    def levels(self) -> tuple[float, ...]:
        """The only sparsities to choose from, those that every limit knows; empty if all."""
        known = [set(part.levels) for part in self.parts if part.levels]
        return tuple(sorted(reduce(set.intersection, known))) if known else ()

    @cached_property
    def kinks(self) -> tuple[float, ...]:
        """The sparsities at which N(S) is not smooth: those of the parts, and where another limit becomes the tightest."""
        if self.levels:
            return ()
        own = tuple(kink for part in self.parts for kink in part.kinks)
        return tuple(sorted({*own, *self._crossings(own)}))

    @property
    def dense_params(self) -> float:
        """The size of the largest dense model."""
        return float(self.nonzeros(0.0))

    def nonzeros(self, S: ArrayLike) -> Array:
        """The most non-zeros at sparsity S."""
        return np.min([part.nonzeros(S) for part in self.parts], axis=0)

    def growth(self, S: ArrayLike) -> Array:
        """d ln N / du, u = -ln(1-S): that of the tightest limit."""
        S = np.asarray(S, dtype=float)
        tightest = np.argmin([part.nonzeros(S) for part in self.parts], axis=0)
        return np.choose(tightest, [np.broadcast_to(part.growth(S), S.shape) for part in self.parts])

    def _crossings(self, kinks: tuple[float, ...]) -> list[float]:
        """Where another limit becomes the tightest, by bisection between points of a scan."""
        S = scan_points(kinks)
        tightest = np.argmin([part.nonzeros(S) for part in self.parts], axis=0)
        found = []
        for k in np.flatnonzero(np.diff(tightest)):
            before, after = self.parts[tightest[k]], self.parts[tightest[k + 1]]
            root = rising_root(
                lambda s, a=before, b=after: np.log(a.nonzeros(s)) - np.log(b.nonzeros(s)),
                np.array(S[k]),
                np.array(S[k + 1]),
            )
            found.append(float(root))
        return found
