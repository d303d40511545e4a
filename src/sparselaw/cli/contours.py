"""The command `contours`: the best sparsity over two axes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional

from sparselaw.cli.options import (
    Fitted,
    InferenceCost,
    Json,
    Ramp,
    TokensPerImage,
    TrainingCost,
    check_output,
    option,
    print_json,
    ranged,
)

if TYPE_CHECKING:
    from sparselaw.plan.contours import Contours, LifetimeContours


@dataclass(frozen=True)
class Command:
    """Map the best sparsity over non-zeros and training FLOPs, or over demand and loss.

    With --inference the axes are the tokens (images) to serve and the loss to
    reach, and the best sparsity has the lowest lifetime cost.
    """

    fit: Positional[Fitted]
    nonzeros: Annotated[
        str | None,
        option("range of non-zeros, such as 1M:1B", metavar="LOW:HIGH", default="the fitted range, ten times wider"),
    ] = None
    flops: Annotated[
        str | None,
        option(
            "range of training FLOPs, such as 1e18:1e22", metavar="LOW:HIGH", default="up to the highest of --levels"
        ),
    ] = None
    inference: Annotated[
        str | None,
        option("range of tokens (images) to serve, such as 1e9:1e12", metavar="LOW:HIGH", default="training alone"),
    ] = None
    loss: Annotated[
        str | None,
        option(
            "with --inference, range of losses in nats, such as 1.6:2.4", metavar="LOW:HIGH", default="the fitted range"
        ),
    ] = None
    cost: TrainingCost = "dense"
    ramp: Ramp = None
    inference_cost: InferenceCost = "dense"
    tokens_per_image: TokensPerImage = 1.0
    levels: Annotated[
        tuple[float, ...], option("sparsities to draw lines for, such as 0.5 0.75", metavar="SPARSITY ...")
    ] = (0.25, 0.5, 0.75, 0.875, 0.9375)
    output: Annotated[
        Path | None,
        option(
            "figure to write, such as contours.png, .svg or .pdf", metavar="FILE", default="print a table", short="-o"
        ),
    ] = None
    json: Json = False

    def run(self) -> None:
        """Maps; draws or prints."""
        from sparselaw.plan.contours import contours

        check_output(self.output, "a figure", ".png", ".svg", ".pdf")
        found = contours(
            self.fit,
            nonzeros=ranged(self.nonzeros),
            flops=ranged(self.flops),
            inference=ranged(self.inference),
            loss=ranged(self.loss),
            cost=self.cost,
            ramp=self.ramp,
            inference_cost=self.inference_cost,
            tokens_per_image=self.tokens_per_image,
            levels=self.levels,
        )
        if self.output:
            from sparselaw.report.figures import save

            save(found.plot(), self.output)
        if self.json:
            print_json(_record(found))
        elif self.output:
            print(f"wrote {self.output}")
        else:
            from sparselaw.report.notebook import content
            from sparselaw.report.text import show

            show(content(found))


def _record(found: Contours | LifetimeContours) -> dict[str, Any]:
    """Arrays as lists, costs by their names."""
    record = {name: value for name, value in vars(found).items() if name != "fit"}
    costs = {name: record.pop(name).name for name in ("cost", "inference_cost") if name in record}
    return costs | {name: value.tolist() if hasattr(value, "tolist") else value for name, value in record.items()}
