"""The whole way, small: train a sweep, fit the law to it, plan with the fit, draw, and put it on one page."""

from __future__ import annotations

import sys
from pathlib import Path

from sparselaw.errors import UserError
from sparselaw.report.fit_text import fit_text
from sparselaw.report.plan_text import answer_text
from sparselaw.report.text import show

SWEEP = Path(__file__).parent / "sweep" / "demo.toml"
NUM_DRAWS = 1000
CAVEAT = (
    "These models are tiny and trained for seconds, one seed each, so read the intervals before the numbers: the demo shows "
    "the way from runs to an answer, not an answer for yours."
)


def demo(folder: Path) -> None:
    """Trains what is missing of the demo's sweep in `folder`/runs, and writes fit, figures and page beside it.

    Raises:
        UserError: if some runs did not finish.
    """
    from sparselaw.cost import Cost
    from sparselaw.fit import bootstrap, compare, fit
    from sparselaw.plan import plan
    from sparselaw.report import figures
    from sparselaw.report.curves import read_curves
    from sparselaw.report.page import write_page
    from sparselaw.report.study import Question, study
    from sparselaw.runs import read_runs
    from sparselaw.runs.folders import scan
    from sparselaw.sweep.command import sweep

    _say(f"sparselaw sweep {SWEEP.name} -o {folder / 'runs'}")
    if code := sweep(SWEEP, output=str(folder / "runs")):
        if code == 1:
            raise UserError(f"some runs did not finish; look at them with sparselaw runs {folder / 'runs'}")
        sys.exit(code)
    runs = read_runs(folder / "runs")
    _say(f"sparselaw fit {folder / 'runs'} --bootstrap {NUM_DRAWS} -o {folder / 'fit.json'}")
    fitted = bootstrap(fit(runs), runs, num_draws=NUM_DRAWS, by="cell")
    fitted.save(folder / "fit.json")
    show(fit_text(fitted))
    N, D = runs.nonzero_params.max(), runs.data.max()
    budget = float(Cost().flops(0.0, N, D))
    _say(f"sparselaw plan {folder / 'fit.json'} --nonzeros {N:.0f} --flops {budget:.3g}")
    answer = plan(fitted, nonzeros=N, flops=budget)
    show(answer_text(answer))
    figures.save_fit_figures(fitted, runs, [], folder / "figures")
    _say(f"sparselaw report {folder / 'runs'} --fit {folder / 'fit.json'} -o {folder / 'report.html'}")
    told = study(
        fitted,
        question=Question(nonzero_params=N, flops=budget),
        runs=runs,
        comparisons=compare(runs),
        curves=read_curves(str(folder / "runs"), scan(str(folder / "runs"))),
        notes=(CAVEAT,),
    )
    write_page(folder / "report.html", told)
    print(f"\n{CAVEAT}\nwrote {folder / 'report.html'}, {folder / 'fit.json'} and {folder / 'figures'}/")


def _say(command: str) -> None:
    print(f"\n--- {command}\n", flush=True)
