"""How a run looks to people: a bar on a terminal, plain lines elsewhere; on standard error, so results can be piped."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sparselaw.counts import format_count
from sparselaw.train.metrics import Hook

_SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def progress(num_steps: int, *, first_step: int, quiet: bool = False) -> Iterator[Hook]:
    """Gives a function that shows lines of metrics.

    Args:
        num_steps: of the whole run.
        first_step: where this sitting begins.
        quiet: show nothing.
    """
    if quiet:
        yield lambda _: None
        return
    if not sys.stderr.isatty():
        yield _Lines(num_steps)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), TextColumn("{task.completed}/{task.total}  {task.fields[shown]}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("train", total=num_steps, completed=first_step, shown="")
        yield lambda line: bar.update(task, completed=line["step"], shown=describe(line))


def describe(line: dict[str, Any]) -> str:
    """A line of metrics for people."""
    if "heldout_loss" in line:
        return f"held-out loss {line['heldout_loss']:.4f}"
    pace = next((key for key in line if key.endswith("_per_second")), "")
    unit = pace.removesuffix("_per_second")
    return f"loss {line['loss']:.4f}  sparsity {line['sparsity']:.1%}  {format_count(line[pace])} {unit}/s"


class _Lines:
    """Prints a line at most every few seconds."""

    def __init__(self, num_steps: int) -> None:
        self._num_steps, self._next = num_steps, 0.0
        self._start: tuple[float, int] | None = None

    def __call__(self, line: dict[str, Any]) -> None:
        now = time.monotonic()
        self._start = self._start or (now, line["step"])
        if now < self._next and "heldout_loss" not in line:
            return
        self._next = now + _SECONDS_BETWEEN_LINES
        print(
            f"step {line['step']}/{self._num_steps}  {describe(line)}{self._rest(now, line['step'])}", file=sys.stderr
        )

    def _rest(self, now: float, step: int) -> str:
        assert self._start
        before, first = self._start
        return f"  {(now - before) / (step - first) * (self._num_steps - step):.0f} s left" if step > first else ""
