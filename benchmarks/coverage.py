"""Do nominal 95% intervals cover? Simulated sweeps with known truth, fitted, resampled and profiled.

    python benchmarks/coverage.py [number of simulations, 200]

Each simulated sweep has the runs of a published-like grid with losses from a known law and multiplicative noise. An interval is
right when it contains the truth; the share of right intervals is printed per quantity and method with its standard error.
Then tables that leave something open: how often the interval over all draws holds the truth, and how often the answer is said
not to be determined by the runs (no interval is printed then).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sparselaw.cost import Cost
from sparselaw.fit import Loss, bootstrap, fit, open_fit, profile
from sparselaw.fit.resampling import share_of_prior
from sparselaw.fit.result import interval
from sparselaw.laws import PAPER, Array, chinchilla_flops, optimal_sparsity, size_multiplier
from sparselaw.plan.estimate import FREE
from sparselaw.runs import Runs

NUM_DRAWS = 500
LOSS = Loss(delta=1e-3, log=True)


@dataclass(frozen=True)
class Design:
    """A grid of runs, the law its losses come from, and the noise of ln loss (normal, or Student t for dof > 0)."""

    name: str
    truth: str
    sizes: Array
    sparsities: Array
    budgets: Array
    noise: float
    dof: int = 0
    cell_noise: float = 0.0


VIT = Design(
    "ViT grid, 7 x 5 x 4, normal 0.5%",
    "vit-jft",
    np.geomspace(0.66e6, 42.5e6, 7),
    np.array([0, 0.5, 0.75, 0.875, 0.9375]),
    np.array([225e6, 450e6, 900e6, 1800e6]),
    0.005,
)
T5 = Design(
    "T5 grid, 4 x 4 x 3, normal 0.5%",
    "t5-c4-refit",
    np.geomspace(1.33e6, 84.9e6, 4),
    np.array([0, 0.5, 0.75, 0.875]),
    np.array([250e3, 500e3, 1000e3]) * 65_536,
    0.005,
)
HEAVY = Design("T5 grid, Student t3, scale 0.5%", T5.truth, T5.sizes, T5.sparsities, T5.budgets, 0.005, dof=3)
CELLS = Design(
    "T5 grid, 0.3% a run + 0.4% a cell", T5.truth, T5.sizes, T5.sparsities, T5.budgets, 0.003, cell_noise=0.004
)


def simulate(design: Design, truth: Array, rng: np.random.Generator) -> Runs:
    N, S, D = (a.ravel() for a in np.meshgrid(design.sizes, design.sparsities, design.budgets, indexing="ij"))
    noise = rng.standard_t(design.dof, len(N)) if design.dof else rng.standard_normal(len(N))
    cells = np.repeat(rng.standard_normal(len(N) // len(design.budgets)), len(design.budgets))
    loss = PAPER.predict(truth, S, N, D) * np.exp(design.noise * noise + design.cell_noise * cells)
    frame = pd.DataFrame({"nonzero_params": N, "sparsity": S, "data": D, "loss": loss})
    return Runs.from_frame(frame, name="simulated")


def quantities(truth: Array) -> dict[str, Callable[[Array], Array]]:
    size = 2e7
    budget = float(8 * chinchilla_flops(PAPER, truth, size, Cost()))
    return {
        "b_S": lambda p: p[..., 1],
        "multiplier at 75%": lambda p: size_multiplier(PAPER, p, 0.75),
        "S_opt (20M, 8x Chinchilla)": lambda p: optimal_sparsity(PAPER, p, size, budget, Cost()),
        "loss (200M, 75%, 100B)": lambda p: PAPER.predict(p, 0.75, 2e8, 1e11),
    }


def study(design: Design, num_simulations: int) -> None:
    truth = open_fit(design.truth).values
    wanted = quantities(truth)
    methods = ("bootstrap by run", "bootstrap by cell", "profile")
    right = {(name, method): 0 for name in wanted for method in methods}
    missed = dict.fromkeys(methods, 0)
    for seed in range(num_simulations):
        runs = simulate(design, truth, np.random.default_rng(seed))
        fitted = fit(runs, loss=LOSS, starts=8, seed=seed, bootstrap=0)
        for by in ("run", "cell"):
            draws = bootstrap(fitted, runs, num_draws=NUM_DRAWS, by=by, seed=seed).draws
            missed[f"bootstrap by {by}"] += NUM_DRAWS - len(draws)
            for name, quantity in wanted.items():
                low, high = interval(quantity(draws))
                right[name, f"bootstrap by {by}"] += low <= quantity(truth) <= high
        for name, quantity in wanted.items():
            low, high = profile(fitted, runs, quantity).interval
            value = quantity(truth)
            right[name, "profile"] += (low is None or low <= value) and (high is None or value <= high)
    print(f"\n{design.name}: {num_simulations} simulations, {NUM_DRAWS} resamples, {missed} refits not converged")
    for name in wanted:
        shares = [right[name, m] / num_simulations for m in methods]
        cells = [
            f"{m} {p:.3f} +- {np.sqrt(p * (1 - p) / num_simulations):.3f}" for m, p in zip(methods, shares, strict=True)
        ]
        print(f"  {name:28s} " + "   ".join(cells), flush=True)


LEVELS, SIZES = np.array([0, 0.5, 0.75, 0.875]), np.geomspace(1.33e6, 84.9e6, 4)
LONG = np.array([250e3, 1000e3]) * 65_536
OPEN = (
    Design("two durations, T5's law", "t5-c4-refit", SIZES, LEVELS, LONG, 0.005),
    Design("two durations, ViT's law", "vit-jft", VIT.sizes[::2], LEVELS, VIT.budgets[::2], 0.005),
    Design("two sparsities, T5's law", "t5-c4-refit", SIZES, LEVELS[::2], T5.budgets, 0.005),
    Design("two sizes, ViT's law", "vit-jft", VIT.sizes[::4], LEVELS, VIT.budgets[:3], 0.005),
)


def study_of_open_tables(design: Design, num_simulations: int) -> None:
    truth = open_fit(design.truth).values
    about = float(chinchilla_flops(PAPER, truth, 2e7, Cost()))
    wanted = quantities(truth) | {
        "S_opt (20M, 1x Chinchilla)": lambda p: optimal_sparsity(PAPER, p, 2e7, about, Cost())
    }
    right, free = (dict.fromkeys(wanted, 0) for _ in range(2))
    for seed in range(num_simulations):
        runs = simulate(design, truth, np.random.default_rng(seed))
        fitted = fit(runs, loss=LOSS, starts=16, seed=seed, bootstrap=NUM_DRAWS)
        assert fitted.bootstrap is not None
        for name, quantity in wanted.items():
            drawn = quantity(fitted.draws)
            low, high = interval(drawn)
            right[name] += low <= quantity(truth) <= high
            free[name] += share_of_prior(drawn, fitted.bootstrap.centres) > FREE
    print(f"\n{design.name}: {num_simulations} simulations")
    for name in wanted:
        print(
            f"  {name:28s} covers {right[name] / num_simulations:.3f}   open {free[name] / num_simulations:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    simulations = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    for each in (VIT, T5, HEAVY, CELLS):
        study(each, simulations)
    for each in OPEN:
        study_of_open_tables(each, simulations)
