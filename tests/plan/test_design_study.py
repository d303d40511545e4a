"""Do designed runs sharpen the answer more than a factorial grid of the same cost, and do the intervals still cover?

A small first sweep of a known law with noise is fitted; runs are designed, and the paper-style grid of the same cost is laid
out beside them; both are simulated, each is fitted with the first sweep, and the bootstrap interval of the optimal sparsity at a
target ten times larger than the first sweep's largest model is taken. `make design-study` prints the figures of docs/design.md.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from sparselaw.fit import Fit, Loss, bootstrap, fit, open_fit
from sparselaw.fit.result import interval
from sparselaw.laws import PAPER, Array
from sparselaw.plan import Cost, Design, Limits, Target, chinchilla_flops, design, optimal_sparsity
from sparselaw.plan.candidates import Candidates, factorial
from sparselaw.plan.information import guess
from sparselaw.runs import Runs

LOSS = Loss(delta=1e-3, log=True)
DRAWS, ROUNDS = 300, 120


@dataclass(frozen=True)
class World:
    """A true law, a first sweep of 3 x 3 x 3 runs of it, and what ln loss is off by: for each run, and for all runs of one
    size and sparsity."""

    truth: str
    sizes: tuple[float, float]
    durations: tuple[float, float]
    levels: tuple[float, ...]
    run_noise: float
    cell_noise: float = 0.0

    @property
    def values(self) -> Array:
        return open_fit(self.truth).values

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
        return Target(N, 5 * float(chinchilla_flops(PAPER, self.values, N, Cost())))

    @property
    def unit(self) -> float:
        """What a residual of 1 in ln loss is in the unit of the law's own fit."""
        fitted = open_fit(self.truth)
        return 1.0 if fitted.loss.log else float(np.mean(fitted.domain.loss))

    def losses(self, runs: Candidates, values: Array, rng: np.random.Generator) -> Array:
        cells = np.unique(np.stack([runs.nonzero_params, runs.sparsity]), axis=1, return_inverse=True)[1].ravel()
        shared = self.cell_noise * rng.standard_normal(cells.max() + 1)[cells]
        noise = self.run_noise * rng.standard_normal(len(runs)) + shared
        return PAPER.predict(values, runs.sparsity, runs.nonzero_params, runs.data) * np.exp(noise)


T5_LEVELS, VIT_LEVELS = (0, 0.5, 0.75, 0.875), (0, 0.5, 0.75, 0.875, 0.9375)
WORLDS = {
    "T5": World("t5-c4-refit", (1.33e6, 21.2e6), (4e9, 64e9), T5_LEVELS, 0.005),
    "ViT": World("vit-jft", (0.66e6, 10.6e6), (112e6, 900e6), VIT_LEVELS, 0.005),
    "T5, cells share noise": World("t5-c4-refit", (1.33e6, 21.2e6), (4e9, 64e9), T5_LEVELS, 0.003, 0.004),
    "ViT, noise 1%": World("vit-jft", (0.66e6, 10.6e6), (112e6, 900e6), VIT_LEVELS, 0.01),
}


def fitted_to(runs: Candidates, loss: Array, by: str) -> Fit:
    table = pd.DataFrame(
        {"nonzero_params": runs.nonzero_params, "sparsity": runs.sparsity, "data": runs.data, "loss": loss}
    )
    found = Runs(table.astype(float), "simulated", data_unit="tokens")
    return bootstrap(fit(found, loss=LOSS, num_starts=8), found, num_draws=DRAWS, by=by)


Judged = dict[str, tuple[float, bool]]  # of each interval: its width, and whether it holds the truth


def answer(parameters: Array, target: Target) -> Array:
    return optimal_sparsity(PAPER, parameters, target.nonzero_params, target.flops, Cost())


def judged(low: float, high: float, truth: float) -> tuple[float, bool]:
    return high - low, low <= truth <= high


def single_runs(planned: Design) -> Candidates:
    cells = [(c.nonzero_params, c.sparsity, c.data, c.flops / c.seeds) for c in planned.cells for _ in range(c.seeds)]
    return Candidates(*np.array(cells).T)


