"""Do designed runs sharpen the answer more than a factorial grid of the same cost, and do the intervals still cover?

A small first sweep of a known law with noise is fitted; runs are designed, and the paper-style grid of the same cost is laid
out beside them; both are simulated, each is fitted with the first sweep, and the bootstrap interval of the answer at a target
ten times larger than the first sweep's largest model is taken. Or there is no first sweep, and a law that is not the truth as a
guess at it. `make design-study` prints the figures of docs/design.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
import pytest

from sparselaw.cost import Cost
from sparselaw.design import Design, Limits, Target
from sparselaw.design.candidates import Candidates, candidates, factorial
from sparselaw.design.choosing import choose
from sparselaw.design.information import Quantity, guess
from sparselaw.fit import Fit, Loss, bootstrap, fit, open_fit
from sparselaw.fit.result import interval
from sparselaw.laws import DENSITY_POWER, PAPER, Array, PowerLaw, chinchilla_flops, optimal_sparsity
from sparselaw.runs import Runs

LOSS = Loss(delta=1e-3, log=True)
DRAWS, ROUNDS = 300, 100
NOMINAL = 0.95 - 2 * (0.95 * 0.05 / ROUNDS) ** 0.5  # less two standard errors of a share of the rounds


@dataclass(frozen=True)
class World:
    """A true law, a first sweep of 3 x 3 x 3 runs of it, and what ln loss is off by: for each run, and for all runs of one
    size and sparsity. The truth has the coefficients of a fit, or is of another form and as near to that fit as it can be."""

    truth: str
    sizes: tuple[float, float]
    durations: tuple[float, float]
    levels: tuple[float, ...]
    run_noise: float
    cell_noise: float = 0.0
    answer: Literal["sparsity", "loss"] = "sparsity"
    form: PowerLaw = PAPER

    @cached_property
    def values(self) -> Array:
        if self.form is PAPER:
            return open_fit(self.truth).values
        runs = candidates(self.limits, np.inf, Cost())
        loss = PAPER.predict(open_fit(self.truth).values, runs.sparsity, runs.nonzero_params, runs.data)
        return fit(as_runs(runs, loss), self.form, loss=Loss(np.inf, log=True), bootstrap=0).values

    @property
    def first(self) -> Candidates:
        sizes, durations = np.geomspace(*self.sizes, 3), np.geomspace(*self.durations, 3)
        N, S, D = (axis.ravel() for axis in np.meshgrid(sizes, [0, 0.5, 0.75], durations, indexing="ij"))
        return Candidates(N, S, D, Cost().flops(S, N, D))

    @property
    def limits(self) -> Limits:
        (low_N, high_N), (low_D, high_D) = self.sizes, self.durations
        return Limits((low_N, 4 * high_N), (low_D, 4 * high_D), self.levels)

    @property
    def target(self) -> Target:
        N = 10 * self.sizes[1]
        return Target(N, 5 * float(chinchilla_flops(PAPER, open_fit(self.truth).values, N, Cost())), self.answer)

    @property
    def unit(self) -> float:
        """What a residual of 1 in ln loss is in the unit of the law's own fit."""
        fitted = open_fit(self.truth)
        return 1.0 if fitted.loss.log else float(np.mean(fitted.domain.loss))

    def losses(self, runs: Candidates, values: Array, rng: np.random.Generator) -> Array:
        cells = np.unique(np.stack([runs.nonzero_params, runs.sparsity]), axis=1, return_inverse=True)[1].ravel()
        shared = self.cell_noise * rng.standard_normal(cells.max() + 1)[cells]
        noise = self.run_noise * rng.standard_normal(len(runs)) + shared
        return self.form.predict(values, runs.sparsity, runs.nonzero_params, runs.data) * np.exp(noise)


T5_LEVELS, VIT_LEVELS = (0, 0.5, 0.75, 0.875), (0, 0.5, 0.75, 0.875, 0.9375)
WORLDS = {
    "T5": World("t5-c4-refit", (1.33e6, 21.2e6), (4e9, 64e9), T5_LEVELS, 0.005),
    "ViT": World("vit-jft", (0.66e6, 10.6e6), (112e6, 900e6), VIT_LEVELS, 0.005),
    "T5, cells share noise": World("t5-c4-refit", (1.33e6, 21.2e6), (4e9, 64e9), T5_LEVELS, 0.003, 0.004),
    "ViT, noise 1%": World("vit-jft", (0.66e6, 10.6e6), (112e6, 900e6), VIT_LEVELS, 0.01),
    "T5, loss": World("t5-c4-refit", (1.33e6, 21.2e6), (4e9, 64e9), T5_LEVELS, 0.005, answer="loss"),
    "T5, another form": World("t5-c4-refit", (1.33e6, 21.2e6), (4e9, 64e9), T5_LEVELS, 0.005, form=DENSITY_POWER),
    "ViT, loss": World("vit-jft", (0.66e6, 10.6e6), (112e6, 900e6), VIT_LEVELS, 0.005, answer="loss"),
}


def as_runs(runs: Candidates, loss: Array) -> Runs:
    columns = {"nonzero_params": runs.nonzero_params, "sparsity": runs.sparsity, "data": runs.data, "loss": loss}
    return Runs(pd.DataFrame(columns).astype(float), "simulated", data_unit="tokens")


