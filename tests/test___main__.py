"""`python -m sparselaw` is the command `sparselaw`."""

import subprocess
import sys

from sparselaw import __version__


def test_the_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "sparselaw", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"sparselaw {__version__}\n"
    wrong = subprocess.run([sys.executable, "-m", "sparselaw", "plann"], capture_output=True, text=True)
    assert wrong.returncode == 2
    assert wrong.stderr == "sparselaw: There is no command 'plann'; did you mean 'plan'?\n"
