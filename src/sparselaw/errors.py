"""Mistakes of the user, each one sentence: what is wrong with which value, then what to give instead."""

import re
from collections.abc import Iterable

_BEGIN, _OR, _END = "\ue000", "\ue001", "\ue002"
"""Private-use characters around the two spellings of a name in a sentence."""
_SPELLINGS = re.compile(f"{_BEGIN}([^{_END}]*?){_OR}([^{_END}]*?){_END}")


def either(python: str, command_line: str) -> str:
    """A part of a sentence that Python and the command line spell differently."""
    return f"{_BEGIN}{python}{_OR}{command_line}{_END}"


def arg(name: str, value: object = None) -> str:
    """An argument in a sentence: `times_chinchilla` in Python is `--times-chinchilla` on the command line.

    Args:
        name: as in Python.
        value: to give with it: `bootstrap=1000`, `--bootstrap 1000`.
    """
    flag = f"--{name.replace('_', '-')}"
    return either(name, flag) if value is None else either(f"{name}={value}", f"{flag} {value}")


def spelled(sentence: str, *, command_line: bool = False) -> str:
    """The sentence with one spelling of every `arg` and `either` in it."""
    return _SPELLINGS.sub(r"\2" if command_line else r"\1", sentence)


class UserError(ValueError):
    """A mistake in what the user gave: one sentence that says what is wrong and what to do."""

    def __str__(self) -> str:
        """The sentence as Python spells arguments."""
        return spelled(super().__str__())

    def on_command_line(self) -> str:
        """The sentence with flags."""
        return spelled(super().__str__(), command_line=True)


class SparselawWarning(UserWarning):
    """Something the user should know before trusting an answer."""


def first_line(error: BaseException) -> str:
    """The first line of another library's error, for the brackets of a sentence."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200].rstrip(".")


def choice(given: str, choices: Iterable[str]) -> str:
    """What to give instead, as the end of a sentence: the choice that is spelled almost so, else all of them."""
    from difflib import get_close_matches

    choices = list(choices)
    close = get_close_matches(given, choices, n=1)
    return f"did you mean {close[0]!r}?" if close else f"give one of {', '.join(choices)}."


def require_at_least(least: int, **named: int) -> None:
    """Raises: UserError: one of the named arguments is less."""
    for name, value in named.items():
        if value < least:
            raise UserError(f"{arg(name)} is {value}; give at least {least}.")
