"""Which columns of logs are losses, and which cells of them are empty."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sparselaw.errors import UserError
from sparselaw.runs.check import BLANK, NUMBER
from sparselaw.runs.columns import ASKED, LOSSES, Found, shown
from sparselaw.runs.formats.raw import names_in
from sparselaw.runs.formats.shapes import is_usual

if TYPE_CHECKING:
    from pandas import DataFrame

_LETTER = re.compile(r"(^|[./]).$")


def has_loss(frame: DataFrame, asked: Mapping[str, str], *, is_log: bool) -> bool:
    """Whether a table has a number in a column of losses.

    Args:
        frame: the table.
        asked: what the caller says of the columns.
        is_log: whether it has the steps of a run, where any name with `loss` in it will do.
    """
    names = [str(name) for name in frame.columns]
    losses = (
        _asked_for(names, asked) or usual_losses(names) or [name for name in names if is_log and "loss" in name.lower()]
    )
    return any(_is_number(cell) for name in losses for cell in frame.iloc[:, names.index(name)])


def usual_losses(names: Iterable[str]) -> list[str]:
    """The names that are usual ones of a loss; a letter such as model.L may be anything in the settings of a run."""
    return [name for name in names if is_usual(name, *LOSSES) and not _LETTER.search(name)]


def loss_columns(names: Sequence[str], asked: Mapping[str, str]) -> list[str]:
    """The columns whose cells must not all be empty in a row that counts."""
    try:
        found = Found(names, asked).source(*LOSSES)
    except UserError:
        return usual_losses(names)  # the check asks which
    if found is None:
        return [name for name in names if "loss" in name.lower()]
    return [found[1]] if found[1] in names else _asked_for(names, asked)


def refuse_training_loss(names: Sequence[str], asked: Mapping[str, str], where: str) -> None:
    """Refuses a log where `loss` is probably that of training, since another column is that of the evaluation.

    Raises:
        UserError: naming both.
    """
    others = [name for name in usual_losses(names) if name != "loss" and is_usual(name, "loss")]
    if "loss" in names and others and not any(target in asked for target in LOSSES):
        raise UserError(
            f"{where} has 'loss' and {shown(others[0])}, one of which may be the training loss; say which with {ASKED}, "
            f"such as loss={others[0] if others[0].isidentifier() else f'`{others[0]}`'}."
        )


def is_blank(cell: Any) -> bool:
    """Whether a cell has no value."""
    if isinstance(cell, str):
        return cell.strip().lower() in BLANK
    return cell is None or (isinstance(cell, float | np.floating) and bool(np.isnan(cell)))


def _is_number(cell: Any) -> bool:
    if isinstance(cell, str):
        return NUMBER.fullmatch(cell.strip()) is not None
    return isinstance(cell, int | float | np.number) and not isinstance(cell, bool) and not is_blank(cell)


def _asked_for(names: Sequence[str], asked: Mapping[str, str]) -> list[str]:
    """The columns in what the caller says of the loss."""
    text = next((asked[target] for target in LOSSES if target in asked), "")
    return [name for name in names if name in names_in(text)]
