"""What the README and the pages show runs, and prints what they say.

Blocks marked `console` or `python` are run as they stand. Every other command, in a sentence or in an indented block, is
parsed, and run too where it is cheap and what it reads is published or in `results/`.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from sparselaw.cli import run
from sparselaw.cli.parsing import COMMANDS, check_words, command_class, flags_of, parse
from sparselaw.fit.published import PUBLISHED_FITS
from sparselaw.runs import PUBLISHED

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Threads of small products wait for each other on a busy machine; a width that is set here is not the reader's.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | {"OMP_NUM_THREADS": "1"}
LINKING = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "results" / "README.md"]
COMMAND = re.compile(r"`(sparselaw [^`]+)`|^ *(?:\$ )?((?:torchrun .*-m |python -m )?sparselaw [a-z].*)$", re.MULTILINE)
CHEAP = ("inspect", "plan", "contours", "fit", "compare-patterns", "compare-pretrained", "design")
OTHER_PROGRAMS = {"--nproc-per-node", "--requeue"}
"""Options in the pages that are not of `sparselaw`."""


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
        env=ENVIRONMENT,
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
    done = subprocess.run([executable, *arguments], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True)
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


def commands() -> list[str]:
    """Every command line of the pages once, without comments."""
    found = (inline or line for page in LINKING for inline, line in COMMAND.findall(page.read_text(encoding="utf-8")))
    lines = (" ".join(text.split("  #")[0].split()) for text in found)
    return sorted({re.sub(r"^.*-m sparselaw", "sparselaw", line) for line in lines})


def arguments_of(command: str) -> list[str]:
    return [word for word in shlex.split(command)[1:] if word != "..."]


@pytest.mark.parametrize("command", commands())
def test_commands_in_sentences_and_blocks_are_understood(command):
    arguments = arguments_of(command)
    name, *options = arguments
    assert name in (*COMMANDS, "--help", "--version")
    if name in COMMANDS:
        check_words(name, command_class(name), options)
    if options and not options[0].startswith("-") and "..." not in command:  # else it only speaks of the command
        parse(arguments)
    for word in options:
        if re.match(r"(t5|vit)-[a-z0-9-]+$", word) and name != "train":
            assert word in {*PUBLISHED_FITS, *PUBLISHED}


def is_cheap(command: str) -> bool:
    """Whether a command reads only what is published or in the repository, and takes seconds."""
    name, *options = arguments_of(command)
    source = options[0] if options else "..."
    known = {*PUBLISHED_FITS, *PUBLISHED}
    files = [word for word in options if word.endswith((".json", ".toml")) and options[options.index(word) - 1] != "-o"]
    return name in CHEAP and "..." not in command and not files and (source in known or (ROOT / source).is_file())


@pytest.mark.parametrize("command", [*filter(is_cheap, commands())])
def test_cheap_commands_answer(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").symlink_to(ROOT / "results")
    code = run([{"1000": "20"}.get(word, word) for word in arguments_of(command)])
    said = capsys.readouterr()
    assert code == 0, said.err
    assert said.out


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_options_in_sentences_exist(page):
    known = (
        {flag for name in COMMANDS for flag in flags_of(command_class(name))} | OTHER_PROGRAMS | {"--help", "--version"}
    )
    for code in re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8")):
        given = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", code)) - known
        assert not given or "train" in code, f"{given} in `{code}`"


@pytest.mark.parametrize("page", LINKING, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_targets_of_make_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = page.read_text(encoding="utf-8")
    assert {
        *re.findall(r"`make ([a-z-]+)", text),
        *re.findall(r"^(?:    )?make ([a-z-]+)", text, re.MULTILINE),
    } <= targets
