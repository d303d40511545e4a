"""What several commands share: how an option is described, counts and ranges, output files, JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

from tyro.conf import FlagCreatePairsOff, arg

from sparselaw import errors
from sparselaw.counts import parse_range
from sparselaw.errors import UserError

if TYPE_CHECKING:
    from sparselaw.runs import Runs


class Command(Protocol):
    """The options of a command, and what it does with them."""

    def run(self) -> int | None:
        """Carries the command out; returns its exit code, 0 if None."""
        ...


def option(
    text: str,
    *,
    metavar: str | None = None,
    default: str | None = None,
    short: str | None = None,
    name: str | None = None,
) -> Any:
    """An option in the help.

    Args:
        text: what it sets, its unit and an example.
        metavar: placeholder of its value; that of its type if None.
        default: what happens without it, where its value in Python does not say so.
        short: a short name such as `-o`.
        name: of the option, if not that of the field.
    """
    hint = None if default is None else f"(default: {default})"
    return arg(name=name, help=text, metavar=metavar, help_behavior_hint=hint, aliases=(short,) if short else None)


def required(text: str, metavar: str) -> Any:
    """A positional argument in the help."""
    return arg(help=text, metavar=metavar)


Json = Annotated[bool, option("print JSON instead of tables", default="tables"), FlagCreatePairsOff]
Fitted = Annotated[
    str, required("fit file, or a published law: t5-c4-refit, t5-c4-published or vit-jft", metavar="FIT")
]
Columns = Annotated[
    str | None,
    option(
        "columns of your file, or expressions over them, such as total_params=n,sparsity=1-density,data=tokens_b*1e9,loss=val; "
        "or a TOML file of all these choices",
        metavar="NAME=COLUMN,...",
        default="the usual names, such as nonzero_params, params, sparsity, density, tokens, flops, val_loss",
    ),
]
Where = Annotated[
    str | None,
    option(
        "condition on columns that runs must meet, such as \"status == 'finished'\"",
        metavar="CONDITION",
        default="all rows",
    ),
]
TrainingCost = Annotated[
    str,
    option(
        "cost of zeros in training: dense (they cost compute), sparse (they are free), a measured machine (a100-2:4, "
        "h100-2:4, epyc-csr) or HARDWARE.json",
        metavar="COST",
    ),
]
Ramp = Annotated[
    str | None,
    option(
        "shares of training where pruning starts and ends, which tell what --cost of sparse weights comes to, such as 0:0.5",
        metavar="START:END",
        default="0.25:0.75",
    ),
]
InferenceCost = Annotated[str, option("cost of zeros in inference, such as sparse; as --cost", metavar="COST")]
TokensPerImage = Annotated[
    float,
    option(
        "for laws in images, tokens (patches) of one image, such as 196; 1 counts FLOPs as the paper does",
        metavar="TOKENS",
    ),
]
Confidence = Annotated[float, option("confidence level of the intervals, such as 0.9", metavar="SHARE")]
Intervals = Annotated[int, option("number of resamples for intervals, such as 200; 0 for none", metavar="NUMBER")]


@dataclass(frozen=True)
class Reading:
    """How the table is read."""

    columns: Columns = None
    where: Where = None
    last_of: Annotated[
        str | None,
        option(
            "keep the last row (checkpoint) of each value of this column, such as run",
            metavar="COLUMN",
            default="all rows",
        ),
    ] = None
    best_of: Annotated[
        str | None,
        option(
            "keep the run of the lowest loss of each cell of equal N, S and D, or of each value of a column",
            metavar="cell|COLUMN",
            default="all rows",
        ),
    ] = None
    loss_unit: Annotated[
        Literal["nats", "bits", "bits-per-byte", "ppl"] | None,
        option(
            "what the losses of the table are in, such as ppl; they are converted to nats",
            metavar="nats|bits|bits-per-byte|ppl",
            default="as the table says",
        ),
    ] = None

    def choices(self) -> dict[str, Any]:
        """The options for `sparselaw.runs.read_runs`; `--columns` may be a TOML file of all of them."""
        from sparselaw.runs import reading
        from sparselaw.runs.columns import parse_columns

        own = {name: value for name, value in vars(self).items() if name != "columns"}
        if self.columns and self.columns.endswith(".toml"):
            return vars(reading.Reading(**own).over(reading.open_reading(self.columns)))
        return own | {"columns": parse_columns(self.columns) if self.columns else None}

    def read(self, source: str, within: str | None = None) -> Runs:
        """The runs, after saying on standard error which columns were taken for what, and which rows were left out.

        Args:
            source: of the runs.
            within: column, runs with other values of which are not compared for `--best-of`.
        """
        from sparselaw.runs import read_runs

        runs = read_runs(source, **(self.choices() | {"within": within}))
        for line in runs.taken:
            print(f"{runs.name}: {line}", file=sys.stderr)
        return runs


def ranged(text: str | None) -> tuple[float, float] | None:
    """Two counts LOW:HIGH."""
    return None if text is None else parse_range(text)


def named_columns(text: str | None) -> dict[str, str] | None:
    """The mapping in `--columns`."""
    from sparselaw.runs.columns import parse_columns

    return parse_columns(text) if text else None


def pairs(texts: Sequence[str], name: str, form: str, convert: Callable[[str], Any]) -> dict[str, Any]:
    """The `NAME=VALUE` of an option that takes several."""
    found = {}
    for text in texts:
        key, _, value = text.partition("=")
        try:
            found[key] = convert(value)
        except ValueError as error:
            raise UserError(f"{errors.arg(name)} has {text!r}; give {form}.") from error
    return found


def check_output(path: Path | None, what: str, *endings: str) -> None:
    """Refuses a file, before the work for it, whose name has another ending or that cannot be written there.

    Raises:
        UserError: another ending, a folder of that name, or a file where its folder should be.
    """
    if path is None:
        return
    if path.suffix.lower() not in endings:
        raise UserError(f"Cannot write {what} to {path}; end its name in {' or '.join(endings)}.")
    if path.is_dir():
        raise UserError(f"Cannot write {path}, which is a folder; give the name of a file.")
    if taken := next((folder for folder in path.parents if folder.is_file()), None):
        raise UserError(f"Cannot write {path}, because {taken} is a file; give another folder.")


@contextmanager
def torch_for(doing: str) -> Iterator[None]:
    """Turns a missing PyTorch into advice."""
    try:
        yield
    except ImportError as error:
        raise UserError(
            f"{doing} needs the package {error.name}; install it with pip install 'sparselaw[train]'."
        ) from error


def print_json(record: Mapping[str, Any] | Sequence[Any]) -> None:
    """Prints a record with null for numbers that JSON does not have."""
    from sparselaw.fit.result import finite

    print(json.dumps(finite(record), indent=1))
