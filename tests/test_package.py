"""The sdist and the wheel hold what they should, and the wheel works where only the core dependencies are."""

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

import sparselaw

ROOT = Path(__file__).parents[1]
VERSION = sparselaw.__version__


def done(*command: str | Path, status: int = 0, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert result.returncode == status, result.stdout + result.stderr
    return result


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of both: that in SPARSELAW_DIST, else built here, the wheel from the sdist."""
    if "SPARSELAW_DIST" in os.environ:
        return Path(os.environ["SPARSELAW_DIST"]).resolve()
    folder = tmp_path_factory.mktemp("dist")
    done(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment of its own with the wheel, no extras."""
    place = tmp_path_factory.mktemp("clean") / "venv"
    venv.create(place, with_pip=True)
    wheel = built / f"sparselaw-{VERSION}-py3-none-any.whl"
    done(place / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-compile", wheel)
    return place / "bin"


def test_wheel_has_every_file_of_the_package_and_no_other(built: Path) -> None:
    with zipfile.ZipFile(built / f"sparselaw-{VERSION}-py3-none-any.whl") as wheel:
        inside = {name for name in wheel.namelist() if not name.startswith(f"sparselaw-{VERSION}.dist-info/")}
    source = ROOT / "src"
    files = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    assert inside == {name for name in files if "__pycache__" not in name}
    for name in ("py.typed", "sweep/demo.toml", "fit/published_fits/vit-jft.json", "train/recipes/decoder-laptop.toml"):
        assert f"sparselaw/{name}" in inside


def test_sdist_has_what_tests_and_docs_need(built: Path) -> None:
    with tarfile.open(built / f"sparselaw-{VERSION}.tar.gz") as sdist:
        inside = {name.partition("/")[2] for name in sdist.getnames()}
    needed = ("README.md", "LICENSE", "Makefile", "mkdocs.yml", "tests/test_docs.py", "tools/check_site.py")
    assert inside >= {
        *needed,
        "docs/index.md",
        "results/README.md",
        "results/decoder.csv",
        "src/sparselaw/cli/__init__.py",
    }
    assert not [name for name in inside if "__pycache__" in name or name.startswith((".venv", "site/", "runs/"))]


def test_core_alone_plans_and_fits(installed: Path, tmp_path: Path) -> None:
    program = installed / "sparselaw"
    assert done(program, "--version", folder=tmp_path).stdout == f"sparselaw {VERSION}\n"
    shown = done(program, "plan", "vit-jft", "--nonzeros", "42.5M", "--times-chinchilla", "5", folder=tmp_path).stdout
    assert "Train it 51.0% sparse" in shown
    assert "converged" in done(program, "fit", ROOT / "results" / "decoder.csv", folder=tmp_path).stdout


def test_core_alone_says_what_training_needs(installed: Path, tmp_path: Path) -> None:
    assert done(installed / "python", "-c", "import torch", status=1, folder=tmp_path)
    said = done(installed / "sparselaw", "train", "decoder-laptop", status=2, folder=tmp_path)
    assert said.stderr.count("\n") == 1
    assert "sparselaw[train]" in said.stderr


def test_the_citation_is_of_this_version() -> None:
    assert f"\nversion: {VERSION}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_the_workflow_tests_every_python_that_is_promised() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    promised = [version for text in project["classifiers"] for version in re.findall(r"Python :: (3\.\d+)$", text)]
    (matrix,) = re.findall(r"^ +python: \[(.+)\]$", workflow, re.MULTILINE)
    assert re.findall(r"3\.\d+", matrix) == promised
    assert project["requires-python"] == f">={promised[0]}"
    targets = re.findall(r"run: make ([a-z-]+)", workflow)
    assert targets == ["check", "test"]


def test_the_hooks_are_the_tools_of_make_check() -> None:
    """The commands with what only a hook needs left out: it hands over files, and mends them."""
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    check = makefile.partition("\ncheck:")[2].partition("\n\n")[0]
    tools = [" ".join(words) for words in re.findall(r"entry: \.venv/bin/(\w+) (\w+)", hooks)]
    assert tools == [" ".join(words) for words in re.findall(r"\$\(BIN\)/(\w+) (\w+)", check)]
