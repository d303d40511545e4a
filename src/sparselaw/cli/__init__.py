"""The command line: one module a command, with its options and what it does. A mistake is one sentence, and exit code 2."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout

from sparselaw import __version__
from sparselaw.errors import UserError

__all__ = ["main"]


def main() -> None:
    """The entry point of `sparselaw`."""
    with _first_process_alone_prints():
        code = run(sys.argv[1:])
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


@contextmanager
def _first_process_alone_prints() -> Iterator[None]:
    """Silences all but the first of the processes that torchrun started; an unexpected error is still printed by each."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or os.environ.get("RANK", "0") == "0":
        yield
        return
    with ExitStack() as stack:
        nowhere = stack.enter_context(open(os.devnull, "w"))
        stack.enter_context(redirect_stdout(nowhere))
        stack.enter_context(redirect_stderr(nowhere))
        yield
