"""The command `demo`: the whole way, small: train a sweep, fit the law, plan with it, draw, and write one page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from sparselaw.cli.options import option, torch_for
from sparselaw.errors import UserError

SWEEP = Path(__file__).parents[1] / "sweep" / "demo.toml"
NUM_DRAWS = 1000
CAVEAT = (
    "These models are tiny and trained for seconds, with one seed each, so read the intervals before the numbers: the demo "
    "shows the way from runs to an answer, not an answer for your models."
)


@dataclass(frozen=True)
class Command:
    """Train a small sparse sweep, fit the law, plan with it, and write figures and a report, all on this machine."""

    output: Annotated[Path, option("folder to write to, such as demo", metavar="FOLDER", short="-o")] = Path(
        "demo-output"
    )

    def run(self) -> int:
        """Trains what is missing of the demo's sweep, and writes fit, figures and page beside it."""
        with torch_for("Training"):
            from sparselaw.sweep.missing import train_missing
        folder = self.output
        _say(f"sparselaw sweep {SWEEP.name} -o {folder / 'runs'}")
        done = train_missing(SWEEP, output=str(folder / "runs"))
        print(f"{done.num_finished} of {done.num_runs} runs finished in {done.folder}")
        if done.stopped:
            return 130
        if done.num_finished < done.num_runs:
            raise UserError(f"Some runs did not finish; look at them with sparselaw runs {folder / 'runs'}.")
        _answer(folder)
        return 0


def _answer(folder: Path) -> None:
    """From finished runs to the fit, the plan, the figures and the page."""
    from sparselaw.cost import Cost
    from sparselaw.fit import compare, fit
    from sparselaw.plan import plan
    from sparselaw.report import figures
    from sparselaw.report.curves import read_curves
    from sparselaw.report.fit_text import fit_text
    from sparselaw.report.page import write_page
    from sparselaw.report.plan_text import answer_text
    from sparselaw.report.study import Question, study
    from sparselaw.report.text import show
    from sparselaw.runs import read_runs
    from sparselaw.runs.folders import scan

    source = str(folder / "runs")
    runs = read_runs(source)
    _say(f"sparselaw fit {source} --bootstrap {NUM_DRAWS} --by cell -o {folder / 'fit.json'}")
    fitted = fit(runs, bootstrap=NUM_DRAWS, by="cell")
    fitted.save(folder / "fit.json")
    show(fit_text(fitted))
    N, D = runs.nonzero_params.max(), runs.data.max()
    budget = float(Cost().flops(0.0, N, D))
    _say(f"sparselaw plan {folder / 'fit.json'} --nonzeros {N:.0f} --flops {budget:.3g}")
    show(answer_text(plan(fitted, nonzeros=N, flops=budget)))
    figures.save_fit_figures(fitted, runs, [], folder / "figures")
    _say(f"sparselaw report {source} --fit {folder / 'fit.json'} -o {folder / 'report.html'}")
    told = study(
        fitted,
        question=Question(nonzero_params=N, flops=budget),
        runs=runs,
        comparisons=compare(runs),
        curves=read_curves(source, scan(source)),
        notes=(CAVEAT,),
    )
    write_page(folder / "report.html", told)
    print(f"\n{CAVEAT}\nwrote {folder / 'report.html'}, {folder / 'fit.json'} and {folder / 'figures'}/")


def _say(command: str) -> None:
    print(f"\n--- {command}\n", flush=True)
