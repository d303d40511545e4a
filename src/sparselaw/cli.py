"""The command line: parses, calls, prints. Every command takes `--json` for machines; a mistake is one sentence, exit 2."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional, arg, subcommand

from sparselaw.errors import UserError

LossName = Literal["huber", "huber-log", "squared", "squared-log", "absolute", "absolute-log"]
DESCRIPTION = "Should this transformer be sparse, and how sparse?"
Json = Annotated[bool, arg(help="print JSON for machines")]


@dataclass(frozen=True)
class FitCommand:
    """Fit the sparse scaling law to finished runs and say how sure it is."""

    runs: Annotated[Positional[str], arg(help="CSV, JSON or Parquet file, or a published sweep: t5-c4, vit-jft")]
    law: Annotated[
        str, arg(help="paper, free-multiplier, density-power, no-floor, average-params, dense, or FILE.py:FUNCTION")
    ] = "paper"
    loss: Annotated[
        LossName | None, arg(help="loss function of residuals; a published sweep's own, else huber-log, if not given")
    ] = None
    delta: Annotated[float | None, arg(help="Huber's delta (0.001 for huber-log, 0.01 for huber)")] = None
    quantile: Annotated[float, arg(help="fit this quantile of the loss instead of its middle")] = 0.5
    bootstrap: Annotated[int, arg(help="number of resamples for intervals")] = 0
    by: Annotated[
        Literal["run", "cell"], arg(help="resample single runs, or all runs of one (sparsity, non-zeros) cell together")
    ] = "run"
    profile: Annotated[bool, arg(help="profile intervals of every parameter and multiplier as well")] = False
    pin: Annotated[tuple[str, ...], arg(help="hold parameters at values: NAME=VALUE ...")] = ()
    bound: Annotated[tuple[str, ...], arg(help="bound parameters: NAME=LOW:HIGH ...")] = ()
    weights: Annotated[str | None, arg(help="column with the weight of each run")] = None
    columns: Annotated[str | None, arg(help="names in your file: nonzero_params=n,sparsity=s,data=tokens,loss=val")] = (
        None
    )
    starts: Annotated[int, arg(help="number of starting points")] = 64
    seed: int = 0
    recipe: Annotated[
        Literal["published"] | None, arg(help="also repeat the paper's own fitting recipe, over ten seeds")
    ] = None
    output: Annotated[Path | None, arg(aliases=["-o"], help="fit file to write (.json)")] = None
    figures: Annotated[Path | None, arg(help="folder to write figures to")] = None
    json: Json = False


@dataclass(frozen=True)
class CompareCommand:
    """Compare laws on the same runs: objective, information criteria, error on runs left out."""

    runs: Annotated[Positional[str], arg(help="CSV, JSON or Parquet file, or a published sweep: t5-c4, vit-jft")]
    loss: Annotated[LossName | None, arg(help="loss function of residuals, as in fit")] = None
    delta: Annotated[float | None, arg(help="Huber's delta, as in fit")] = None
    columns: Annotated[str | None, arg(help="names in your file, as in fit")] = None
    json: Json = False


@dataclass(frozen=True)
class PlanCommand:
    """Say how sparse a model should be for a budget.

    Give --nonzeros and one of --flops, --data, --times-chinchilla or --loss; or --flops and --loss for the smallest model.
    """

    fit: Annotated[Positional[str], arg(help="fit file, or a published law: t5-c4-refit, t5-c4-published, vit-jft")]
    nonzeros: Annotated[str | None, arg(help="non-zero prunable weights N, such as 85M")] = None
    flops: Annotated[str | None, arg(help="training FLOPs, such as 4.2e21")] = None
    data: Annotated[str | None, arg(help="a budget as the data on which a dense model of N would spend it")] = None
    times_chinchilla: Annotated[float | None, arg(help="a budget in multiples of N's dense compute-optimal one")] = None
    loss: Annotated[float | None, arg(help="loss to reach")] = None
    cost: Annotated[
        Literal["dense", "sparse"], arg(help="dense: zeros are computed all the same; sparse: they cost nothing")
    ] = "dense"
    tokens_per_image: Annotated[
        float, arg(help="for laws in images: tokens (patches) of one; 1 counts FLOPs as the paper does")
    ] = 1.0
    tolerance: Annotated[float, arg(help="share of the loss that makes no difference to you")] = 1e-3
    confidence: Annotated[float, arg(help="of the intervals")] = 0.95
    json: Json = False


@dataclass(frozen=True)
class ContoursCommand:
    """Optimal sparsity over non-zeros and training FLOPs, as a figure or as numbers."""

    fit: Annotated[Positional[str], arg(help="fit file, or a published law: t5-c4-refit, t5-c4-published, vit-jft")]
    nonzeros: Annotated[
        str | None, arg(help="range LOW:HIGH, such as 1M:1B; the fitted range and ten times more if not given")
    ] = None
    flops: Annotated[str | None, arg(help="range LOW:HIGH")] = None
    cost: Annotated[Literal["dense", "sparse"], arg(help="as in plan")] = "dense"
    tokens_per_image: Annotated[float, arg(help="as in plan")] = 1.0
    levels: Annotated[tuple[float, ...], arg(help="sparsities to draw")] = (0.25, 0.5, 0.75, 0.875, 0.9375)
    output: Annotated[Path | None, arg(aliases=["-o"], help="figure to write (.png, .svg or .pdf)")] = None
    json: Json = False


@dataclass(frozen=True)
class DesignCommand:
    """Say which runs to do next: those that make the interval of one answer narrowest for a budget.

    New runs join those of FIT. A published law, or any fit with --guess, stands in for runs that you do not have yet.
    """

    fit: Annotated[
        Positional[str],
        arg(help="fit file with a bootstrap, or a published law: t5-c4-refit, t5-c4-published, vit-jft"),
    ]
    budget: Annotated[str, arg(help="training FLOPs of all new runs together, such as 1e18")]
    target: Annotated[
        str | None,
        arg(
            help="question to sharpen: non-zeros,FLOPs, such as 85M,1e20; 10 times the largest fitted size if not given"
        ),
    ] = None
    answer: Annotated[
        Literal["sparsity", "loss"], arg(help="what is asked there: optimal sparsity, or the loss at it")
    ] = "sparsity"
    nonzeros: Annotated[
        str | None, arg(help="sizes allowed LOW:HIGH; from the smallest fitted to 4 times the largest if not given")
    ] = None
    data: Annotated[str | None, arg(help="data allowed LOW:HIGH, as nonzeros")] = None
    sparsities: Annotated[tuple[float, ...], arg(help="sparsities allowed; those of the fitted runs if not given")] = ()
    max_runs: Annotated[int | None, arg(help="at most so many runs; as many as a factorial grid has if not given")] = (
        None
    )
    max_seeds: Annotated[int, arg(help="at most so many runs of one size, sparsity and data")] = 1
    noise: Annotated[
        float | None, arg(help="standard deviation of a run's residual; estimated from the fit if not given")
    ] = None
    guess: Annotated[bool, arg(help="FIT is of other models: design a first sweep, its law being a guess")] = False
    cost: Annotated[Literal["dense", "sparse"], arg(help="as in plan")] = "dense"
    tokens_per_image: Annotated[float, arg(help="as in plan")] = 1.0
    confidence: Annotated[float, arg(help="of the intervals")] = 0.95
    base: Annotated[
        str | None,
        arg(help="recipe or TOML file that the runs share; decoder-laptop, or vit-laptop for images, if not given"),
    ] = None
    output: Annotated[Path | None, arg(aliases=["-o"], help="sweep file to write (.toml)")] = None
    json: Json = False


@dataclass(frozen=True)
class TrainCommand:
    """Train one sparse model from a TOML file or a shipped recipe.

    Any other option replaces a key of the configuration: --pruning.sparsity 0.5 --budget 4M.
    """

    config: Annotated[Positional[str], arg(help="TOML file, or a recipe such as decoder-laptop, t5-laptop, vit-laptop")]
    output: Annotated[
        Path | None, arg(aliases=["-o"], help="the run's folder; an interrupted run there goes on (default: runs/NAME)")
    ] = None
    json: Json = False
    overrides: Annotated[tuple[str, ...], tyro.conf.Suppress] = ()


@dataclass(frozen=True)
class DemoCommand:
    """Fit published runs, plan with the fit, write figures: all of it on this machine."""

    output: Annotated[Path, arg(aliases=["-o"], help="folder to write to")] = Path("demo-output")


Command = (
    Annotated[FitCommand, subcommand("fit")]
    | Annotated[CompareCommand, subcommand("compare")]
    | Annotated[PlanCommand, subcommand("plan")]
    | Annotated[ContoursCommand, subcommand("contours")]
    | Annotated[DesignCommand, subcommand("design")]
    | Annotated[TrainCommand, subcommand("train")]
    | Annotated[DemoCommand, subcommand("demo")]
)


def main() -> None:
    """Entry point of `sparselaw`."""
    try:
        _run(_parse())
    except UserError as error:
        print("sparselaw:", " ".join(str(error).split()), file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parse() -> Command:
    """The command in the arguments; tyro's boxed errors become one sentence."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            if sys.argv[1:2] != ["train"]:
                return tyro.cli(Command, prog="sparselaw", description=DESCRIPTION)
            command, rest = tyro.cli(Command, prog="sparselaw", description=DESCRIPTION, return_unknown_args=True)
        assert isinstance(command, TrainCommand)
        return replace(command, overrides=_overrides(rest))
    except SystemExit as stop:
        if stop.code:
            print(f"sparselaw: {_sentence(said.getvalue())}; see sparselaw --help", file=sys.stderr)
        raise


def _overrides(rest: list[str]) -> tuple[str, ...]:
    """`--key value` and `--key=value` as `key=value`."""
    found, words = [], iter(rest)
    for word in words:
        key, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--"):
            raise UserError(f"train takes one configuration and options --key value, got {word!r}")
        if not equals and (value := next(words, "")) == "":
            raise UserError(f"give a value for {word}")
        found.append(f"{key}={value}")
    return tuple(found)


def _sentence(boxed: str) -> str:
    """The message in a box of tyro's: what stands before its first rule or empty line."""
    lines = [line.strip("│| ") for line in re.sub(r"\x1b\[[0-9;]*m", "", boxed).splitlines()[1:]]
    return " ".join(takewhile(lambda line: line.strip("─-╰╯+"), lines)).rstrip(".")


def _run(command: Command) -> None:
    from sparselaw import commands

    match command:
        case FitCommand():
            commands.fit(command)
        case CompareCommand():
            commands.compare(command)
        case PlanCommand():
            commands.plan(command)
        case ContoursCommand():
            commands.contours(command)
        case DesignCommand():
            commands.design(command)
        case TrainCommand():
            commands.train(command)
        case DemoCommand():
            commands.demo(command)
