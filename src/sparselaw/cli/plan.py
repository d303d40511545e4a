"""The command `plan`: one question, one screen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Literal

from tyro.conf import Positional

from sparselaw.cli.options import (
    Confidence,
    Fitted,
    InferenceCost,
    Json,
    TokensPerImage,
    TrainingCost,
    option,
    print_json,
)

Precision = Literal["fp32", "bf16", "fp16", "int8", "int4"]


@dataclass(frozen=True)
class Command:
    """Say how sparse a model should be for a budget, and what that gains.

    Give --flops alone; or two of --nonzeros (or --memory), --flops, --data
    and --loss; or --nonzeros (or --memory) and --times-chinchilla; or --loss and
    --inference, for the cheapest model to train and serve.
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
            "precision of the values in --memory, such as int8", metavar="|".join(Precision.__args__), default="bf16"
        ),
    ] = None
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
    inference: Annotated[
        str | None,
        option(
            "tokens (images) to serve over the model's life, such as 1e12", metavar="TOKENS", default="training alone"
        ),
    ] = None
    inference_cost: InferenceCost = "dense"
    peak: Annotated[
        float | None,
        option(
            "with --inference, FLOP/s of a GPU, such as 1e15, for GPU-hours", metavar="FLOPS/S", default="no GPU-hours"
        ),
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
    json: Json = False

    def run(self) -> None:
        """Answers, and prints the answer."""
        from sparselaw.plan.answer import plan

        question = asdict(self)
        as_json = question.pop("json")
        answer = plan(question.pop("fit"), **question)
        if as_json:
            print_json(answer.to_json())
            return
        from sparselaw.report.plan_text import answer_text
        from sparselaw.report.text import show

        show(answer_text(answer))
