"""A bar is shown to a person who waits at a terminal, and to nobody else."""

import io
import sys
import time

import pytest

from sparselaw.fit import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "seconds", "is_shown"),
    [(Terminal, 0.01, True), (Terminal, 60.0, False), (io.StringIO, 0.01, False)],
    ids=["long at a terminal", "short at a terminal", "long elsewhere"],
)
def test_progress(stream, seconds, is_shown, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", stream())
    monkeypatch.setattr(progress, "SECONDS", seconds)
    with progress.progress("Comparing laws", 2) as begin:
        begin("paper")
        time.sleep(0.2)
        begin("dense")
    said = sys.stderr.getvalue()
    assert ("Comparing laws: paper" in said) == is_shown
    assert ("0/2" in said) == is_shown
    assert is_shown or not said


def test_an_error_ends_it(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with pytest.raises(ZeroDivisionError), progress.progress("Comparing laws", 1):
        1 / 0  # noqa: B018
    assert sys.stderr.getvalue() == ""
