"""From the words of a command line to a command; a word that is wrong is answered with the nearest one that is right."""

from __future__ import annotations

import io
import re
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, fields, is_dataclass
from importlib import import_module
from itertools import dropwhile, pairwise, takewhile
from typing import Any, Literal, get_args, get_origin, get_type_hints

import tyro
from tyro.conf import Positional

from sparselaw.cli.options import Command
from sparselaw.errors import UserError, choice

DESCRIPTION = "Should this transformer be sparse, and how sparse?"
COMMANDS = (
    "plan", "fit", "inspect", "compare", "compare-patterns", "compare-pretrained", "contours", "design", "report", "hardware",
    "train", "sweep", "runs", "export", "demo",
)  # fmt: skip


def command_class(name: str) -> type[Any]:
    """The dataclass of a command's options: `Command` in the module of its name."""
    return import_module(f"sparselaw.cli.{name.replace('-', '_')}").Command


def parse(arguments: Sequence[str]) -> Command:
    """The command in the arguments, with its options; prints help and exits where that is asked for.

    Raises:
        UserError: one sentence about the first word that is wrong.
    """
    if not arguments:
        raise UserError(f"Give a command: {', '.join(COMMANDS)}.")
    name, rest = arguments[0], list(arguments[1:])
    if name in ("-h", "--help"):
        print(overview())
        raise SystemExit(0)
    if name not in COMMANDS:
        known, what = (("--help", "--version"), "option") if name.startswith("-") else (COMMANDS, "command")
        raise UserError(f"There is no {what} {name!r}; {choice(name, known)}")
    options = command_class(name)
    if not {"-h", "--help"} & set(rest):
        check_words(name, options, rest)
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            if not hasattr(options, "overridden"):
                return tyro.cli(options, prog=f"sparselaw {name}", args=rest)
            command, others = tyro.cli(options, prog=f"sparselaw {name}", args=rest, return_unknown_args=True)
            return command.overridden(others)
    except SystemExit as stop:
        if not stop.code:
            raise
        raise UserError(explained(said.getvalue(), name, options)) from stop


def check_words(name: str, options: type[Any], words: Sequence[str]) -> None:
    """Refuses options that a command does not have, and values that an option does not take.

    Raises:
        UserError: naming the nearest one that it has or takes.
    """
    flags = flags_of(options)
    for word, following in pairwise((*words, "")):
        flag, equals, value = word.partition("=")
        if not re.match(r"--?[a-zA-Z]", flag):
            continue
        taken = flags.get(flag.replace("_", "-"))
        if taken is None and not hasattr(options, "overridden"):
            raise UserError(f"{name} has no option {flag}; {_nearest(flag, flags, name)}")
        value = value if equals else following
        if taken and taken.choices and value and value not in taken.choices:
            raise UserError(f"{flag} does not take {value!r}; {choice(value, taken.choices)}")


@dataclass(frozen=True)
class Flag:
    """An option: the value to give, with an example, and the only values that it takes if there are any."""

    value: str
    choices: tuple[str, ...] = ()


def flags_of(options: type[Any]) -> Mapping[str, Flag]:
    """The options of a command by their names, short ones included."""
    hints = get_type_hints(options, include_extras=True)
    flags = {"-h": Flag(""), "--help": Flag("")}
    for one in fields(options):
        group = next(iter(get_args(hints[one.name])), None)
        if isinstance(group, type) and is_dataclass(group):
            flags |= flags_of(group)
        said = next((note for note in get_args(hints[one.name]) if hasattr(note, "aliases")), None)
        if said is not None and Positional not in get_args(hints[one.name]):
            example = re.search(r"such as ([^\s,;:)]+)", said.help)
            value = (said.metavar or "a value") + (f", such as {example[1]}" if example else "")
            for name in (f"--{(said.name or one.name).replace('_', '-')}", *(said.aliases or ())):
                flags[name] = Flag(value, _choices(hints[one.name]))
    return flags


def _choices(hint: Any) -> tuple[str, ...]:
    if get_origin(hint) is Literal:
        return get_args(hint)
    return tuple(
        word for part in get_args(hint) if get_origin(part) is not None or get_args(part) for word in _choices(part)
    )


def _nearest(flag: str, flags: Mapping[str, Flag], name: str) -> str:
    near = choice(flag, [known for known in flags if known.startswith("--")])
    return near.replace("'", "") if near.startswith("did") else f"see sparselaw {name} --help."


def explained(boxed: str, name: str, options: type[Any]) -> str:
    """What is wrong, as one sentence, from the box that tyro prints."""
    lines = [line.strip("│|╭╮╰╯+ ") for line in re.sub(r"\x1b\[[0-9;]*m", "", boxed).splitlines()[1:]]
    said = " ".join(takewhile(_is_text, dropwhile(lambda line: not _is_text(line), lines))).rstrip(".")
    if found := re.match(r"Missing from [^:]*: (\S+)", said):
        flag = flags_of(options).get(found[1])
        needed = f"{found[1]} {flag.value}" if flag else found[1]
        return f"{name} needs {needed}; see sparselaw {name} --help."
    if found := re.match(r"Unrecognized options: ([^,]+)", said):
        return f"{name} does not take {found[1]!r}; see sparselaw {name} --help."
    if found := re.match(r"(?:Error parsing|Missing value for argument) '?(-[\w-]+)", said):
        flag = flags_of(options).get(found[1])
        got = re.search(r"(?:from \[|: )('[^']*')\]?$", said)
        return (
            f"{found[1]} {f'does not take {got[1]}' if got else 'has no value'}; give {flag.value if flag else 'one'}."
        )
    return f"{said}; see sparselaw {name} --help."


def _is_text(line: str) -> bool:
    """Whether a line of a box is not a rule or empty."""
    return bool(line.strip("─-"))


def overview() -> str:
    """The help of `sparselaw` itself: what it answers, and its commands."""
    width = min(shutil.get_terminal_size().columns, 100)
    about = {name: (command_class(name).__doc__ or "").partition("\n")[0] for name in COMMANDS}
    options = {"-h, --help": "show this help and exit", "--version": "print the version and exit"}
    return "\n".join(
        [
            "usage: sparselaw [-h] [--version] COMMAND ...",
            f"\n{DESCRIPTION}\n\ncommands:",
            *(_entry(name, text, width) for name, text in about.items()),
            "\noptions:",
            *(_entry(name, text, width) for name, text in options.items()),
            "\nsparselaw COMMAND --help lists the options of a command.",
        ]
    )


def _entry(name: str, text: str, width: int) -> str:
    return textwrap.fill(text, width, initial_indent=f"  {name:<20}", subsequent_indent=" " * 22)
