"""Ways to spend a limit: how a model's weights are kept. Dense is an option like any other."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Option:
    """A way to spend the limit.

    Attributes:
        name: for tables.
        sparsity: share of zeros; None if the best one is to be found.
    """

    name: str
    sparsity: float | None = None


DENSE = Option("dense", 0.0)
UNSTRUCTURED = Option("best unstructured")
