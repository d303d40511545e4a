"""Fits against the published recipe, in one run: 25 starts of SciPy's BFGS with finite differences, best taken.

python benchmarks/bench_fit.py
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from sparselaw.fit import Loss, bootstrap, fit, open_fit, run_published_recipe
from sparselaw.laws import PAPER
from sparselaw.plan.contours import contours
from sparselaw.runs import Runs, read_runs

CASES = {"t5-c4": Loss(delta=1e-3, log=True), "vit-jft": Loss(delta=0.01)}
SIZES = (1_000, 10_000, 100_000)
ALONE = (
    "from sparselaw.fit import fit; from sparselaw.runs import read_runs; import time; r = read_runs('t5-c4'); fit(r);"
)
ALONE += "t = time.perf_counter(); [fit(r, seed=k) for k in range(40)]; print(time.perf_counter() - t)"


def seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """Median wall time."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return float(np.median(times))


def against_recipe() -> None:
    for name, loss in CASES.items():
        runs = read_runs(name)
        recipe = seconds(lambda r=runs, q=loss: run_published_recipe(r, q, seed=0), repeats=3)
        ours = seconds(lambda r=runs, q=loss: fit(r, loss=q, starts=64))
        fitted = fit(runs, loss=loss)
        boot = seconds(lambda r=runs, f=fitted: bootstrap(f, r, num_draws=1000), repeats=3)
        theirs = run_published_recipe(runs, loss, seed=0).objective
        print(
            f"{name}: recipe {recipe:.3f} s reaches {theirs:.5e}; 64 starts {ours:.4f} s reach {fitted.objective:.5e}"
        )
        print(f"  fit is {recipe / ours:.1f}x faster; 1000 refits take {boot / recipe:.2f}x one recipe ({boot:.2f} s)")


def with_size() -> None:
    truth = open_fit("vit-jft").values
    rng = np.random.default_rng(0)
    for size in SIZES:
        N, D = np.exp(rng.uniform(np.log(1e6), np.log(1e9), size)), np.exp(rng.uniform(np.log(1e8), np.log(1e11), size))
        S = rng.choice([0, 0.5, 0.75, 0.875], size)
        loss = PAPER.predict(truth, S, N, D) * np.exp(0.005 * rng.standard_normal(size))
        runs = Runs.from_frame(
            pd.DataFrame({"nonzero_params": N, "sparsity": S, "data": D, "loss": loss}), name="simulated"
        )
        time_taken = seconds(lambda r=runs: fit(r), repeats=1)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"{size} runs: 64 starts {time_taken:.2f} s, {1e6 * time_taken / size:.0f} us a run, peak memory {peak:.2f} GB"
        )


def contour_grid() -> None:
    fitted = open_fit("vit-jft")
    print(
        f"300 x 300 contours with bands of {len(fitted.draws)} draws: {seconds(lambda: contours(fitted), repeats=3):.2f} s"
    )


def side_by_side() -> None:
    def run(_: int) -> float:
        return float(subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True).stdout)

    alone = run(0)
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(run, range(2)))
    print(
        f"40 fits: alone {alone:.2f} s; two processes side by side {max(together):.2f} s, {max(together) / alone:.2f}x"
    )


if __name__ == "__main__":
    against_recipe()
    contour_grid()
    side_by_side()
    with_size()
