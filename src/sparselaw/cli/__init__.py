"""The command line: one module a command, with its options and what it does. A mistake is one sentence, and exit code 2."""

import os
import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout

from sparselaw import __version__
from sparselaw.errors import UserError

__all__ = ["main"]

SECONDS_FOR_THE_FIRST = 10.0
"""A process that fails waits so long before it exits: torchrun then ends the others, and the first must have printed."""


def main() -> None:
    """The entry point of `sparselaw`."""
    if _is_first_process():
        sys.exit(run(sys.argv[1:]))
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        code = run(sys.argv[1:])
    if code:
        time.sleep(SECONDS_FOR_THE_FIRST)
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Carries out a command and returns its exit code.

    Args:
        arguments: the command and its options, as on the command line.
    """
    if list(arguments) == ["--version"]:
        print(f"sparselaw {__version__}")
        return 0
    from sparselaw.cli.parsing import parse

    try:
        return parse(arguments).run() or 0
    except UserError as error:
        print("sparselaw:", " ".join(error.on_command_line().split()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("sparselaw: Stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _is_first_process() -> bool:
    """Whether this process prints: of those that torchrun started, only the first does."""
    return int(os.environ.get("WORLD_SIZE", "1")) == 1 or os.environ.get("RANK", "0") == "0"
