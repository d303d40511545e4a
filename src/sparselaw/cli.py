"""The command line: parses, calls, prints. Commands take `--json` for machines; a mistake is one sentence, exit 2."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional, arg, subcommand

from sparselaw import __version__
from sparselaw.errors import UserError

LossName = Literal["huber", "huber-log", "squared", "squared-log", "absolute", "absolute-log"]
DESCRIPTION = "Should this transformer be sparse, and how sparse?"
COST_HELP = (
    "dense: zeros are computed all the same; sparse: they cost nothing; a100-2:4, h100-2:4, epyc-csr or HARDWARE.json"
)
Json = Annotated[bool, arg(help="print JSON for machines")]


@dataclass(frozen=True)
class FitCommand:
    """Fit the sparse scaling law to finished runs and say how sure it is."""

    runs: Annotated[
        Positional[str],
        arg(metavar="RUNS", help="CSV, JSON or Parquet file, folder of runs, or a published sweep: t5-c4, vit-jft"),
    ]
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

    runs: Annotated[
        Positional[str],
        arg(metavar="RUNS", help="CSV, JSON or Parquet file, folder of runs, or a published sweep: t5-c4, vit-jft"),
    ]
    loss: Annotated[LossName | None, arg(help="loss function of residuals, as in fit")] = None
    delta: Annotated[float | None, arg(help="Huber's delta, as in fit")] = None
    columns: Annotated[str | None, arg(help="names in your file, as in fit")] = None
    json: Json = False


@dataclass(frozen=True)
class ComparePatternsCommand:
    """Dense-equivalent multipliers of n:m patterns, or of any groups of runs, and which of them differ beyond noise."""

    runs: Annotated[
        Positional[tuple[str, ...]], arg(metavar="RUNS", help="tables or folders of runs, dense ones among them")
    ]
    by: Annotated[str, arg(help="columns that tell groups apart: pattern, recipe, or both as pattern,recipe")] = (
        "pattern"
    )
    columns: Annotated[str | None, arg(help="names in your file, as in fit")] = None
    confidence: Annotated[float, arg(help="of the intervals")] = 0.95
    figure: Annotated[Path | None, arg(help="figure to write (.png, .svg, .pdf)")] = None
    json: Json = False


@dataclass(frozen=True)
class ComparePretrainedCommand:
    """What a dense checkpoint is worth: data that training sparse from scratch needs to match pruning it."""

    runs: Annotated[
        Positional[tuple[str, ...]],
        arg(metavar="RUNS", help="tables or folders of runs, with and without a checkpoint"),
    ]
    fit: Annotated[str | None, arg(help="fit file of runs from scratch; without it, lines between the runs")] = None
    columns: Annotated[str | None, arg(help="names in your file, as in fit")] = None
    confidence: Annotated[float, arg(help="of the intervals")] = 0.95
    figure: Annotated[Path | None, arg(help="figure to write (.png, .svg, .pdf)")] = None
    json: Json = False


@dataclass(frozen=True)
class PlanCommand:
    """Say how sparse a model should be for a budget.

    Give two of --nonzeros (or --memory), --flops, --data and --loss; or --nonzeros (--memory) and --times-chinchilla. With
    --inference, --loss alone: the cheapest size, sparsity and data for training and inference together.
    """

    fit: Annotated[
        Positional[str], arg(metavar="FIT", help="fit file, or a published law: t5-c4-refit, t5-c4-published, vit-jft")
    ]
    nonzeros: Annotated[str | None, arg(help="non-zero prunable weights N, such as 85M")] = None
    memory: Annotated[
        str | None, arg(help="in place of N, bytes for the weights counted in it, such as 8GB or 512MiB")
    ] = None
    format: Annotated[
        str | None, arg(help="how --memory stores them: bitmask (default), dense, csr, coo, delta, n:m, entropy, ideal")
    ] = None
    precision: Annotated[
        Literal["fp32", "bf16", "fp16", "int8", "int4"] | None, arg(help="of values in --memory (default bf16)")
    ] = None
    flops: Annotated[str | None, arg(help="training FLOPs, such as 4.2e21")] = None
    data: Annotated[
        str | None,
        arg(help="with --nonzeros a budget: what a dense model of N would spend on so much; else the data there is"),
    ] = None
    times_chinchilla: Annotated[float | None, arg(help="a budget in multiples of N's dense compute-optimal one")] = None
    loss: Annotated[float | None, arg(help="loss to reach")] = None
    cost: Annotated[str, arg(help=COST_HELP)] = "dense"
    inference: Annotated[str | None, arg(help="tokens (images) to serve over the model's life, such as 1e12")] = None
    inference_cost: Annotated[str, arg(help="as --cost, for inference")] = "dense"
    peak: Annotated[float | None, arg(help="with --inference: FLOP/s of a GPU, for GPU-hours")] = None
    utilisation: Annotated[float, arg(help="share of the peak that training reaches")] = 0.4
    inference_utilisation: Annotated[
        float | None, arg(help="share of the peak that inference reaches; as training if not given")
    ] = None
    price: Annotated[float | None, arg(help="of a GPU-hour, for money")] = None
    tokens_per_image: Annotated[
        float, arg(help="for laws in images: tokens (patches) of one; 1 counts FLOPs as the paper does")
    ] = 1.0
    tolerance: Annotated[
        float | None,
        arg(help="share that makes no difference to you: of the loss (0.001), with --inference of the cost (0.01)"),
    ] = None
    confidence: Annotated[float, arg(help="of the intervals")] = 0.95
    json: Json = False


@dataclass(frozen=True)
class ContoursCommand:
    """Optimal sparsity over non-zeros and training FLOPs, as a figure or as numbers; with --inference, over demand and loss."""

    fit: Annotated[
        Positional[str], arg(metavar="FIT", help="fit file, or a published law: t5-c4-refit, t5-c4-published, vit-jft")
    ]
    nonzeros: Annotated[
        str | None, arg(help="range LOW:HIGH, such as 1M:1B; the fitted range and ten times more if not given")
    ] = None
    flops: Annotated[str | None, arg(help="range LOW:HIGH")] = None
    inference: Annotated[
        str | None, arg(help="range LOW:HIGH of tokens (images) to serve: the map of training and inference together")
    ] = None
    loss: Annotated[str | None, arg(help="with --inference: range LOW:HIGH; that of the fitted runs if not given")] = (
        None
    )
    cost: Annotated[str, arg(help="dense or sparse; with --inference as in plan")] = "dense"
    inference_cost: Annotated[str, arg(help="as in plan")] = "dense"
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
        arg(metavar="FIT", help="fit file with a bootstrap, or a published law: t5-c4-refit, t5-c4-published, vit-jft"),
    ]
    budget: Annotated[str, arg(help="training FLOPs of all new runs together, such as 1e18")]
    target: Annotated[
        str | None,
        arg(
            help="question to sharpen: non-zeros,FLOPs, such as 85M,1e20; 2.5 times the largest size allowed if not given"
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
    max_seeds: Annotated[
        int,
        arg(help="at most so many runs of one size, sparsity and data; of one size and sparsity, for a fit by cell"),
    ] = 1
    noise: Annotated[
        float | None, arg(help="standard deviation of a run's residual; estimated from the fit if not given")
    ] = None
    guess: Annotated[bool, arg(help="FIT is of other models: design a first sweep, its law being a guess")] = False
    cost: Annotated[str, arg(help="as in plan")] = "dense"
    tokens_per_image: Annotated[float, arg(help="as in plan")] = 1.0
    confidence: Annotated[float, arg(help="of the intervals")] = 0.95
    base: Annotated[
        str | None,
        arg(help="recipe or TOML file that the runs share; decoder-laptop, or vit-laptop for images, if not given"),
    ] = None
    output: Annotated[Path | None, arg(aliases=["-o"], help="sweep file to write (.toml)")] = None
    json: Json = False


@dataclass(frozen=True)
class HardwareCommand:
    """Measure what products with sparse weights cost on this machine, against dense ones.

    The file serves as --cost and --inference-cost of plan.
    """

    shapes: Annotated[tuple[str, ...], arg(help="ROWSxCOLUMNS of weight matrices")] = ("1024x1024", "4096x1024")
    batches: Annotated[tuple[int, ...], arg(help="tokens in one product; training is timed at the largest")] = (
        1,
        16,
        128,
    )
    sparsities: Annotated[tuple[float, ...], arg(help="sparsities to time")] = (0.5, 0.75, 0.875, 0.9375, 0.984375)
    rounds: Annotated[int, arg(help="how often each product is timed")] = 7
    threads: Annotated[
        int | None, arg(help="of PyTorch; 1 counts processor time, which other work does not add to")
    ] = None
    output: Annotated[Path | None, arg(aliases=["-o"], help="file to write (.json)")] = None
    json: Json = False


@dataclass(frozen=True)
class TrainCommand:
    """Train one sparse model from a TOML file or a shipped recipe.

    Any other option replaces a key of the configuration: --pruning.sparsity 0.5 --budget 4M.
    """

    config: Annotated[
        Positional[str],
        arg(metavar="CONFIG", help="TOML file, or a recipe such as decoder-laptop, t5-laptop, vit-laptop"),
    ]
    output: Annotated[
        Path | None, arg(aliases=["-o"], help="the run's folder; an interrupted run there goes on (default: runs/NAME)")
    ] = None
    json: Json = False
    overrides: Annotated[tuple[str, ...], tyro.conf.Suppress] = ()


@dataclass(frozen=True)
class ExportCommand:
    """Write a sparse model to a smaller file that gives it back to the bit, or restore one from such a file."""

    model: Annotated[
        Positional[str],
        arg(
            metavar="MODEL",
            help="run, checkpoint or other folder with model.safetensors, or a safetensors file; with --restore an export",
        ),
    ]
    format: Annotated[
        str, arg(help="auto (the smallest for each tensor), dense, bitmask, delta, csr, or n:m such as 2:4")
    ] = "auto"
    precision: Annotated[
        Literal["fp32", "bf16", "fp16"] | None, arg(help="to convert weights to first; as they are if not given")
    ] = None
    restore: Annotated[bool, arg(help="write the dense model of an export")] = False
    output: Annotated[
        Path | None,
        arg(aliases=["-o"], help="file (with --restore also folder) to write; named after the model if not given"),
    ] = None
    json: Json = False


@dataclass(frozen=True)
class SweepCommand:
    """Train a grid of models over sizes, sparsities and data; stop it and start it again as you like.

    Finished runs are skipped, interrupted ones go on from their last checkpoint.
    """

    sweep: Annotated[Positional[Path], arg(metavar="SWEEP", help="TOML file of the sweep; see docs/sweeps.md")]
    output: Annotated[
        str | None, arg(aliases=["-o"], help="folder or address (s3://...) for the runs (default: runs/NAME)")
    ] = None
    engine: Annotated[
        Literal["local", "ray", "slurm"], arg(help="local: processes on this machine; ray, slurm: a cluster")
    ] = "local"
    workers: Annotated[
        int,
        arg(help="runs at a time, local and slurm (default: one a GPU, or one a core); ray takes what the cluster has"),
    ] = 0
    threads: Annotated[int, arg(help="processor threads of each run")] = 1
    address: Annotated[str | None, arg(help="of a Ray cluster; without one, one is started here")] = None
    retry: Annotated[bool, arg(help="try diverged and failed runs again")] = False
    dry_run: Annotated[bool, arg(help="print every run with its cost, from a short probe, and train nothing")] = False
    json: Json = False


@dataclass(frozen=True)
class RunsCommand:
    """List the runs in a folder: how far, how good, and why not."""

    folder: Annotated[Positional[str], arg(metavar="FOLDER", help="folder or address of a sweep")]
    output: Annotated[Path | None, arg(aliases=["-o"], help="table of the finished runs to write (.csv, .json)")] = None
    json: Json = False


@dataclass(frozen=True)
class ReportCommand:
    """Write runs, a folder of runs or a fit as one HTML page with a planner: the answer, how sure it is, and why."""

    source: Annotated[
        Positional[str],
        arg(
            metavar="SOURCE",
            help="file or folder of runs, a published sweep (t5-c4, vit-jft), a fit file or published law",
        ),
    ]
    output: Annotated[Path, arg(aliases=["-o"], help="page to write (.html)")] = Path("report.html")
    fit: Annotated[str | None, arg(help="fit file of these runs; they are fitted here if not given")] = None
    columns: Annotated[str | None, arg(help="names in your file, as in fit")] = None
    bootstrap: Annotated[int, arg(help="number of resamples for intervals, where the runs are fitted here")] = 1000
    nonzeros: Annotated[
        str | None, arg(help="N that the page opens with, such as 85M; the largest fitted if not given")
    ] = None
    flops: Annotated[
        str | None,
        arg(help="training FLOPs that it opens with; if not given, those of dense training of N on the most data"),
    ] = None
    cost: Annotated[str, arg(help=COST_HELP)] = "dense"
    tokens_per_image: Annotated[float, arg(help="as in plan")] = 1.0
    plotlyjs: Annotated[
        Literal["inline", "cdn"], arg(help="inline: 5 MB, works offline; cdn: small, figures need a connection")
    ] = "inline"
    json: Json = False


@dataclass(frozen=True)
class DemoCommand:
    """Train a small sparse sweep, fit the law, plan with it, write figures and a report: all of it on this machine."""

    output: Annotated[Path, arg(aliases=["-o"], help="folder to write to")] = Path("demo-output")


Command = (
    Annotated[FitCommand, subcommand("fit")]
    | Annotated[CompareCommand, subcommand("compare")]
    | Annotated[ComparePatternsCommand, subcommand("compare-patterns")]
    | Annotated[ComparePretrainedCommand, subcommand("compare-pretrained")]
    | Annotated[PlanCommand, subcommand("plan")]
    | Annotated[ContoursCommand, subcommand("contours")]
    | Annotated[DesignCommand, subcommand("design")]
    | Annotated[HardwareCommand, subcommand("hardware")]
    | Annotated[TrainCommand, subcommand("train")]
    | Annotated[ExportCommand, subcommand("export")]
    | Annotated[SweepCommand, subcommand("sweep")]
    | Annotated[RunsCommand, subcommand("runs")]
    | Annotated[ReportCommand, subcommand("report")]
    | Annotated[DemoCommand, subcommand("demo")]
)


def main() -> None:
    """Entry point of `sparselaw`."""
    if sys.argv[1:] == ["--version"]:
        print(f"sparselaw {__version__}")
        return
    try:
        _run(_parse())
    except UserError as error:
        print("sparselaw:", " ".join(error.on_command_line().split()), file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("sparselaw: stopped", file=sys.stderr)
        sys.exit(130)
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


HOMES: dict[type, str] = {
    FitCommand: "fitting.fit",
    CompareCommand: "fitting.compare",
    ComparePatternsCommand: "comparing.compare_patterns",
    ComparePretrainedCommand: "comparing.compare_pretrained",
    PlanCommand: "planning.plan",
    ContoursCommand: "planning.contours",
    DesignCommand: "planning.design",
    HardwareCommand: "planning.hardware",
    TrainCommand: "training.train",
    ExportCommand: "training.export",
    SweepCommand: "training.sweep",
    RunsCommand: "training.runs",
    ReportCommand: "reporting.report",
    DemoCommand: "reporting.demo",
}
"""The module and function in `commands` that carries out each command."""


def _run(command: Command) -> None:
    module, function = HOMES[type(command)].split(".")
    getattr(import_module(f"sparselaw.commands.{module}"), function)(command)
