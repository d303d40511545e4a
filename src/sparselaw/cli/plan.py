"""The command `plan`: one question, one screen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Literal

from tyro.conf import Positional, UseAppendAction

from sparselaw.cli.options import (
    Confidence,
    Fitted,
    InferenceCost,
    Json,
    Ramp,
    TokensPerImage,
    TrainingCost,
    option,
    pairs,
    print_json,
)

Precision = Literal["fp32", "bf16", "fp16", "int8", "int4"]


@dataclass(frozen=True)
class Command:
    """Say how sparse a model should be for a budget, and what that gains.

    Give a budget alone (--flops, or --gpu and --gpu-hours); or two of a size
    (--nonzeros, --memory, --total or --latency), a budget, --data and --loss; or
    a size and --times-chinchilla; or --loss and --inference, for the cheapest
    model to train and serve.
    """

    fit: Positional[Fitted]
    nonzeros: Annotated[
        str | None, option("non-zero prunable weights N, such as 85M", metavar="WEIGHTS", default="free")
    ] = None
    memory: Annotated[
        str | None,
        option("in place of N, bytes for its weights, such as 8GB or 512MiB", metavar="BYTES", default="no limit"),
    ] = None
    format: Annotated[
        str | None,
        option(
            "how --memory stores weights: bitmask, dense, csr, coo, delta, entropy, ideal or n:m, such as 2:4",
            metavar="FORMAT",
            default="bitmask",
        ),
    ] = None
    precision: Annotated[
        Precision | None,
        option(
            "precision of the values with --memory, --latency, --sparsity or --pattern, such as int8",
            metavar="|".join(Precision.__args__),
            default="bf16",
        ),
    ] = None
    total: Annotated[
        str | None,
        option(
            "in place of N, all weights before pruning, zeros included, such as 1B", metavar="WEIGHTS", default="free"
        ),
    ] = None
    model: Annotated[
        str | None,
        option(
            "in place of N, config.json of a Hugging Face model or its folder: its prunable weights are the --total",
            metavar="CONFIG",
            default="none",
        ),
    ] = None
    latency: Annotated[
        str | None,
        option("in place of N, time of a token on --device, such as 20ms", metavar="TIME", default="no limit"),
    ] = None
    device: Annotated[
        str | None,
        option("rtx4090, a100, h100 or m2-ultra: whose time of a token is shown", metavar="DEVICE", default="no times"),
    ] = None
    batch: Annotated[int, option("sequences that --device generates at once, such as 8", metavar="NUMBER")] = 1
    flops: Annotated[str | None, option("training FLOPs, such as 4.2e21", metavar="FLOPS", default="free")] = None
    data: Annotated[
        str | None,
        option(
            "tokens (images), such as 300B: with --nonzeros a budget, what a dense model of N would spend on them; else "
            "the data there is",
            metavar="DATA",
            default="free",
        ),
    ] = None
    times_chinchilla: Annotated[
        float | None,
        option(
            "training FLOPs in multiples of the dense compute-optimal ones of N, such as 5",
            metavar="TIMES",
            default="free",
        ),
    ] = None
    loss: Annotated[float | None, option("loss to reach in nats, such as 1.7", metavar="LOSS", default="free")] = None
    cost: TrainingCost = "dense"
    ramp: Ramp = None
    inference: Annotated[
        str | None,
        option(
            "tokens (images) to serve over the model's life, such as 1e12", metavar="TOKENS", default="training alone"
        ),
    ] = None
    inference_cost: InferenceCost = "dense"
    gpu: Annotated[
        str | None,
        option("rtx4090, a100, h100 or m2-ultra, for GPU-hours", metavar="GPU", default="no GPU-hours"),
    ] = None
    gpu_hours: Annotated[
        str | None,
        option("with --gpu or --peak, a budget in place of --flops, such as 500", metavar="HOURS", default="free"),
    ] = None
    peak: Annotated[
        float | None,
        option("FLOP/s of a GPU in place of --gpu, such as 1e15", metavar="FLOPS/S", default="that of --gpu"),
    ] = None
    utilisation: Annotated[float, option("share of the peak that training reaches, such as 0.5", metavar="SHARE")] = 0.4
    inference_utilisation: Annotated[
        float | None,
        option("share of the peak that inference reaches, such as 0.2", metavar="SHARE", default="as in training"),
    ] = None
    price: Annotated[
        float | None, option("price of a GPU-hour, such as 2.5, for money", metavar="PRICE", default="no money")
    ] = None
    tokens_per_image: TokensPerImage = 1.0
    tolerance: Annotated[
        float | None,
        option(
            "share that makes no difference to you, such as 0.005",
            metavar="SHARE",
            default="0.001 of the loss; with --inference 0.01 of the cost",
        ),
    ] = None
    confidence: Confidence = 0.95
    options: Annotated[
        tuple[str, ...],
        option(
            "what to compare, such as dense, 50%, 2:4, int4 or '2B 50% int4' (2B before pruning); repeat it for more",
            metavar="OPTION",
            default="dense, 2:4 and best unstructured, in 16 bits, int8 and int4",
            name="option",
        ),
        UseAppendAction,
    ] = ()
    sparsity: Annotated[
        float | None, option("one more option, of this sparsity, such as 0.5", metavar="SHARE", default="none")
    ] = None
    pattern: Annotated[
        str | None, option("one more option, of this pattern, such as 2:4", metavar="PATTERN", default="none")
    ] = None
    capacity: Annotated[
        tuple[str, ...],
        option(
            "dense 16-bit weights that one of a precision is worth, such as int4=0.9; repeat it for more",
            metavar="PRECISION=FACTOR",
            default="int8 0.99, int4 0.9",
        ),
        UseAppendAction,
    ] = ()
    json: Json = False

    def run(self) -> None:
        """Answers, and prints the answer."""
        from sparselaw.plan.verb import plan

        question = asdict(self)
        as_json = question.pop("json")
        question["capacity"] = pairs(
            question["capacity"], "capacity", "a precision and a factor, such as int4=0.9", float
        )
        answer = plan(question.pop("fit"), **question)
        if as_json:
            print_json(answer.to_json())
            return
        from sparselaw.report.plan_text import answer_text
        from sparselaw.report.text import show

        show(answer_text(answer))
