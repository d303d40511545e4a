"""Words of a command line: help without None, the nearest word for a wrong one, one sentence for each mistake."""

import re

import pytest

from sparselaw.cli.parsing import COMMANDS, command_class, explained, flags_of, overview, parse
from sparselaw.errors import UserError


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_real_defaults(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as stop:
        parse([name, "--help"])
    shown = capsys.readouterr().out
    assert not stop.value.code
    assert "None" not in shown
    tables = shown[shown.index("[-h]") :].splitlines()[1:]
    assert max(len(line) for line in tables if line[:1] in "│╭╰|") <= 80  # a terminal wraps the sentences above them
    for flag in flags_of(command_class(name)):
        assert flag in shown


def test_the_overview_names_every_command_and_the_version() -> None:
    shown = overview()
    assert "--version" in shown
    for name in COMMANDS:
        assert re.search(rf"^  {name} ", shown, re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "Give a command: plan, fit"),
        (["plann", "vit-jft"], "There is no command 'plann'; did you mean 'plan'?"),
        (["--versoin"], "There is no option '--versoin'; did you mean '--version'?"),
        (["plan", "vit-jft", "--nonzero", "5M"], "plan has no option --nonzero; did you mean --nonzeros?"),
        (["plan", "vit-jft", "--precision", "int5"], "--precision does not take 'int5'; did you mean"),
        (["plan"], "plan needs FIT"),
        (["plan", "vit-jft", "--loss", "low"], "--loss does not take 'low'"),
        (["plan", "vit-jft", "--flops"], "--flops has no value; give FLOPS, such as 4.2e21"),
        (["design", "vit-jft"], "design needs --budget"),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, list) else "",
)
def test_a_wrong_word_is_one_sentence(words: list[str], expected: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(words)
    said = caught.value.on_command_line()
    assert said.startswith(expected)
    assert "\n" not in said


def test_what_tyro_says_that_is_not_known_is_passed_on() -> None:
    boxed = "╭─ Parsing error ─╮\n│ Something else   │\n╰──────────────────╯\n"
    assert explained(boxed, "plan", command_class("plan")) == "Something else; see sparselaw plan --help."
