"""What the README and the pages show runs, and prints what they say."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # threads of small products wait for each other on a busy machine
LINKING = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "results" / "README.md"]


def blocks(language: str) -> list:
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for number, body in enumerate(re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL), 1):
            found.append(pytest.param(body, id=f"{page.relative_to(ROOT).as_posix()}-{number}"))
    return found


@pytest.mark.parametrize("code", blocks("python"))
def test_python_snippets_run(code, tmp_path):
    script = tmp_path / "snippet.py"
    script.write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", script],
        cwd=tmp_path,
        env=os.environ | ONE_THREAD,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("session", blocks("console"))
def test_console_snippets_print_what_they_show(session, tmp_path):
    command, _, shown = session.partition("\n")
    program, *arguments = shlex.split(command.removeprefix("$ "))
    assert program == "sparselaw"
    (tmp_path / "results").symlink_to(ROOT / "results")
    executable = Path(sys.executable).with_name("sparselaw")
    done = subprocess.run([executable, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [line.rstrip() for line in shown.split("\n") if line.strip()] == [
        line.rstrip() for line in done.stdout.split("\n") if line.strip()
    ]


@pytest.mark.parametrize("page", LINKING, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_to_files_and_headings_exist(page):
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text(encoding="utf-8")):
        path, _, heading = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
            assert heading in slugs, target
