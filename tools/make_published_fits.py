"""Write the published fits that ship with the package (`make published-fits`). This needs the published runs."""

from dataclasses import replace
from pathlib import Path

import numpy as np

import sparselaw
from sparselaw.fit.result import Fit, Starts
from sparselaw.laws import PAPER
from sparselaw.report.record import significant
from sparselaw.runs import Runs

FOLDER = Path(__file__).parents[1] / "src/sparselaw/fit/published_fits"

# Frantar et al. 2023, from the authors' public notebook at full precision: a_S, b_S, c_S, b_N, E = (a_D/unit)^b_D, b_D, c,
# with N in units of 1e6 and D in units of 1e9 images or 1e5 steps of 65,536 tokens.
VIT_JFT = (1.30485411, 0.82101251, 2.07506343, 0.39222675, 0.27818217, 0.88979104, 4.51669257)
T5_C4 = (0.56778512, 0.72161276, 1.52265016, 0.24513173, 0.63361517, 0.20270772, 0.65074219)


def main() -> None:
    vit, t5 = sparselaw.read_runs("vit-jft"), sparselaw.read_runs("t5-c4")
    vit_fit, t5_fit, t5_free = sparselaw.fit(vit), sparselaw.fit(t5), sparselaw.fit(t5, "paper", bootstrap=0)
    save(with_coefficients(vit_fit, vit, VIT_JFT, (1e6, 1e9)), "vit-jft")
    save(t5_fit, "t5-c4-refit")
    published = with_coefficients(t5_free, t5, T5_C4, (1e6, 1e5 * 65_536))
    status = (
        f"not the minimum of its own objective: {published.objective:.3g}, "
        f"where {t5_free.objective:.3g} can be reached; prefer t5-c4-refit"
    )
    save(replace(published, status=status, starts=Starts(0, 0, 0)), "t5-c4-published")


def with_coefficients(fitted: Fit, runs: Runs, solver_values: tuple[float, ...], units: tuple[float, float]) -> Fit:
    """The fit with the published coefficients, and with their objective and residuals."""
    values = PAPER.from_solver(np.array(solver_values), units)
    predicted = PAPER.predict(values, runs.sparsity, runs.nonzero_params, runs.data)
    residuals = fitted.loss.residual(predicted, runs.loss)[0]
    parameters = dict(zip(PAPER.names, values.tolist(), strict=True))
    return replace(
        fitted, parameters=parameters, objective=float(fitted.loss.rho(residuals).mean()), residuals=residuals
    )


def save(fitted: Fit, name: str) -> None:
    if fitted.bootstrap:  # nine digits are enough for an interval, four for the centres of priors
        draws, centres = significant(fitted.draws, 9), significant(fitted.bootstrap.centres, 4)
        fitted = replace(fitted, bootstrap=replace(fitted.bootstrap, draws=np.array(draws), centres=np.array(centres)))
    # Without residuals and cells, since the runs themselves may not be redistributed.
    replace(fitted, name=name, residuals=np.empty(0), cells=np.empty((0, 4))).save(FOLDER / f"{name}.json")
    print(f"{name}: objective {fitted.objective:.7g}, {len(fitted.draws)} draws, {fitted.status}")


if __name__ == "__main__":
    main()
