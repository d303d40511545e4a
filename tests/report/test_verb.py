"""The verb `report`: what it takes, and what stands in the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sparselaw.cost import open_hardware
from sparselaw.errors import UserError
from sparselaw.fit import fit, open_fit
from sparselaw.report import report
from sparselaw.runs.published import FOLDER_VARIABLE

from .conftest import simulated_runs


def written(source: object, path: Path, **options: Any) -> tuple[dict[str, Any], str]:
    """The record of a report as JSON holds it, and the page."""
    made = report(source, output=path, plotlyjs="cdn", **options)
    return json.loads(json.dumps(made.to_json())), path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "runs.csv"
    simulated_runs().write(path)
    return path


def test_a_table_is_fitted_compared_and_told(table: Path, tmp_path: Path) -> None:
    found, page = written(table, tmp_path / "new" / "report.html", bootstrap=60)
    assert found["bytes"] == len(page.encode())
    assert found["law"] == "paper"
    assert found["answer"]["interval"][0] <= found["answer"]["optimal_sparsity"] <= found["answer"]["interval"][1]
    for law in ("paper", "free-multiplier", "density-power", "no-floor", "average-params", "dense"):
        assert f'<th scope="row">{law}<td>' in page
    assert {item["state"] for item in found["checklist"] if item["name"] in ("Hold-outs", "Uncertainty")} <= {
        "stated",
        "weak",
    }


def test_a_table_with_its_fit_is_not_fitted_again(table: Path, tmp_path: Path) -> None:
    fit(simulated_runs("mine"), "no-floor", bootstrap=0).save(tmp_path / "fit.json")
    found, page = written(table, tmp_path / "report.html", fit=tmp_path / "fit.json")
    assert (found["law"], found["fit"]) == ("no-floor", "mine")
    assert 'id="runs"' in page
    assert found["answer"]["interval"] is None


def test_a_fit_alone_lacks_the_runs(tmp_path: Path) -> None:
    found, page = written("t5-c4-refit", tmp_path / "report.html")
    assert "made from a fit alone" in page
    assert found["answer"]["optimal_sparsity"] > 0
    open_fit("t5-c4-refit").save(tmp_path / "saved.json")
    again, _ = written(tmp_path / "saved.json", tmp_path / "report.html")
    assert again["answer"] == found["answer"]


def test_a_published_law_stands_in_for_runs_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "nowhere"))
    found, page = written("vit-jft", tmp_path / "report.html")
    assert "published coefficients alone" in found["notes"][0]
    assert "published coefficients alone" in page


def test_a_folder_tells_its_curves_and_what_is_left_out(tmp_path: Path) -> None:
    for k, row in enumerate(simulated_runs().table.to_dict("records")):
        folder = tmp_path / "sweep" / f"run-{k}"
        folder.mkdir(parents=True)
        status = "diverged" if k == 5 else "finished"
        (folder / "result.json").write_text(json.dumps({**row, "status": status, "data_unit": "tokens"}))
        lines = [json.dumps({"step": step, "data": 1e7 * step, "loss": 9 / step}) for step in (1, 2, 3)]
        (folder / "metrics.jsonl").write_text("\n".join(lines))
    found, page = written(tmp_path / "sweep", tmp_path / "report.html", bootstrap=20)
    assert 'data-figure="curves"' in page
    left_out = next(item for item in found["checklist"] if item["name"] == "Runs left out")
    assert left_out["said"] == "63 fitted; left out: 1 diverged"


def test_the_question_is_the_one_asked(tmp_path: Path) -> None:
    machine = tmp_path / "machine.json"
    open_hardware("epyc-csr").save(machine)
    question = {"nonzeros": 1e8, "flops": 1e21, "cost": str(machine)}
    found, page = written("t5-c4-refit", tmp_path / "report.html", **question)
    assert (found["answer"]["nonzero_params"], found["answer"]["flops"]) == (1e8, 1e21)
    assert found["answer"]["cost"] == "epyc-csr"
    assert "epyc-csr (file)" in page


MISTAKES = {
    "nothing there": ("nowhere.csv", {}, "nowhere.csv"),
    "unknown cost": ("t5-c4-refit", {"cost": "free"}, "'free'"),
    "no training": ("t5-c4-refit", {"cost": "h100-2:4"}, "says nothing about training"),
    "patches of text": ("t5-c4-refit", {"tokens_per_image": 4.0}, "tokens_per_image"),
    "no patches": ("t5-c4-refit", {"tokens_per_image": 0.0}, "tokens_per_image"),
    "absurd size": ("t5-c4-refit", {"nonzeros": 1e300}, "1e+300"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_told_in_one_sentence(tmp_path: Path, mistake: str) -> None:
    source, options, said = MISTAKES[mistake]
    with pytest.raises(UserError) as caught:
        report(source, output=tmp_path / "report.html", **options)
    assert said in str(caught.value)
    assert "--" not in str(caught.value)
    assert not (tmp_path / "report.html").exists()


def test_a_fit_of_other_runs_is_refused(table: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"fit is of 48 runs and runs\.csv holds"):
        report(str(table), output=tmp_path / "report.html", fit="t5-c4-refit")


def test_runs_that_identify_nothing_are_refused(tmp_path: Path) -> None:
    runs = simulated_runs()
    runs.select((runs.sparsity > 0.8).nonzero()[0][:3]).write(tmp_path / "few.csv")
    with pytest.raises(UserError, match=r"The law paper cannot be fitted to few\.csv: "):
        written(tmp_path / "few.csv", tmp_path / "report.html", bootstrap=10)


def test_tables_and_fits_are_sources_as_well(table: Path, tmp_path: Path) -> None:
    runs = simulated_runs()
    from_file, from_frame = (
        written(source, tmp_path / "page.html", bootstrap=20)[0]["answer"] for source in (table, runs.table)
    )
    assert from_file["optimal_sparsity"] == pytest.approx(from_frame["optimal_sparsity"])
    assert from_file["interval"] == pytest.approx(from_frame["interval"])
    assert (from_file["fit"], from_frame["fit"]) == ("runs.csv", "table")
    alone, _ = written(open_fit("vit-jft"), tmp_path / "page.html")
    assert alone["answer"] == written("vit-jft", tmp_path / "page.html", fit="vit-jft")[0]["answer"]
