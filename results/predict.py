"""Predicts the loss of the run beyond a grid, from the grid's runs alone, by the paper's law and its rivals.

    python results/predict.py decoder 221184 0.75 6750208

prints a record with the paper law's prediction, its 95% bootstrap interval (resampled by cell) and the rivals' predictions.
Run it before the run is trained; predictions.json keeps what it said then.
"""

import json
import sys
from pathlib import Path

from sparselaw.fit import bootstrap, fit
from sparselaw.fit.result import interval
from sparselaw.runs import read_runs

RIVALS = ("no-floor", "average-params", "density-power", "dense")


def main(name: str, N: float, S: float, D: float) -> None:
    """Prints the record of one sweep."""
    runs = read_runs(Path(__file__).with_name(f"{name}.csv"))
    fitted = bootstrap(fit(runs), runs, num_draws=1000, by="cell")
    spread = interval(fitted.law.predict(fitted.draws, S, N, D))
    rivals = {law: float(fit(runs, law).predict(S, N, D)) for law in RIVALS}
    record = {
        "nonzero_params": N,
        "sparsity": S,
        "data": D,
        "paper": float(fitted.predict(S, N, D)),
        "interval": spread,
    }
    print(json.dumps({name: record | {"num_runs": len(runs), "rivals": rivals}}, indent=1))


if __name__ == "__main__":
    main(sys.argv[1], *map(float, sys.argv[2:]))
