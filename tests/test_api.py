"""The flat API: what one import shows, that it is lazy, and that the command line and Python give the same."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sparselaw
from sparselaw.runs import Runs

NAMES = {
    "read_runs", "inspect", "fit", "open_fit", "plan", "compare", "contours", "design", "report", "law", "bootstrap",
    "Runs", "Fit", "Answer", "Question", "Cost", "Memory", "UserError",
}  # fmt: skip


def done(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_one_import_lists_everything_and_each_name_is_there() -> None:
    assert set(dir(sparselaw)) >= NAMES
    assert dir(sparselaw) == sorted(set(dir(sparselaw)))
    for name in dir(sparselaw):
        assert getattr(sparselaw, name) is getattr(sparselaw, name)
    with pytest.raises(AttributeError, match="has no attribute 'plam'"):
        getattr(sparselaw, "plam")  # noqa: B009


def test_the_import_itself_imports_next_to_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules); import sparselaw; print(len(set(sys.modules) - before), *sys.modules)"
    )
    number, *modules = done(code).split()
    assert int(number) <= 4
    assert not {"numpy", "scipy", "pandas", "rich", "tyro", "dataclasses"} & set(modules)


@pytest.mark.parametrize("name", ["plan", "open_fit", "contours", "fit", "law"])
def test_asking_for_a_name_imports_nothing_heavy(name: str) -> None:
    heavy = {"torch", "pandas", "matplotlib", "plotly", "scipy", "tyro"}
    assert not heavy & set(done(f"import sys, sparselaw; sparselaw.{name}; print(*sys.modules)").split())


@pytest.mark.parametrize("name", ["t5-c4", "vit-jft"])
def test_one_default_objective(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Python, the command line, a comparison and a report fit published runs with their own loss function."""
    from sparselaw.cli import run

    runs = request.getfixturevalue(name.replace("-", "_"))
    fitted = sparselaw.fit(runs, bootstrap=0)
    assert fitted.loss == sparselaw.Loss(1e-3, log=True) if name == "t5-c4" else sparselaw.Loss(0.01)
    assert run(["fit", name, "--bootstrap", "0", "-o", str(tmp_path / "fit.json")]) == 0
    assert sparselaw.open_fit(tmp_path / "fit.json").parameters == fitted.parameters
    assert sparselaw.fit(name, bootstrap=0).parameters == fitted.parameters
    (compared,) = sparselaw.compare(runs, ["capped" if name == "t5-c4" else "paper"])
    assert compared.fit.parameters == fitted.parameters
    made = sparselaw.report(runs, output=tmp_path / "page.html", bootstrap=2, plotlyjs="cdn")
    assert made.study.fitted.parameters == fitted.parameters


def test_a_data_frame_is_a_table_of_runs(t5_c4: Runs) -> None:
    frame = t5_c4.table.assign(data_unit="tokens")
    found = sparselaw.fit(frame, "paper", starts=8)
    assert found.objective == pytest.approx(sparselaw.fit(t5_c4, "paper", starts=8).objective)
    assert (found.name, found.data_unit) == ("table", "tokens")
    renamed = frame.rename(columns={"nonzero_params": "n"})
    assert sparselaw.fit(renamed, columns={"nonzero_params": "n"}, starts=8).parameters == found.parameters


def test_fits_names_and_paths_are_the_same(tmp_path: Path) -> None:
    fit = sparselaw.open_fit("t5-c4-refit")
    fit.save(tmp_path / "fit.json")
    question: dict[str, Any] = {"nonzeros": 85e6, "flops": 5e19, "cost": "sparse"}
    answers = [sparselaw.plan(one, **question) for one in (fit, "t5-c4-refit", tmp_path / "fit.json")]
    assert len({answer.optimal_sparsity for answer in answers}) == 1
    lines = [sparselaw.contours(one, nonzeros=(1e6, 1e8), grid=3).lines for one in (fit, "t5-c4-refit")]
    np.testing.assert_array_equal(*lines)


