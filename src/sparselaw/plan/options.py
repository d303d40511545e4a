"""Ways to spend a limit: precision, pattern and sparsity of a model's weights. Dense is an option like any other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sparselaw.cost.storage import PRECISIONS, Storage
from sparselaw.counts import parse_count
from sparselaw.errors import UserError, either

USUAL_PRECISION = "bf16"
_SHARE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(%?)")
_COUNT = re.compile(r".*\d ?[KMBT]|.*e.*", re.IGNORECASE)


@dataclass(frozen=True)
class Option:
    """A way to spend the limit.

    Attributes:
        name: for tables.
        sparsity: share of zeros; None if the best one is to be found.
        pattern: "dense", "unstructured" or n:m.
        precision: of the values.
        total: weights before pruning, in place of the limit; None if the limit decides.
    """

    name: str
    sparsity: float | None = None
    pattern: str = "unstructured"
    precision: str = USUAL_PRECISION
    total: float | None = None

    @property
    def storage(self) -> Storage:
        """How the weights are stored: a bit a weight says which are zero, where the pattern does not."""
        return Storage("bitmask" if self.pattern == "unstructured" else self.pattern, self.precision)


DENSE = Option("dense", 0.0, "dense")
UNSTRUCTURED = Option("unstructured")
STANDARD = (
    DENSE,
    Option("dense int8", 0.0, "dense", "int8"),
    Option("dense int4", 0.0, "dense", "int4"),
    Option("2:4", 0.5, "2:4"),
    UNSTRUCTURED,
    Option("unstructured int8", None, "unstructured", "int8"),
    Option("unstructured int4", None, "unstructured", "int4"),
)
"""What is compared unless other options are asked for."""
ASKED = either("options", "--option")
OUTSIDE = {
    **dict.fromkeys(("moe", "mixture-of-experts", "experts"), "mixtures of experts"),
    **dict.fromkeys(("lora", "qlora", "adapters"), "low-rank adapters"),
    **dict.fromkeys(("structured", "width", "depth"), "pruning of whole units or layers"),
    **dict.fromkeys(("distilled", "distillation"), "distillation"),
}
"""Words for what no law here covers, and its name."""
HOW = "write a sparsity, pattern or precision, or several of them, such as dense, 50%, 2:4, int4 or '50% int4'."


def parse_option(text: str) -> Option:
    """An option from words in any order: `dense`, `unstructured`, `50%` or `0.5`, `2:4`, `int4`, `2B` (weights before pruning).

    Raises:
        UserError: other words, or two of one kind.
    """
    found: dict[str, float | str] = {}
    for word in text.split():
        key, value = _read(word, text)
        if key in found:
            raise UserError(f"{ASKED} {text!r} has two of one kind; {HOW}")
        found[key] = value
    if not found:
        raise UserError(f"{ASKED} is empty; {HOW}")
    sparsity, pattern = found.get("sparsity"), str(found.get("pattern", ""))
    if pattern in ("", "unstructured"):
        pattern = "dense" if sparsity == 0 or not (pattern or sparsity) else "unstructured"
    precision = str(found.get("precision", USUAL_PRECISION))
    held = 0.0 if pattern == "dense" else next(iter(Storage(pattern).levels), None) if ":" in pattern else sparsity
    if sparsity is not None and held != sparsity:
        raise UserError(f"{ASKED} {text!r} contradicts itself: {pattern} weights are {float(held or 0):.4g} sparse.")
    total = found.get("total")
    return Option(
        " ".join(text.split()),
        None if held is None else float(held),
        pattern,
        precision,
        None if total is None else float(total),
    )


def _read(word: str, text: str) -> tuple[str, float | str]:
    """What kind of word it is, and its value."""
    lower = word.lower()
    if lower in OUTSIDE:
        raise UserError(
            f"{ASKED} has {word!r}, but no law here covers {OUTSIDE[lower]}; what is known of that choice stands in the "
            "docs under 'Limits of the method'."
        )
    if lower in PRECISIONS:
        return "precision", lower
    if lower in ("dense", "unstructured"):
        return "pattern", lower
    if ":" in lower:
        try:
            Storage(lower)
        except UserError:
            raise UserError(f"{ASKED} has {word!r}, which is no n:m pattern; {HOW}") from None
        return "pattern", lower
    if share := _SHARE.fullmatch(lower):
        value = float(share[1]) / (100 if share[2] else 1)
        if value < 1:
            return "sparsity", value
    elif _COUNT.fullmatch(word):
        return "total", parse_count(word)
    raise UserError(f"{ASKED} {text!r} has {word!r}; {HOW}")


def options_of(texts: Sequence[str], own: Option | None = None) -> tuple[Option, ...]:
    """The options that are asked for, or the standard ones; and one more of the user's own."""
    asked = tuple(map(parse_option, texts)) or STANDARD
    return asked if own is None or own in asked else (*asked, own)
