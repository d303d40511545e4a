"""Questions that have no answer, each refused in one sentence."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sparselaw.cost.storage import Memory
from sparselaw.counts import format_bytes, format_count
from sparselaw.errors import UserError
from sparselaw.fit.result import Fit
from sparselaw.laws import PowerLaw
from sparselaw.laws.optimum import levels_of
from sparselaw.plan.estimate import Estimate

FEWEST = 1000  # weights in a memory: a layer has more, so a unit must be wrong
LARGEST = 1e40  # of any quantity asked about: powers of it stay within the range of a double


def require_reachable(needed: Estimate, fitted: Fit, loss: float, what: str) -> None:
    """Raises: UserError: the loss is below the irreducible one, or what it needs is infinite."""
    floor = float(fitted.planning_law().floor(fitted.values))
    if loss <= floor:
        raise UserError(
            f"a loss of {loss:g} is below the irreducible loss {floor:.4g} of this fit; ask for more than that"
        )
    if not np.isfinite(needed.value):
        raise UserError(f"a loss of {loss:g} is out of reach with {what}, at any sparsity; give more, or ask for less")


def check_sizes(named: Mapping[str, float | None]) -> None:
    """Raises: UserError: a quantity that no training run has."""
    for name, value in named.items():
        if value is not None and not (np.isfinite(value) and value > 0):
            raise UserError(f"--{name} must be a positive number, got {value:g}")
        if value is not None and not 1 / LARGEST < value < LARGEST:
            raise UserError(f"--{name} is {value:g}, which no training run comes near; check its unit")


def check_units(fitted: Fit, tokens_per_image: float) -> None:
    """Raises: UserError: no number of tokens, or one for a law that does not count images."""
    if not (np.isfinite(tokens_per_image) and tokens_per_image > 0):
        raise UserError(f"--tokens-per-image must be a positive number, got {tokens_per_image:g}")
    if tokens_per_image != 1 and fitted.data_unit != "images":
        raise UserError(f"{fitted.name} counts data in {fitted.data_unit}; --tokens-per-image is for laws in images")


def check_shares(*shares: float) -> None:
    """Raises: UserError: tolerance or confidence that is no share."""
    for value in shares:
        if not 0 < value < 1:
            raise UserError(f"tolerance and confidence must lie between 0 and 1, got {value:g}")


def check_memory(memory: Memory | None, N: float | None, law: PowerLaw) -> None:
    if memory is None:
        return
    if N is not None:
        raise UserError("give --nonzeros or --memory, not both: a memory says how many non-zeros there are")
    if not FEWEST <= memory.dense_params < LARGEST:
        raise UserError(
            f"{format_bytes(memory.bytes)} hold {format_count(memory.dense_params)} weights of {memory.storage.precision}, "
            f"{'less than one layer' if memory.dense_params < FEWEST else 'more than any model has'}; check the unit of --memory"
        )
    if memory.levels and len(levels_of(law, memory)) < 2:
        raise UserError(
            f"the law {law.name} knows single sparsities only, and not that of {memory.storage.format}; choose another format"
        )


def check_question(named: Mapping[str, float | None]) -> None:
    given = {name for name, value in named.items() if value is not None}
    if len(given) != 2 or ("times-chinchilla" in given and "nonzeros" not in given):
        raise UserError(
            "give two of --nonzeros (or --memory), --flops, --data and --loss; or --nonzeros (--memory) and --times-chinchilla"
        )
