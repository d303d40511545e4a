"""The command `fit`: what a table of runs says, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import OmitArgPrefixes, Positional

from sparselaw.cli.options import (
    Intervals,
    Json,
    Reading,
    check_output,
    option,
    pairs,
    print_json,
    required,
)
from sparselaw.errors import UserError

if TYPE_CHECKING:
    from sparselaw.fit import Fit, Profile
    from sparselaw.runs import Runs

RECIPE_SEEDS = 10
LossName = Literal["huber-log", "huber", "squared", "squared-log", "absolute", "absolute-log"]
Table = Annotated[
    str,
    required(
        "table of runs (.csv, .json or .parquet), folder of runs, or a published sweep: t5-c4 or vit-jft",
        metavar="RUNS",
    ),
]
Loss = Annotated[
    LossName | None,
    option(
        "loss function of the residuals, such as squared",
        metavar="|".join(LossName.__args__),
        default="that of the published sweep, else huber-log",
    ),
]
Delta = Annotated[
    float | None,
    option("delta of Huber's loss, such as 0.005", metavar="DELTA", default="0.001 for huber-log, 0.01 for huber"),
]


@dataclass(frozen=True)
class Command:
    """Fit the sparse scaling law to finished runs, and say how sure it is."""

    runs: Positional[Table]
    law: Annotated[
        str | None,
        option(
            "law to fit, such as dense: paper, capped, free-multiplier, multipliers, density-power, no-floor, "
            "average-params, dense, or FILE.py:FUNCTION",
            metavar="LAW",
            default="paper; capped for t5-c4",
        ),
    ] = None
    loss: Loss = None
    delta: Delta = None
    quantile: Annotated[
        float, option("quantile of the loss to fit, such as 0.1; 0.5 is the median", metavar="SHARE")
    ] = 0.5
    bootstrap: Intervals = 1000
    by: Annotated[
        Literal["run", "cell"],
        option("resample single runs, or cells: all runs of one sparsity and size together", metavar="run|cell"),
    ] = "run"
    profile: Annotated[
        bool, option("add profile intervals of every parameter and multiplier", default="no profiles")
    ] = False
    pin: Annotated[
        tuple[str, ...],
        option("hold parameters at values, such as b_D=0.35", metavar="NAME=VALUE ...", default="all free"),
    ] = ()
    bound: Annotated[
        tuple[str, ...],
        option("bound parameters, such as c=0:2", metavar="NAME=LOW:HIGH ...", default="the law's own bounds"),
    ] = ()
    weights: Annotated[
        str | None,
        option("column with the weight of each run, such as num_seeds", metavar="COLUMN", default="equal weights"),
    ] = None
    group_by: Annotated[
        str | None,
        option("a fit for each value of a column, such as experiment", metavar="COLUMN", default="one fit of all runs"),
    ] = None
    reading: OmitArgPrefixes[Reading] = field(default_factory=Reading)
    starts: Annotated[int, option("number of starting points, such as 200", metavar="NUMBER")] = 64
    seed: Annotated[int, option("seed of the starting points and resamples, such as 1", metavar="NUMBER")] = 0
    recipe: Annotated[
        Literal["published"] | None,
        option(
            "repeat the paper's own fitting recipe over ten seeds as well", metavar="published", default="not repeated"
        ),
    ] = None
    output: Annotated[
        Path | None, option("fit file to write, such as fit.json", metavar="FILE", default="not written", short="-o")
    ] = None
    figures: Annotated[
        Path | None, option("folder to write figures to, such as figures", metavar="FOLDER", default="not drawn")
    ] = None
    json: Json = False

    def run(self) -> None:
        """Fits, writes, prints."""
        from sparselaw.fit import fit, run_published_recipe
        from sparselaw.fit.losses import loss_function

        check_output(self.output, "a fit", ".json")
        runs = self.reading.read(self.runs, self.group_by)
        options = {
            "pin": pairs(self.pin, "pin", "NAME=VALUE, such as b_D=0.35", float),
            "bound": pairs(self.bound, "bound", "NAME=LOW:HIGH, such as c=0:2", _bounds),
            "weights": self.weights,
        }
        loss = loss_function(runs.name, self.loss, delta=self.delta, quantile=self.quantile)
        how = {"loss": loss, "bootstrap": self.bootstrap, "by": self.by, "starts": self.starts, "seed": self.seed}
        if self.group_by is not None:
            self._fit_groups(runs, how | options)
            return
        fitted = fit(runs, self.law, **how, **options)
        profiles = _profiles(fitted, runs, options) if self.profile else []
        recipe = [run_published_recipe(runs, loss, seed) for seed in range(RECIPE_SEEDS)] if self.recipe else []
        if self.output:
            fitted.save(self.output)
        drawn = []
        if self.figures:
            from sparselaw.report import figures

            drawn = figures.save_fit_figures(fitted, runs, profiles, self.figures)
        if self.json:
            print_json(fit_record(fitted) | _extras(profiles, recipe))
            return
        _show(fitted, profiles, recipe, [self.output, *drawn] if self.output else drawn)

    def _fit_groups(self, runs: Runs, options: dict[str, Any]) -> None:
        """A fit for each group, and one table."""
        from sparselaw.fit.groups import fit_each

        alone = {"-o": self.output, "--figures": self.figures, "--profile": self.profile, "--recipe": self.recipe}
        if given := [name for name, value in alone.items() if value]:
            raise UserError(f"{given[0]} is of one fit; leave --group-by out, and choose one group with --where.")
        found = fit_each(runs, self.group_by or "", law=self.law, **options)
        if self.json:
            refused = {label: str(one) for label, one in found.items() if isinstance(one, UserError)}
            fitted = {label: fit_record(one) for label, one in found.items() if not isinstance(one, UserError)}
            print_json({"fits": fitted, "refused": refused})
            return
        from sparselaw.report.groups_text import groups_text
        from sparselaw.report.text import show

        show(groups_text(found, self.group_by or ""))


def _bounds(text: str) -> tuple[float, float]:
    low, _, high = text.partition(":")
    return float(low), float(high)


def _profiles(fitted: Fit, runs: Any, options: dict[str, Any]) -> list[Profile]:
    from sparselaw.fit import profile
    from sparselaw.laws import PowerLaw

    free = [name for name in fitted.law.names if name not in (*fitted.pinned, *fitted.at_bound)]
    profiles = [profile(fitted, runs, name, **options) for name in free]
    if isinstance(fitted.law, PowerLaw):
        sparse = [S for S in fitted.domain.sparsity if S > 0]
        profiles += [profile(fitted, runs, _multiplier(fitted.law, S), **options) for S in sparse]
    return profiles


def _multiplier(law: Any, S: float) -> Any:
    from sparselaw.laws import size_multiplier
    from sparselaw.report.fit_text import multiplier_name

    def multiplier(parameters: Any) -> Any:
        return size_multiplier(law, parameters, S)

    multiplier.__name__ = multiplier_name(S)
    return multiplier


def _show(fitted: Fit, profiles: Sequence[Profile], recipe: Sequence[Any], written: Sequence[Path]) -> None:
    from sparselaw.report.fit_text import fit_text, recipe_text
    from sparselaw.report.text import show

    show(fit_text(fitted, profiles))
    if recipe:
        show(recipe_text(fitted, recipe))
    if written:
        print("wrote " + ", ".join(map(str, written)))


def fit_record(fitted: Fit) -> dict[str, Any]:
    """The fit file without residuals and draws."""
    record = fitted.to_json()
    del record["residuals"]
    if "bootstrap" in record:
        record["bootstrap"] = {**record["bootstrap"], "draws": len(fitted.draws)}
    return record


def _extras(profiles: Sequence[Profile], recipe: Sequence[Any]) -> dict[str, Any]:
    extras: dict[str, Any] = {}
    if profiles:
        extras["profile_intervals"] = {p.name: list(p.interval) for p in profiles}
    if recipe:
        extras["recipe"] = [asdict(attempt) for attempt in recipe]
    return extras
