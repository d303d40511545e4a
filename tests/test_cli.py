"""The command line as a real process: JSON for machines, one sentence and exit code 2 for mistakes, files that open."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from sparselaw.cost import Cost
from sparselaw.fit import fit, open_fit
from sparselaw.laws import chinchilla_flops
from sparselaw.runs import Runs

RUN = "from sparselaw.cli import main; main()"
MAGIC = {"png": b"\x89PNG\r\n\x1a\n", "svg": b"<?xml", "pdf": b"%PDF-"}
OWN_LAW = """
import numpy as np

def mine(S, N, D, a=5.0, b=0.2, e=5.0, f=0.2):
    return a * N**-b * (1 - S) ** 0.1 + e * D**-f

def fails(S, N, D, a=1.0):
    return missing * a

def empty_default(S, N, D, a=None):
    return a
"""


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", RUN, *map(str, arguments)]
    variables = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(command, capture_output=True, text=True, env=variables, check=False)


def answer(*arguments: object) -> dict:
    done = run(*arguments, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, t5_c4: Runs) -> Path:
    """A folder with the T5 runs under other column names, a law's file, and files that are wrong."""
    folder = tmp_path_factory.mktemp("cli")
    table = t5_c4.table[["nonzero_params", "sparsity", "data", "loss"]]
    table.to_csv(folder / "runs.csv", index=False)
    table.set_axis(["n", "s", "tokens", "val"], axis=1).to_csv(folder / "renamed.csv", index=False)
    (folder / "own.py").write_text(OWN_LAW)
    (folder / "broken.py").write_text("raise ValueError('first line\\nsecond line')")
    (folder / "damaged.json").write_text('{"format": "sparselaw-fit/1", "law": "paper"}')
    (folder / "text.json").write_text("not JSON")
    for name, law in (("plain", "paper"), ("dense", "dense")):
        fit(t5_c4, law, num_starts=4).save(folder / f"{name}.json")
    (folder / "folder.html").mkdir()
    (folder / "taken").write_text("a file, where a folder is wanted")
    return folder


