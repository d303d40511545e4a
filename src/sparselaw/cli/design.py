"""The command `design`: which runs to train next."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional

from sparselaw.cli.options import (
    Confidence,
    Fitted,
    Json,
    Ramp,
    TokensPerImage,
    TrainingCost,
    check_output,
    option,
    print_json,
    ranged,
    required,
)
from sparselaw.counts import parse_count
from sparselaw.errors import UserError, arg


@dataclass(frozen=True)
class Command:
    """Choose the runs to train next: those that narrow the interval of one answer most.

    New runs join those of FIT. A published law, or any fit with --guess,
    stands in for runs that you do not have yet.
    """

    fit: Positional[Fitted]
    budget: Annotated[str, required("training FLOPs of all new runs together, such as 1e18", metavar="FLOPS")]
    target: Annotated[
        str | None,
        option(
            "non-zeros and training FLOPs of the question, such as 85M,1e20",
            metavar="WEIGHTS,FLOPS",
            default="2.5 times the largest size allowed, at 5 times its Chinchilla-optimal compute",
        ),
    ] = None
    answer: Annotated[
        Literal["sparsity", "loss"],
        option("what is asked there: the optimal sparsity, or the loss at it", metavar="sparsity|loss"),
    ] = "sparsity"
    nonzeros: Annotated[
        str | None,
        option(
            "sizes of new runs, such as 1M:40M", metavar="LOW:HIGH", default="smallest fitted to 4 times the largest"
        ),
    ] = None
    data: Annotated[
        str | None,
        option("data of new runs, such as 100M:4B", metavar="LOW:HIGH", default="least fitted to 4 times the most"),
    ] = None
    sparsities: Annotated[
        tuple[float, ...],
        option("sparsities of new runs, such as 0 0.5 0.75", metavar="SPARSITY ...", default="the fitted ones"),
    ] = ()
    max_runs: Annotated[
        int | None, option("at most so many runs, such as 12", metavar="NUMBER", default="as many as a factorial grid")
    ] = None
    max_seeds: Annotated[
        int,
        option(
            "at most so many runs, such as 2, of one size, sparsity and data; of one size and sparsity for a fit resampled by "
            "cell",
            metavar="NUMBER",
        ),
    ] = 1
    noise: Annotated[
        float | None,
        option(
            "standard deviation of a run's residual, such as 0.01", metavar="NATS", default="estimated from the fit"
        ),
    ] = None
    guess: Annotated[
        bool,
        option(
            "FIT is of other models: design a first sweep with its law as a guess", default="for published laws only"
        ),
    ] = False
    cost: TrainingCost = "dense"
    ramp: Ramp = None
    tokens_per_image: TokensPerImage = 1.0
    confidence: Confidence = 0.95
    base: Annotated[
        str | None,
        option(
            "recipe or TOML file that the runs share, such as t5-laptop",
            metavar="CONFIG",
            default="decoder-laptop, or vit-laptop for images",
        ),
    ] = None
    output: Annotated[
        Path | None,
        option("sweep file to write, such as sweep.toml", metavar="FILE", default="not written", short="-o"),
    ] = None
    json: Json = False

    def run(self) -> None:
        """Chooses, writes, prints."""
        from sparselaw.design.verb import design

        check_output(self.output, "a sweep", ".toml")
        found = design(
            self.fit,
            budget=self.budget,
            target=_target(self.target) if self.target else None,
            answer=self.answer,
            nonzeros=ranged(self.nonzeros),
            data=ranged(self.data),
            sparsities=self.sparsities,
            max_runs=self.max_runs,
            max_seeds=self.max_seeds,
            noise=self.noise,
            guess=self.guess or None,
            cost=self.cost,
            ramp=self.ramp,
            tokens_per_image=self.tokens_per_image,
            confidence=self.confidence,
        )
        if self.output:
            found.save(self.output, self.base)
        if self.json:
            print_json(found.to_json())
            return
        from sparselaw.report.design_text import design_text
        from sparselaw.report.text import show

        show(design_text(found))
        if self.output:
            print(f"wrote {self.output}; look at it with: sparselaw sweep {self.output} --dry-run")


def _target(text: str) -> tuple[float, float]:
    size, comma, budget = text.partition(",")
    if not comma:
        raise UserError(f"{arg('target')} is {text!r}; give non-zeros and FLOPs, such as 85M,1e20.")
    return parse_count(size), parse_count(budget)
