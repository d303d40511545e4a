"""The command `demo`: the whole way, small: train runs, say what they tell, predict one and train it, plan, write one page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from sparselaw.cli.options import option, torch_for
from sparselaw.errors import UserError

if TYPE_CHECKING:
    from sparselaw.fit import Fit
    from sparselaw.runs import Runs

SWEEP = Path(__file__).parents[1] / "sweep" / "demo.toml"
SPARSITY = 0.75
BEYOND = "27.6K"
"""Non-zeros of the run that is predicted: twice the largest fitted."""
LAW = "multipliers"
PLANNED = ("t5-c4-refit", "85M", "1e20")
OFFLINE = (
    "The packages of the corpus cannot be downloaded, so this demo trains on the Python source that this machine has. Its "
    "numbers are of this machine alone."
)
CAVEAT = (
    "These models are tiny, trained for seconds on one amount of data: they show what a sparsity gains and whether a prediction "
    "holds, and cannot tell the best sparsity. For that the demo asks the law of published T5 runs."
)


@dataclass(frozen=True)
class Command:
    """Train small dense and sparse models, measure what sparsity gains, predict a larger run, and write a report."""

    output: Annotated[Path, option("folder to write to, such as demo", metavar="FOLDER", short="-o")] = Path(
        "demo-output"
    )

    def run(self) -> int:
        """Trains what is missing of the demo's runs, and writes fit, figures and page beside them."""
        folder = self.output
        sweep = _sweep_in(folder)
        if not _train(sweep, folder / "runs"):
            return 130
        from sparselaw.runs import read_runs

        runs = read_runs(str(folder / "runs"))
        _say_gain(runs)
        fitted = _fit(runs, folder)
        if not _predict(fitted, sweep, folder):
            return 130
        _plan()
        _write(fitted, runs, folder)
        return 0


def _sweep_in(folder: Path) -> Path:
    """The demo's sweep, on the Python source of this machine where the corpus cannot be downloaded."""
    with torch_for("Training"):
        from sparselaw.sweep.grid import expand, load_sweep
        from sparselaw.train.data.opening import open_data
        from sparselaw.train.data.pinned_packages import CorpusUnreachableError

    try:
        open_data(expand(load_sweep(SWEEP))[0].config.data)
    except CorpusUnreachableError:
        print(OFFLINE)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / SWEEP.name
        path.write_text(SWEEP.read_text(encoding="utf-8").replace('"packages"', '"python"'), encoding="utf-8")
        return path
    return SWEEP


def _train(sweep: Path, folder: Path) -> bool:
    """Trains what is missing of a sweep; whether it went to its end."""
    with torch_for("Training"):
        from sparselaw.sweep.missing import train_missing
    _say(f"sparselaw sweep {sweep.name} -o {folder}")
    done = train_missing(sweep, output=str(folder))
    print(f"{done.num_finished} of {done.num_runs} runs finished in {done.folder}")
    if not done.stopped and done.num_finished < done.num_runs:
        raise UserError(f"Some runs did not finish; look at them with sparselaw runs {folder}.")
    return not done.stopped


def _say_gain(runs: Runs) -> None:
    """What sparsity gains at equal non-zeros and data, from pairs of runs."""
    from sparselaw.fit.pairs import paired_gain

    _say("what 75% sparsity gains: pairs of runs of equal non-zeros, data and seed")
    found = paired_gain(runs, SPARSITY)
    for size in sorted(set(found.nonzero_params)):
        gains = found.gains[found.nonzero_params == size]
        print(f"  {size / 1e3:.1f}K non-zeros: " + ", ".join(f"{gain:+.3f}" for gain in gains) + " nats")
    interval = f"{found.low:.3f} to {found.high:.3f}"
    how = "lower" if found.mean > 0 else "higher"
    print(
        f"The loss of the sparse models is {abs(found.mean):.3f} nats {how} on average ({found.confidence:.0%} interval of the "
        f"gain {interval}, {len(found.gains)} pairs)."
    )
    if found.low <= 0 <= found.high:
        print("These pairs cannot tell whether sparsity helps.")
    else:
        effect = "helps" if found.low > 0 else "hurts"
        print(f"So sparsity {effect} here, at equal non-zeros and data; training it takes more FLOPs.")


