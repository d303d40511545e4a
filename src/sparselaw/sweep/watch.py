"""The progress of a sweep on standard error: bars on a terminal, plain lines elsewhere.

The progress of each run is read from the end of its metrics.jsonl, so it works for every engine. The time left comes from
the model seconds = a * steps + b * FLOPs, fitted to the progress so far.
"""

import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from scipy.optimize import nnls

from sparselaw.counts import format_seconds
from sparselaw.runs.folders import is_address
from sparselaw.sweep.jobs import FINISHED, Outcome

_SECONDS_BETWEEN_LOOKS = 1.0
_SECONDS_BETWEEN_LINES = 60.0
_TAIL_BYTES = 4096


@dataclass
class Sighting:
    """The length and progress of a run.

    Attributes:
        name: name of the run.
        folder: folder of the run.
        steps: optimiser steps of the whole run.
        flops: FLOPs of the whole run.
        step: steps done.
        seconds: training time so far.
        loss: last training loss.
        done: whether the run has ended.
    """

    name: str
    folder: str
    steps: int
    flops: float
    step: int = 0
    seconds: float = 0.0
    loss: float = float("nan")
    done: bool = False

    def look(self) -> None:
        """Updates the progress from the last complete line of metrics.jsonl; does nothing for a folder at an address."""
        if self.done or is_address(self.folder):
            return
        line = last_line(Path(self.folder) / "metrics.jsonl")
        if "seconds" in line:
            self.step, self.seconds, self.loss = line["step"], line["seconds"], line["loss"]


def last_line(path: Path) -> dict[str, Any]:
    """The last complete line of a file of JSON lines; empty if there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            lines = file.read().splitlines(keepends=True)
    except OSError:
        return {}
    for line in reversed(lines):
        if line.endswith(b"\n"):
            try:
                return json.loads(line)
            except ValueError:
                return {}
    return {}


def seconds_left(runs: Sequence[Sighting], workers: int) -> float | None:
    """Expected seconds until all runs have ended; None before the first progress."""
    seen = [run for run in runs if run.step and run.seconds]
    if not seen:
        return None
    work = np.array([[run.step, run.flops * run.step / run.steps] for run in seen])
    scale = work.max(axis=0)
    pace = nnls(work / scale, np.array([run.seconds for run in seen]))[0] / scale
    left = sum(float(pace @ [run.steps, run.flops]) * (1 - run.step / run.steps) for run in runs if not run.done)
    return left / workers


@contextmanager
def watching(runs: Sequence[Sighting], *, workers: int) -> Iterator["Watch"]:
    """Shows the progress of runs until the end of the block."""
    watch = (_Bars if sys.stderr.isatty() else _Lines)(runs, workers)
    stop = threading.Event()
    thread = threading.Thread(target=_look_now_and_then, args=(watch, stop), daemon=True)
    with watch.shown():
        thread.start()
        try:
            yield watch
        finally:
            stop.set()
            thread.join()


def _look_now_and_then(watch: "Watch", stop: threading.Event) -> None:
    while not stop.wait(_SECONDS_BETWEEN_LOOKS):
        for run in watch.runs:
            run.look()
        watch.refresh()


class Watch:
    """Shows the progress of a sweep."""

    def __init__(self, runs: Sequence[Sighting], workers: int) -> None:
        self.runs, self.workers = runs, workers
        self._by_name = {run.name: run for run in runs}

    @contextmanager
    def shown(self) -> Iterator[None]:
        """The block in which progress is shown."""
        yield

    def ended(self, outcome: Outcome) -> None:
        """Prints how a run ended, and its warnings."""
        run = self._by_name[outcome.name]
        run.done, run.step = True, outcome.result.get("steps_done", run.step)
        run.seconds = outcome.result.get("seconds", run.seconds)
        number = sum(run.done for run in self.runs)
        self.say(f"[{number}/{len(self.runs)}] {outcome.name} {described(outcome)}")
        for sentence in outcome.warnings:
            self.say(f"warning: {outcome.name}: {sentence}")

    def say(self, sentence: str) -> None:
        """Prints a line."""
        print(sentence, file=sys.stderr, flush=True)

    def refresh(self) -> None:
        """Updates the display."""

    def rest(self) -> str:
        """The time left as text; empty if unknown."""
        left = seconds_left(self.runs, self.workers)
        return "" if left is None else f"about {format_seconds(left)} left"


class _Bars(Watch):
    def __init__(self, runs: Sequence[Sighting], workers: int) -> None:
        super().__init__(runs, workers)
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[shown]}"))
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._total = self._progress.add_task("sweep", total=sum(run.flops for run in runs), shown="")
        self._tasks: dict[str, TaskID] = {}

    @contextmanager
    def shown(self) -> Iterator[None]:
        with self._progress:
            yield

    def say(self, sentence: str) -> None:
        self._progress.console.print(sentence, highlight=False, markup=False)

    def refresh(self) -> None:
        for run in self.runs:
            if run.done and run.name in self._tasks:
                self._progress.remove_task(self._tasks.pop(run.name))
            elif run.step and not run.done:
                if run.name not in self._tasks:
                    self._tasks[run.name] = self._progress.add_task(run.name, total=run.steps, shown="")
                shown = f"{run.step}/{run.steps}  loss {run.loss:.3f}"
                self._progress.update(self._tasks[run.name], completed=run.step, shown=shown)
        done = sum(run.done for run in self.runs)
        spent = sum(run.flops * (1.0 if run.done else run.step / run.steps) for run in self.runs)
        self._progress.update(self._total, completed=spent, shown=f"{done}/{len(self.runs)} runs  {self.rest()}")


class _Lines(Watch):
    _next = 0.0

    def refresh(self) -> None:
        now = time.monotonic()
        if now >= self._next and (rest := self.rest()):
            self._next = now + _SECONDS_BETWEEN_LINES
            self.say(f"{sum(run.done for run in self.runs)} of {len(self.runs)} runs done, {rest}")


def described(outcome: Outcome) -> str:
    """How a run ended, as text."""
    if outcome.status == FINISHED:
        return f"finished: loss {outcome.result['loss']:.4f} in {format_seconds(outcome.result['seconds'])}"
    return f"{outcome.status}: {outcome.reason}" if outcome.reason else outcome.status