def next_runs(world: World, seed: int) -> Judged:
    """A first sweep, then the runs designed with its fit, and the grid of the same cost in their place."""
    rng, by = np.random.default_rng(seed), "cell" if world.cell_noise else "run"
    first, budget, target = world.first, 10 * float(world.first.flops.sum()), world.target
    truth, loss = float(answer(world.values, target)), world.losses(first, world.values, rng)
    before = fitted_to(first, loss, by)
    planned = design(before, budget=budget, target=target, limits=world.limits)
    assert planned.rival
    assert planned.flops <= budget
    assert planned.num_runs <= planned.rival.num_runs
    found = {"before": judged(*interval(answer(before.draws, target)), truth)}
    found["promised"] = judged(planned.after.low, planned.after.high, truth)
    found["promised of the grid"] = judged(planned.rival.after.low, planned.rival.after.high, truth)
    for name, runs in {"design": single_runs(planned), "grid": factorial(world.limits, budget, Cost())}.items():
        losses = np.concatenate([loss, world.losses(runs, world.values, rng)])
        found[name] = judged(*interval(answer(fitted_to(first.joined(runs), losses, by).draws, target)), truth)
    return found


def first_runs(world: World, seed: int) -> Judged:
    """No runs at all, and a law that is not the truth as a guess at it: the truth is drawn as wide as the guess says."""
    fitted, limits, target = open_fit(world.truth), world.limits, world.target
    budget = float(world.first.flops.sum())
    planned = design(fitted, budget=budget, target=target, limits=limits, noise=world.run_noise * world.unit)
    rng = np.random.default_rng(seed)
    values = guess(fitted, limits, 1000 + seed).draws
    values = values[(answer(values, target) > 0.1) & (answer(values, target) < 0.95)][0]
    found, truth = {}, float(answer(values, target))
    for name, runs in {"design": single_runs(planned), "grid": factorial(limits, budget, Cost())}.items():
        after = fitted_to(runs, world.losses(runs, values, rng), "run").draws
        found[name] = judged(*interval(answer(after[np.isfinite(after).all(1)], target)), truth)
    return found


def study(rounds: list[Judged]) -> tuple[float, float]:
    """Mean ratio of widths, design over grid, and coverage of the design's intervals; all figures are printed."""
    for name in rounds[0]:
        found = np.array([r[name] for r in rounds], dtype=float)
        print(f"  {name:22s} mean width {found[:, 0].mean():.4f}   covers {found[:, 1].mean():.3f}")
    ratios = np.array([r["design"][0] / r["grid"][0] for r in rounds])
    error = ratios.std() / np.sqrt(len(rounds))
    narrower = np.mean(ratios < 1)
    print(f"  design / grid          mean {ratios.mean():.3f} +- {error:.3f}, narrower in {narrower:.0%} of rounds")
    return float(ratios.mean()), float(np.mean([r["design"][1] for r in rounds]))


@pytest.mark.parametrize("name", ["T5", "ViT"])
def test_designed_runs_beat_the_grid(name: str) -> None:
    ratio, coverage = study([next_runs(WORLDS[name], seed) for seed in range(3)])
    assert ratio < 0.75
    assert coverage > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_over_many_rounds(name: str) -> None:
    print(f"\n{name}")
    ratio, coverage = study([next_runs(WORLDS[name], seed) for seed in range(ROUNDS)])
    assert ratio < (1.0 if WORLDS[name].cell_noise else 0.75)
    assert coverage > 0.91  # 0.95 less two standard errors of a share of 120


@pytest.mark.slow
@pytest.mark.parametrize("name", ["T5", "ViT"])
def test_first_sweep_over_many_rounds(name: str) -> None:
    print(f"\n{name}, a first sweep")
    ratio, coverage = study([first_runs(WORLDS[name], seed) for seed in range(ROUNDS)])
    assert ratio < 0.9
    assert coverage > 0.91