def _fit(runs: Runs, folder: Path) -> Fit:
    """The law of one duration, which has a size multiplier for each sparsity."""
    from sparselaw.fit import fit
    from sparselaw.report.fit_text import fit_text
    from sparselaw.report.text import show

    _say(f"sparselaw fit {folder / 'runs'} --law {LAW} -o {folder / 'fit.json'}")
    fitted = fit(runs, LAW)
    fitted.save(folder / "fit.json")
    show(fit_text(fitted))
    return fitted


def _predict(fitted: Fit, sweep: Path, folder: Path) -> bool:
    """Predicts a run of twice the size, then trains it; whether that went to its end."""
    from sparselaw.counts import parse_count
    from sparselaw.plan.estimate import Estimates
    from sparselaw.runs import read_runs

    N, D = parse_count(BEYOND), fitted.domain.data[1]
    value, drawn = float(fitted.predict(SPARSITY, N, D)), fitted.law.predict(fitted.draws, SPARSITY, N, D)
    told = Estimates(fitted, 0.95).of_run(value, drawn, N / (1 - SPARSITY) * D)
    low, high = told.bounds or (value, value)
    _say("a prediction, before the run is trained")
    print(
        f"A {SPARSITY:.0%} sparse model of {BEYOND} non-zeros, twice the largest fitted, will have a loss of {value:.3f} nats "
        f"(95% interval {low:.3f} to {high:.3f})."
    )
    text = sweep.read_text(encoding="utf-8")
    for key, given in (("nonzeros", f'["{BEYOND}"]'), ("sparsities", f"[{SPARSITY}]"), ("seeds", "[0]")):
        text = "\n".join(f"{key} = {given}" if line.startswith(f"{key} =") else line for line in text.splitlines())
    beyond = folder / "beyond.toml"
    beyond.write_text(text + "\n", encoding="utf-8")
    if not _train(beyond, folder / "beyond"):
        return False
    measured = float(read_runs(str(folder / "beyond")).loss[0])
    where = "inside" if low <= measured <= high else "OUTSIDE"
    print(f"It has {measured:.3f}: {where} the interval, {100 * (value / measured - 1):+.1f}% off.")
    return True


def _plan() -> None:
    """A plan with a published law."""
    from sparselaw.plan import plan
    from sparselaw.report.plan_text import answer_text
    from sparselaw.report.text import show

    law, nonzeros, flops = PLANNED
    _say(f"{CAVEAT}\n\n    sparselaw plan {law} --nonzeros {nonzeros} --flops {flops}")
    show(answer_text(plan(law, nonzeros=nonzeros, flops=flops)))


def _write(fitted: Fit, runs: Runs, folder: Path) -> None:
    """Figures and the page."""
    from sparselaw.fit import compare
    from sparselaw.report import figures
    from sparselaw.report.curves import read_curves
    from sparselaw.report.page import write_page
    from sparselaw.report.study import study
    from sparselaw.runs.folders import scan

    source = str(folder / "runs")
    figures.save_fit_figures(fitted, runs, [], folder / "figures")
    _say(f"sparselaw report {source} --fit {folder / 'fit.json'} -o {folder / 'report.html'}")
    comparisons = compare(runs, [LAW])
    told = study(fitted, runs=runs, comparisons=comparisons, curves=read_curves(source, scan(source)), notes=(CAVEAT,))
    write_page(folder / "report.html", told)
    print(f"wrote {folder / 'report.html'}, {folder / 'fit.json'} and {folder / 'figures'}/")


def _say(command: str) -> None:
    print(f"\n--- {command}\n", flush=True)
