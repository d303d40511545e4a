"""The metrics of a run, as a file and on screen.

metrics.jsonl has one JSON object per line. Each line is flushed at once, so that readers can follow the run and a kill
loses nothing. Standard error shows a progress bar on a terminal and plain lines elsewhere; standard output stays free for
results.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sparselaw.counts import format_count

_SECONDS_BETWEEN_LINES = 10.0

Hook = Callable[[dict[str, Any]], None]
"""A function that receives each line of metrics when it is written, such as `wandb.log`."""


class MetricsLog:
    """Appends lines to metrics.jsonl and passes them to hooks.

    Args:
        path: the file; None, in all processes but the first, writes nothing.
        offset: length of the file in bytes at the checkpoint; later lines are cut off, because the run repeats their steps.
        hooks: functions that also receive every line.
    """

    def __init__(self, path: Path | None, *, offset: int = 0, hooks: Sequence[Hook] = ()) -> None:
        self._file = path.open("ab") if path else None
        self._hooks = tuple(hooks)
        if self._file and path:
            self._file.truncate(min(offset, path.stat().st_size))

    def write(self, line: dict[str, Any]) -> None:
        """Appends one line."""
        if self._file:
            self._file.write(json.dumps(line).encode() + b"\n")
            self._file.flush()
            for hook in self._hooks:
                hook(line)

    def sync(self) -> int:
        """Syncs the file to disk and returns its length in bytes, for the checkpoint."""
        assert self._file, "only the first process saves"
        os.fsync(self._file.fileno())
        return os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        """Closes the file, if there is one."""
        if self._file:
            self._file.close()


@contextmanager
def progress(num_steps: int, *, first_step: int, quiet: bool = False) -> Iterator[Hook]:
    """Gives a function that shows lines of metrics.

    Args:
        num_steps: steps of the whole run.
        first_step: steps done before this start.
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
    """A line of metrics as text, such as `loss 2.1034  sparsity 50.0%  12.1K tokens/s`."""
    if "heldout_loss" in line:
        return f"held-out loss {line['heldout_loss']:.4f}"
    pace = next((key for key in line if key.endswith("_per_second")), "")
    unit = pace.removesuffix("_per_second")
    return f"loss {line['loss']:.4f}  sparsity {line['sparsity']:.1%}  {format_count(line[pace])} {unit}/s"


class _Lines:
    """Prints at most one line in a few seconds."""

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