def test_weights_bounds_and_pins(t5_c4: Runs) -> None:
    frame = t5_c4.table.assign(w=np.where(t5_c4.sparsity > 0, 2.0, 1.0))
    options: dict[str, Any] = {"starts": 4, "pin": {"b_S": 1.3}, "bound": {"c": (0.0, 0.5)}}
    one, other = (sparselaw.fit(frame, weights=weights, **options) for weights in ("w", frame["w"].to_numpy()))
    assert one.parameters == other.parameters
    assert one.parameters["b_S"] == 1.3
    assert one.parameters["c"] <= 0.5
    drawn = sparselaw.fit(frame, weights="w", bootstrap=3, by="cell", **options)
    assert drawn.bootstrap.by == "cell"
    assert (drawn.draws[:, one.law.names.index("b_S")] == 1.3).all()


def test_a_function_is_a_law(t5_c4: Runs) -> None:
    def mine(S, N, D, a=5.0, b=0.2, e=5.0, f=0.2):
        return a * N**-b * (1 - S) ** 0.1 + e * D**-f

    assert set(sparselaw.fit(t5_c4, mine, starts=4).parameters) == set("abef")
    assert sparselaw.law("paper").name == "paper"


FIT = sparselaw.open_fit("vit-jft")
FEW = pd.DataFrame({"nonzero_params": 1e6, "sparsity": 0.5, "data": 1e9, "loss": [3.0, 3.1]})
MISTAKES: dict[str, Any] = {
    "sparsity of 50": (lambda: sparselaw.fit(FEW.assign(sparsity=50)), "write 75% as 0.75"),
    "negative count": (lambda: sparselaw.plan(FIT, nonzeros=-1, flops=1e20), "nonzeros is -1; give a positive number."),
    "count in text": (lambda: sparselaw.plan(FIT, nonzeros="many", flops=1e20), "'many' is not a count"),
    "cost": (lambda: sparselaw.plan(FIT, nonzeros=1e6, flops=1e20, cost="free"), "No cost is named 'free'"),
    "law": (lambda: sparselaw.fit(FEW, "papr"), "No law is named 'papr'; did you mean 'paper'?"),
    "loss": (lambda: sparselaw.fit(FEW, loss="hubber"), "loss is 'hubber'; did you mean 'huber'?"),
    "delta": (lambda: sparselaw.fit(FEW, loss="squared", delta=1), "give delta with huber or huber-log only"),
    "starts": (lambda: sparselaw.fit(FEW, starts=0), "starts is 0; give at least 1."),
    "bootstrap": (lambda: sparselaw.fit(FEW, bootstrap=-5), "bootstrap is -5; give the number of resamples"),
    "by": (lambda: sparselaw.fit(FEW, bootstrap=5, by="runs"), "by is 'runs'; did you mean 'run'?"),
    "weights": (lambda: sparselaw.fit(FEW, weights="lost"), "no column 'lost' for weights; did you mean 'loss'?"),
    "fit": (lambda: sparselaw.open_fit("vit-jf"), "did you mean 'vit-jft'?"),
    "no question": (lambda: sparselaw.plan(FIT), "Give two of a size (nonzeros, memory, total or latency), a budget"),
    "levels": (lambda: sparselaw.contours(FIT, levels=(50,)), "levels has 50; give sparsities between 0 and 1"),
    "sparsities": (lambda: sparselaw.design(FIT, budget=1e18, sparsities=(50,)), "sparsities has 50; give numbers in"),
    "no draws": (lambda: sparselaw.design("t5-c4-published", budget=1e18, guess=False), "bootstrap=1000"),
    "tokens": (lambda: sparselaw.plan("t5-c4-refit", nonzeros=1e6, flops=1e20, tokens_per_image=9), "tokens_per_image"),
    "report": (lambda: sparselaw.report("nowhere.csv"), "nowhere.csv"),
    "inspect": (lambda: sparselaw.inspect("nowhere.csv"), "nowhere.csv"),
    "columns": (lambda: sparselaw.fit(FEW.rename(columns={"loss": "val"})), "has no column 'loss'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_speak_python(mistake: str) -> None:
    wrong, said = MISTAKES[mistake]
    with pytest.raises(ValueError, match=r"^[^\n]+[.?]$") as caught:
        wrong()
    assert isinstance(caught.value, sparselaw.UserError)
    assert said in str(caught.value)
    assert "--" not in str(caught.value)