def fitted_to(runs: Candidates, loss: Array, by: str) -> Fit:
    found = as_runs(runs, loss)
    return bootstrap(fit(found, loss=LOSS, starts=8, bootstrap=0), found, num_draws=DRAWS, by=by)


@dataclass(frozen=True)
class Round:
    """Widths of intervals, those expected included, and whether each simulated one holds the truth."""

    widths: dict[str, float]
    covers: dict[str, bool]


def judged(planned: Design, draws: dict[str, Array], answer: Quantity, truth: float) -> Round:
    """Expected intervals lie about the answer before the new runs, so only their widths are a promise."""
    assert planned.rival
    assert planned.flops <= planned.budget
    assert planned.num_runs <= planned.rival.num_runs
    spans = {name: interval(answer(theta[np.isfinite(theta).all(1)])) for name, theta in draws.items()}
    expected = {"design, expected": planned.after, "grid, expected": planned.rival.after}
    bounds = spans | {name: (e.low, e.high) for name, e in expected.items() if e.low is not None and e.high is not None}
    return Round(
        {name: high - low for name, (low, high) in bounds.items()},
        {name: low <= truth <= high for name, (low, high) in spans.items()},
    )


def rivals(planned: Design, limits: Limits) -> dict[str, Candidates]:
    """The runs of the design, and the grid of the same cost."""
    cells = [(c.nonzero_params, c.sparsity, c.data, c.flops / c.seeds) for c in planned.cells for _ in range(c.seeds)]
    return {"design": Candidates(*np.array(cells).T), "grid": factorial(limits, planned.budget, Cost())}


def next_runs(world: World, seed: int) -> Round:
    """A first sweep, then the runs designed with its fit, and the grid of the same cost in their place."""
    rng, by = np.random.default_rng(seed), "cell" if world.cell_noise else "run"
    first, target = world.first, world.target
    loss, truth = (
        world.losses(first, world.values, rng),
        target.quantity(world.form, world.values, Cost())(world.values),
    )
    before = fitted_to(first, loss, by)
    planned = choose(before, budget=10 * float(first.flops.sum()), target=target, limits=world.limits)
    draws = {"before": before.draws}
    for name, runs in rivals(planned, world.limits).items():
        losses = np.concatenate([loss, world.losses(runs, world.values, rng)])
        draws[name] = fitted_to(first.joined(runs), losses, by).draws
    return judged(planned, draws, target.quantity(PAPER, open_fit(world.truth).values, Cost()), float(truth))


def first_runs(world: World, seed: int) -> Round:
    """No runs at all, and a law that is not the truth as a guess at it: the truth is drawn as wide as the guess says."""
    fitted, target, rng = open_fit(world.truth), world.target, np.random.default_rng(seed)
    budget, noise = float(world.first.flops.sum()), world.run_noise * world.unit
    planned = choose(fitted, budget=budget, target=target, limits=world.limits, noise=noise)
    truths = guess(fitted, world.limits, 1000 + seed).draws
    optima = optimal_sparsity(PAPER, truths, target.nonzero_params, target.flops, Cost())
    truth = truths[(optima > 0.1) & (optima < 0.95)][0]
    answer = target.quantity(PAPER, truth, Cost())
    draws = {
        name: fitted_to(runs, world.losses(runs, truth, rng), "run").draws
        for name, runs in rivals(planned, world.limits).items()
    }
    return judged(planned, draws, answer, float(answer(truth)))


def study(title: str, rounds: list[Round]) -> tuple[float, float]:
    """Median ratio of widths, design over grid, and coverage of the design's intervals; all figures are printed."""
    print(f"\n{title}, {len(rounds)} rounds")
    for name in rounds[0].widths:
        covers = [r.covers[name] for r in rounds if name in r.covers]
        share = f"covers {np.mean(covers):.2f}" if covers else ""
        print(f"  {name:18s} median width {np.median([r.widths[name] for r in rounds]):.4f}   {share}")
    ratios = [r.widths["design"] / r.widths["grid"] for r in rounds]
    quartiles = np.quantile(ratios, [0.25, 0.5, 0.75])
    print(
        "  design / grid      quartiles",
        *(f"{q:.3f}" for q in quartiles),
        f"narrower in {np.mean(np.less(ratios, 1)):.0%}",
    )
    return float(quartiles[1]), float(np.mean([r.covers["design"] for r in rounds]))


@pytest.mark.parametrize("method", [next_runs, first_runs])
def test_designed_runs_beat_the_grid(method: Callable[[World, int], Round]) -> None:
    ratio, coverage = study(method.__name__, [method(WORLDS["T5"], seed) for seed in range(4)])
    assert ratio < 0.75
    assert coverage > 0.7


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_over_many_rounds(name: str) -> None:
    world = WORLDS[name]
    ratio, coverage = study(name, [next_runs(world, seed) for seed in range(ROUNDS)])
    assert ratio < 0.75
    assert coverage > (NOMINAL if world.form is PAPER else 0.8)  # no interval knows of another form


@pytest.mark.slow
@pytest.mark.parametrize("name", ["T5", "ViT"])
def test_first_sweep_over_many_rounds(name: str) -> None:
    ratio, coverage = study(f"{name}, a first sweep", [first_runs(WORLDS[name], seed) for seed in range(ROUNDS)])
    assert ratio < 0.75
    assert coverage > NOMINAL
