"""What the project's own sweeps say of the law: noise, fits, interactions, multipliers, the run beyond.

    python results/check.py [decoder|vit|t5 ...]

prints the tables of README.md. The noise is the spread over seeds of one cell. Interactions are slopes of the residuals
ln(measured) - ln(fitted) along ln(1-S) ln N and ln(1-S) ln D (each factor centred) with 95% intervals from resampled cells: the
law has neither beyond what its form implies, so an interval without 0 speaks against it.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from sparselaw.fit import Fit, bootstrap, fit
from sparselaw.fit.result import interval
from sparselaw.laws import size_multiplier
from sparselaw.runs import Runs, read_runs

HERE = Path(__file__).parent
NUM_DRAWS = 1000
LEAST_CELLS = 8  # of which resamples make sense; with fewer, single runs are resampled
RIVALS = ("no-floor", "free-multiplier", "average-params", "density-power", "dense")


def noise(name: str, runs: Runs) -> str:
    """The standard deviation over seeds in ln loss, pooled over the repeated cells."""
    path = HERE / f"{name}-noise.csv"
    table = pd.concat([runs.table, read_runs(path).table]) if path.exists() else runs.table
    squares, freedom = 0.0, 0
    for _, cell in table.groupby(["sparsity", "nonzero_params", "data"]):
        logs = np.log(cell["loss"])
        squares, freedom = squares + float(((logs - logs.mean()) ** 2).sum()), freedom + len(logs) - 1
    if not freedom:
        return "noise: not measured"
    return f"noise: standard deviation {np.sqrt(squares / freedom):.3f} in ln loss over seeds, {freedom} degrees of freedom"


def interactions(fitted: Fit, runs: Runs) -> str:
    """Slopes of the residuals along the two products, with intervals."""
    residuals = np.log(runs.loss) - np.log(fitted.predict(runs.sparsity, runs.nonzero_params, runs.data))
    s, n, d = (x - x.mean() for x in (np.log(1 - runs.sparsity), np.log(runs.nonzero_params), np.log(runs.data)))
    design = np.column_stack([np.ones_like(s), s, n, d, s * n, s * d])
    rng, cells = np.random.default_rng(0), runs.cells()
    members = [np.flatnonzero(cells == cell) for cell in range(cells.max() + 1)]
    draws = []
    for _ in range(NUM_DRAWS):
        rows = np.concatenate([members[k] for k in rng.integers(len(members), size=len(members))])
        draws.append(np.linalg.lstsq(design[rows], residuals[rows], rcond=None)[0][-2:])
    value = np.linalg.lstsq(design, residuals, rcond=None)[0][-2:]
    spans = [interval(np.array(draws)[:, k]) for k in (0, 1)]
    return "\n".join(
        f"interaction S x {axis}: {v:+.3f} ({low:+.3f} to {high:+.3f})"
        for axis, v, (low, high) in zip("ND", value, spans, strict=True)
    )


def misfit(fitted: Fit, runs: Runs) -> str:
    """Mean residual in ln loss at each amount of data, and with repeated cells the F test of lack of fit."""
    residuals = np.log(runs.loss) - np.log(fitted.predict(runs.sparsity, runs.nonzero_params, runs.data))
    means = [f"{residuals[runs.data == D].mean():+.3f} at D = {D:.3g}" for D in np.unique(runs.data)]
    said = f"measured above fitted: {', '.join(means)}"
    cells = pd.Series(residuals).groupby([runs.sparsity, runs.nonzero_params, runs.data])
    repeats, lacking = len(runs) - cells.ngroups, cells.ngroups - len(fitted.law.names)
    if not repeats:
        return said
    noise = ((residuals - cells.transform("mean")) ** 2).sum()
    ratio = ((residuals**2).sum() - noise) / lacking / (noise / repeats)
    return f"{said}\nlack of fit: F = {ratio:.2f} with {lacking} and {repeats} degrees of freedom"


def multipliers(fitted: Fit, runs: Runs) -> str:
    """Dense-equivalent sizes with intervals."""
    lines = []
    for S in sorted(set(runs.sparsity) - {0.0}):
        low, high = interval(size_multiplier(fitted.law, fitted.draws, S))
        lines.append(
            f"multiplier at {100 * S:g}%: {float(size_multiplier(fitted.law, fitted.values, S)):.2f} ({low:.2f} to {high:.2f})"
        )
    return "\n".join(lines)


def beyond(name: str) -> str:
    """The prediction made before the larger run, and what the run gave."""
    path, said = HERE / f"{name}-beyond.csv", json.loads((HERE / "predictions.json").read_text()).get(name)
    if not (path.exists() and said):
        return "beyond the grid: not trained"
    measured = float(read_runs(path).loss[0])
    errors = {"paper": said["paper"], **said["rivals"]}
    shown = ", ".join(f"{law} {value:.3f} ({value / measured - 1:+.1%})" for law, value in errors.items())
    low, high = said["interval"]
    return f"beyond the grid: measured {measured:.4f}; predicted {shown}; 95% interval {low:.3f} to {high:.3f}"


def check(name: str) -> None:
    """Prints what one sweep says."""
    runs = read_runs(HERE / f"{name}.csv")
    print(f"\n{name}: {len(runs)} runs, {runs.table['seconds'].sum() / 3600:.2f} hours of one core and its neighbours")
    print(noise(name, runs))
    fitted = bootstrap(fit(runs), runs, num_draws=NUM_DRAWS, by="cell" if runs.cells().max() >= LEAST_CELLS else "run")
    rms = np.sqrt(np.mean(fitted.residuals**2))
    print(f"paper law: objective {fitted.objective:.3e}, residuals {rms:.3f} in ln loss, {fitted.status}")
    for parameter, (low, high) in fitted.intervals().items():
        print(f"  {parameter:4} {fitted.parameters[parameter]:.4g} ({low:.4g} to {high:.4g})")
    for law in RIVALS:
        print(f"  {law}: objective {fit(runs, law).objective:.3e}")
    print(misfit(fitted, runs))
    print(interactions(fitted, runs))
    print(multipliers(fitted, runs))
    print(beyond(name))


if __name__ == "__main__":
    for sweep in sys.argv[1:] or ("decoder", "vit", "t5"):
        check(sweep)
