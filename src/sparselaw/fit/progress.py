"""The progress of a long computation, for a person who waits at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from threading import Timer

SECONDS = 2.0
"""Computations that end before are not worth a bar."""


@contextmanager
def progress(doing: str, num_steps: int) -> Iterator[Callable[[str], None]]:
    """Gives a function that is called with the name of each step as it begins.

    A terminal shows a bar on standard error from `SECONDS` on, until the end of the block; anything else shows nothing.

    Args:
        doing: what the computation does, such as `Comparing laws`.
        num_steps: number of steps.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task, done = bar.add_task(doing, total=num_steps), count()
    later = Timer(SECONDS, bar.start)
    later.start()
    try:
        yield lambda name: bar.update(task, completed=next(done), description=f"{doing}: {name}")
    finally:
        later.cancel()
        later.join()
        if bar.live.is_started:
            bar.stop()
