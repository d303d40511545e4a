"""The unit of a loss: what the table says it is, and losses in nats where they are given as perplexities or in bits.

Laws are of the cross-entropy, whose unit only scales it: losses in bits stay in bits and are printed so, unless the caller asks
for nats. A perplexity is no cross-entropy but its exponential, so that its logarithm is taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sparselaw.errors import UserError, arg

if TYPE_CHECKING:
    from pandas import DataFrame

Array = NDArray[np.float64]
NATS, BITS, BITS_PER_BYTE, PERPLEXITY = "nats", "bits", "bits-per-byte", "ppl"
LOSS_UNITS = (NATS, BITS, BITS_PER_BYTE, PERPLEXITY)
_CALLED = {
    NATS: "nat nats nats_per_token nats_token",
    BITS: "bit bits bits_per_token bits_token bpt",
    BITS_PER_BYTE: "bits_per_byte bits_byte bpb",
    PERPLEXITY: "ppl perplexity perplexities ppx",
}
_SHOWN = {BITS_PER_BYTE: "bits per byte"}
_IN_NATS: dict[str, tuple[Callable[[Array], Array], str, str]] = {
    BITS: (lambda loss: loss * np.log(2), NATS, "bits times 0.693"),
    BITS_PER_BYTE: (lambda loss: loss * np.log(2), "nats per byte", "bits per byte times 0.693"),
    PERPLEXITY: (np.log, NATS, "the logarithm of perplexities"),
}
LONGEST = 24  # letters of a unit of the user's own


def unit_called(name: str) -> str | None:
    """The unit that a name such as `val_ppl` or `loss_bits` speaks of; None if it says nothing."""
    plain = f"_{re.sub(r'[^a-z0-9]+', '_', name.lower()).strip('_')}_"
    names = [(unit, called) for unit, all_names in _CALLED.items() for called in all_names.split()]
    found = [(len(called), unit) for unit, called in names if f"_{called}_" in plain]
    return max(found)[1] if found else None


def loss_in_unit(loss: Array, table: DataFrame, column: str, asked: str | None) -> tuple[Array, str, str | None]:
    """Losses [num_runs], their unit as it is printed, and what was done to them.

    Args:
        loss: as read.
        table: whose column `loss_unit` may name the unit.
        column: that the losses come from; its name may tell the unit.
        asked: the unit that the caller says they have; they are then converted to nats.

    Raises:
        UserError: units that contradict one another, no unit, or perplexities below 1.
    """
    told = _told(table["loss_unit"].dropna().astype(str).unique()) if "loss_unit" in table else None
    if asked is not None and asked not in LOSS_UNITS:
        raise UserError(f"{arg('loss_unit')} is {asked!r}; give one of {', '.join(LOSS_UNITS)}.")
    if asked and told and (unit_called(told) or told) != asked:
        raise UserError(
            f"{arg('loss_unit')} is {asked}, but the column loss_unit says {told}; give {unit_called(told) or told}."
        )
    unit = asked or (unit_called(told) if told else unit_called(column))
    if unit is None:
        return loss, told or NATS, None
    if (unit != PERPLEXITY and asked is None) or unit == NATS:
        return loss, _SHOWN.get(unit, unit), None
    if unit == PERPLEXITY and (loss <= 1).any():
        raise UserError(
            f"{column} has values of 1 or less, which no perplexity has; give the unit with {arg('loss_unit')}."
        )
    convert, shown, said = _IN_NATS[unit]
    return convert(loss), shown, f"losses are in {shown}: {said} ({column})"


def _told(units: Iterable[str]) -> str | None:
    """The one unit of a column of units."""
    found = sorted(units)
    if len(found) > 1:
        raise UserError(f"The column loss_unit has {' and '.join(found[:4])}; choose rows of one with {arg('where')}.")
    if not found:
        return None
    return found[0] if re.fullmatch(rf"[\w./ -]{{1,{LONGEST}}}", found[0]) else None