MISTAKES = {
    "no file": ("fit nowhere.csv", "nowhere.csv"),
    "bad column": ("fit {0}/renamed.csv", "nonzero_params"),
    "unknown column": ("fit {0}/renamed.csv --columns nonzero_params=zz", "zz"),
    "unknown law": ("fit {0}/runs.csv --law nope", "'nope'"),
    "law: no file": ("fit {0}/runs.csv --law {0}/none.py:mine", "none.py"),
    "law: file fails": ("fit {0}/runs.csv --law {0}/broken.py:mine", "first line second line"),
    "law: no function": ("fit {0}/runs.csv --law {0}/own.py:other", "'other'"),
    "law: function fails": ("fit {0}/runs.csv --law {0}/own.py:fails", "NameError"),
    "law: default": ("fit {0}/runs.csv --law {0}/own.py:empty_default", "empty_default"),
    "bad pin": ("fit {0}/runs.csv --pin b_S", "NAME=VALUE"),
    "no starts": ("fit {0}/runs.csv --starts 0", "--starts"),
    "negative seed": ("fit {0}/runs.csv --seed -1", "--seed"),
    "negative bootstrap": ("fit {0}/runs.csv --bootstrap -5", "at least 0"),
    "fit's ending": ("fit {0}/runs.csv -o {0}/fit.csv", ".json"),
    "fit unwritable": ("fit {0}/runs.csv --starts 4 -o {0}/taken/fit.json", "cannot write"),
    "weights": ("fit {0}/runs.csv --weights w", "'w'"),
    "compare: no file": ("compare nowhere.csv", "nowhere.csv"),
    "compare: delta": ("compare {0}/runs.csv --loss squared --delta 1", "--delta"),
    "no question": ("plan vit-jft", "--nonzeros"),
    "two budgets": ("plan vit-jft --nonzeros 1M --flops 1e20 --data 1e9", "--nonzeros"),
    "no budget": ("plan vit-jft --nonzeros 1M", "--flops"),
    "negative": ("plan vit-jft --nonzeros 1M --flops=-3", "-3"),
    "zero": ("plan vit-jft --nonzeros 0 --flops 1e20", "'0'"),
    "text": ("plan vit-jft --nonzeros many --flops 1e20", "'many'"),
    "negative times": ("plan vit-jft --nonzeros 1M --times-chinchilla=-2", "-2"),
    "absurd": ("plan vit-jft --nonzeros 1e300 --flops 1e20", "1e+300"),
    "patches": ("plan vit-jft --nonzeros 1M --flops 1e20 --tokens-per-image 0", "--tokens-per-image"),
    "memory: two sizes": ("plan vit-jft --memory 8GB --nonzeros 1M --flops 1e20", "not both"),
    "memory: unit": ("plan vit-jft --memory 8G --flops 1e20", "'8G'"),
    "memory: small": ("plan vit-jft --memory 8B --flops 1e20", "4 weights"),
    "memory: format": ("plan vit-jft --memory 8GB --flops 1e20 --format zip", "'zip'"),
    "memory: pattern": ("plan vit-jft --memory 8GB --flops 1e20 --format 4:2", "4:2"),
    "memory: served": ("plan vit-jft --memory 8GB --loss 5.3 --inference 1e12", "only trained"),
    "memory: three": ("plan vit-jft --memory 8GB --flops 1e20 --data 1e9", "two of"),
    "memory: loss below the floor": ("plan vit-jft --memory 8GB --loss 4", "irreducible"),
    "format alone": ("plan vit-jft --nonzeros 1M --flops 1e20 --format bitmask", "--memory"),
    "export: nothing": ("export {0}", "model.safetensors"),
    "export: no model": ("export {0}/own.py", "own.py"),
    "export: format": ("export {0} --format zip", "'zip'"),
    "export: restore what": ("export {0}/own.py --restore", "own.py"),
    "export: restore how": ("export {0}/own.py --restore --precision bf16", "--restore"),
    "below the floor": ("plan vit-jft --nonzeros 1M --loss 4", "irreducible"),
    "no such fit": ("plan nowhere.json --nonzeros 1M --flops 1e20", "nowhere.json"),
    "fit damaged": ("plan {0}/damaged.json --nonzeros 1M --flops 1e20", "damaged"),
    "fit not JSON": ("plan {0}/text.json --nonzeros 1M --flops 1e20", "not JSON"),
    "fit a folder": ("plan {0} --nonzeros 1M --flops 1e20", "cannot read"),
    "ending": ("contours vit-jft -o {0}/x.gif", ".png"),
    "figure unwritable": ("contours vit-jft -o {0}/taken/x.png", "cannot write"),
    "level": ("contours vit-jft --levels 0.5 1.5", "1.5"),
    "no level": ("contours vit-jft --levels", "--levels"),
    "range reversed": ("contours vit-jft --nonzeros 1B:1M", "1B:1M"),
    "range": ("contours vit-jft --nonzeros 1M", "LOW:HIGH"),
    "design: no budget": ("design vit-jft", "--budget"),
    "design: poor": ("design vit-jft --budget 1e9", "cheapest run"),
    "design: no draws": ("design {0}/plain.json --budget 1e20", "--bootstrap"),
    "design: no sparsity": ("design {0}/dense.json --budget 1e20", "ignores sparsity"),
    "design: target": ("design vit-jft --budget 1e19 --target 85M", "85M,1e20"),
    "design: far target": ("design vit-jft --budget 1e19 --target 85M,1e50", "check its unit"),
    "design: certain": ("design vit-jft --budget 1e19 --target 85M,1e39", "another target"),
    "design: sparsity": ("design vit-jft --budget 1e19 --sparsities 0.5 1", "[0, 1)"),
    "design: runs": ("design vit-jft --budget 1e19 --max-runs 0", "at least one run"),
    "design: seeds": ("design vit-jft --budget 1e19 --max-seeds 0", "at least one seed"),
    "design: noise": ("design vit-jft --budget 1e19 --noise=-0.1", "-0.1"),
    "design: unwritable": ("design vit-jft --budget 1e19 -o {0}/taken/sweep.toml", "cannot write"),
    "design: ending": ("design vit-jft --budget 1e19 -o {0}/sweep.json", ".toml"),
    "report: no file": ("report nowhere.csv", "nowhere.csv"),
    "report: other fit": ("report {0}/runs.csv --fit vit-jft", "112 runs"),
    "report: no draws": ("report {0}/runs.csv --bootstrap 0", "--bootstrap"),
    "report: ending": ("report t5-c4-refit -o {0}/report.pdf", ".html"),
    "report: a folder": ("report t5-c4-refit -o {0}/folder.html", "folder"),
    "report unwritable": ("report t5-c4-refit -o {0}/taken/report.html", "cannot write"),
    "demo unwritable": ("demo -o {0}/taken/demo", "cannot be written"),
    "unknown option": ("plan vit-jft --no-such 3", "--no-such"),
    "missing argument": ("plan", "Missing"),
    "not a number": ("plan vit-jft --nonzeros 1M --times-chinchilla x", "--times-chinchilla"),
    "bad cost": ("plan vit-jft --nonzeros 1M --flops 1e20 --cost free", "'free'"),
    "cost of a fit": ("plan vit-jft --nonzeros 1M --flops 1e20 --cost {0}/damaged.json", "not a hardware file"),
    "nothing of training": ("plan vit-jft --nonzeros 1M --flops 1e20 --cost h100-2:4", "h100-2:4"),
    "patches of tokens": ("plan t5-c4-refit --nonzeros 1M --flops 1e20 --tokens-per-image 9", "tokens"),
    "too little data": ("plan t5-c4-refit --data 1M --loss 1.5", "out of reach with 1M tokens"),
    "inference, no loss": ("plan t5-c4-refit --inference 1e12", "--loss"),
    "inference and budget": ("plan t5-c4-refit --inference 1e12 --loss 1.7 --flops 1e20", "--loss"),
    "inference floor": ("plan t5-c4-refit --inference 1e12 --loss 0.5", "irreducible"),
    "price alone": ("plan t5-c4-refit --inference 1e12 --loss 1.7 --price 2", "--peak"),
    "price, no inference": ("plan t5-c4-refit --nonzeros 1M --loss 1.9 --peak 1e15", "--inference"),
    "utilisation": ("plan t5-c4-refit --inference 1e12 --loss 1.7 --utilisation 40", "--utilisation"),
    "no utilisation": (
        "plan t5-c4-refit --inference 1e12 --loss 1.7 --inference-utilisation 0",
        "--inference-utilisation",
    ),
    "peak": ("plan t5-c4-refit --inference 1e12 --loss 1.7 --peak=-1", "--peak"),
    "kinks": ("contours vit-jft --cost epyc-csr", "kinks"),
    "map without demand": ("contours vit-jft --loss 5:6", "--inference"),
    "map of sizes": ("contours vit-jft --inference 1e9:1e12 --flops 1e20:1e21", "--loss"),
    "map below the floor": ("contours vit-jft --inference 1e9:1e12 --loss 4:6", "irreducible"),
    "hardware unwritable": ("hardware -o {0}/taken/machine.json", "cannot write"),
    "shape": ("hardware --shapes 4096", "'4096'"),
    "batch": ("hardware --batches 0", "--batches"),
    "no sparsities": ("hardware --sparsities", "--sparsities"),
    "bad choice": ("fit {0}/runs.csv --loss free", "'free'"),
    "no command": ("", "plan"),
    "unknown command": ("prophesy", "prophesy"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence(mistake: str, folder: Path) -> None:
    arguments, names = MISTAKES[mistake]
    done = run(*arguments.format(folder).split())
    assert done.returncode == 2
    assert done.stderr.startswith("sparselaw: ")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert names in done.stderr


def test_fit_keeps_the_contract_and_comes_back_from_its_file(folder: Path) -> None:
    file = folder / "fit.json"
    record = answer("fit", folder / "runs.csv", "--bootstrap", 50, "-o", file)
    assert {"law", "parameters", "objective", "status", "num_runs", "starts", "intervals"} <= set(record)
    assert {"tried", "at_optimum"} <= set(record["starts"])
    assert record["objective"] <= 4.8802e-6
    assert record["status"] == "converged"
    assert record["num_runs"] == 48
    fitted = open_fit(file)
    assert fitted.parameters == record["parameters"]
    planned = answer("plan", file, "--nonzeros", "85M", "--flops", "1e21")
    published = answer("plan", "t5-c4-refit", "--nonzeros", "85M", "--flops", "1e21")
    assert planned["optimal_sparsity"] == pytest.approx(published["optimal_sparsity"], rel=1e-3)
    low, high = planned["interval"]
    assert low <= planned["optimal_sparsity"] <= high


def test_columns_are_mapped(folder: Path) -> None:
    names = "nonzero_params=n,sparsity=s,data=tokens,loss=val"
    mapped = answer("fit", folder / "renamed.csv", "--columns", names)
    assert mapped["parameters"] == pytest.approx(answer("fit", folder / "runs.csv")["parameters"], rel=1e-9)


def test_a_law_of_ones_own(folder: Path) -> None:
    record = answer("fit", folder / "runs.csv", "--law", f"{folder}/own.py:mine", "--starts", 8)
    assert record["law"] == "mine"
    assert set(record["parameters"]) == set("abef")


def test_compare(folder: Path) -> None:
    done = run("compare", folder / "runs.csv", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    objectives = {record["law"]: record["objective"] for record in json.loads(done.stdout)}
    published = {"dense": 3.356e-5, "average-params": 2.007e-5, "no-floor": 1.315e-5, "paper": 4.880e-6}
    assert {law: objectives[law] for law in published} == pytest.approx(published, rel=5e-4)


def test_plan_keeps_the_contract() -> None:
    fitted = open_fit("vit-jft")
    budget = 5 * float(chinchilla_flops(fitted.law, fitted.values, 42.5e6, Cost()))
    record = answer("plan", "vit-jft", "--nonzeros", "42.5M", "--flops", f"{budget:.17g}", "--cost", "dense")
    assert round(record["optimal_sparsity"], 3) == 0.510
    assert record["times_chinchilla"] == pytest.approx(5)
    keys = {"interval", "loss", "dense_loss", "equivalent_dense_params", "data", "flops", "warnings"}
    assert keys <= set(record)


def test_plan_at_equal_bytes() -> None:
    record = answer("plan", "vit-jft", "--memory", "85MB", "--times-chinchilla", "5", "--precision", "int8")
    assert (record["memory"], record["format"], record["precision"]) == (85e6, "bitmask", "int8")
    S = record["optimal_sparsity"]
    assert record["nonzero_params"] == pytest.approx(85e6 / (1 + 1 / (8 * (1 - S))))
    assert record["dense_params"] == 85e6
    low, high = record["interval"]
    assert low <= S <= high


def test_export_and_restore(tmp_path: Path) -> None:
    torch, safetensors = pytest.importorskip("torch"), pytest.importorskip("safetensors.torch")
    weights = {"a.weight": torch.eye(256, dtype=torch.bfloat16), "a.bias": torch.ones(256)}
    (tmp_path / "model").mkdir()
    safetensors.save_file(weights, tmp_path / "model" / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "model" / "config.json").write_text("{}")
    file = tmp_path / "model.sparse.safetensors"
    record = answer("export", tmp_path / "model", "-o", file)
    assert record["nbytes"] == file.stat().st_size < record["source_nbytes"] / 20
    (stored,) = [t for t in record["tensors"] if t["name"] == "a.weight"]
    assert stored["num_nonzero"] == 256
    assert answer("export", file, "--restore", "-o", tmp_path / "back")["files"] == [
        str(tmp_path / "back" / "model.safetensors"),
        str(tmp_path / "back" / "config.json"),
    ]
    restored = safetensors.load_file(tmp_path / "back" / "model.safetensors")
    assert all(torch.equal(restored[name], tensor) for name, tensor in weights.items())


def test_plan_with_a_measured_cost(tmp_path: Path) -> None:
    file = tmp_path / "machine.json"
    options = ["--shapes", "64x64", "--batches", 1, "--rounds", 1, "--threads", 1]
    done = run("hardware", *options, "-o", file, "--json")
    assert done.returncode == 0
    assert done.stderr.splitlines() == ["training, 64 x 64, batch 1", "inference, 64 x 64, batch 1"]
    assert json.loads(done.stdout)["kind"] == "measured"
    planned = answer("plan", "vit-jft", "--nonzeros", "42.5M", "--times-chinchilla", "50", "--cost", file)
    assert set(planned["costs"]) > {"dense", "sparse"}
    assert planned["costs"]["dense"] <= planned["optimal_sparsity"] + 1e-7


def test_plan_of_a_model_to_be_served() -> None:
    options = ["--inference", "1e12", "--inference-cost", "sparse", "--price", "2.5", "--peak", "1e15"]
    record = answer("plan", "t5-c4-refit", "--loss", "1.7", *options)
    assert {"optimal_sparsity", "interval", "loss", "dense_loss", "equivalent_dense_params"} <= set(record)
    assert {"data", "flops", "times_chinchilla", "warnings"} <= set(record)
    hours = record["total"] / (0.4 * 1e15 * 3600)
    assert record["gpu_hours"]["total"] == pytest.approx(hours)
    assert record["money"]["total"] == pytest.approx(2.5 * hours)


def test_contours_of_models_to_be_served(tmp_path: Path) -> None:
    record = answer("contours", "vit-jft", "--inference", "1e9:1e12", "--inference-cost", "a100-2:4")
    assert len(record["sparsity"]) == len(record["inference"])
    assert len(record["sparsity"][0]) == len(record["loss"])
    done = run("contours", "t5-c4-refit", "--inference", "1e9:1e12", "--cost", "sparse", "-o", tmp_path / "x.png")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "x.png").read_bytes().startswith(MAGIC["png"])


def test_contours_as_numbers() -> None:
    record = answer("contours", "vit-jft", "--levels", "0.5")
    assert record["levels"] == [0.5]
    assert len(record["lines"][0]) == len(record["nonzero_params"]) == len(record["sparsity"])
    times = record["lines"][0][0] / record["chinchilla"][0]
    assert times == pytest.approx(4.82, abs=0.005)


def test_design_as_numbers_and_as_a_sweep(tmp_path: Path) -> None:
    record = answer("design", "vit-jft", "--budget", "1e18", "--max-runs", 6, "-o", tmp_path / "sweep.toml")
    assert record["num_runs"] == len(record["cells"]) == 6
    assert record["flops"] <= 1e18
    sweep = tomllib.loads((tmp_path / "sweep.toml").read_text())
    assert sweep["base"] == "vit-laptop"
    assert [cell["sparsity"] for cell in sweep["cells"]] == [cell["sparsity"] for cell in record["cells"]]
    limited = answer(
        "design", "t5-c4-refit", "--budget", "1e14", "--nonzeros", "14K:220K", "--data", "1M:16M", "--target", "1M,1e15",
        "--sparsities", 0, 0.75, "--max-seeds", 2, "--noise", 0.02, "--answer", "loss", "--cost", "sparse", "--guess",
    )  # fmt: skip
    assert limited["target"] == {"nonzero_params": 1e6, "flops": 1e15, "answer": "loss"}
    assert {cell["sparsity"] for cell in limited["cells"]} <= {0, 0.75}
    assert limited["cost"] == "sparse"


@pytest.mark.parametrize("ending", MAGIC)
def test_figures_are_what_their_name_says(ending: str, tmp_path: Path) -> None:
    done = run("contours", "vit-jft", "-o", tmp_path / f"x.{ending}")
    assert (done.returncode, done.stderr) == (0, "")
    content = (tmp_path / f"x.{ending}").read_bytes()
    assert content.startswith(MAGIC[ending])
    assert len(content) > 5000


def test_fit_figures(folder: Path) -> None:
    done = run("fit", folder / "runs.csv", "--starts", 8, "--figures", folder / "figures")
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("loss.png", "predicted.png"):
        assert (folder / "figures" / name).read_bytes().startswith(MAGIC["png"])


def test_the_same_figure_is_the_same_file(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        assert run("contours", "vit-jft", "-o", tmp_path / name).returncode == 0
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@pytest.mark.slow
def test_demo(tmp_path: Path) -> None:
    done = run("demo", "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    assert open_fit(tmp_path / "fit.json").status == "converged"
    for name in ("loss", "flops", "predicted", "contours"):
        assert (tmp_path / "figures" / f"{name}.png").read_bytes().startswith(MAGIC["png"])
    assert "</html>" in (tmp_path / "report.html").read_text(encoding="utf-8")
