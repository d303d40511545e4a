"""The metrics of a run: one JSON object a line, flushed at once, so that a reader can follow and a kill loses none."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Hook = Callable[[dict[str, Any]], None]
"""Receives each line of metrics as it is written, such as `wandb.log`."""


class MetricsLog:
    """Appends lines to metrics.jsonl and hands them on.

    Args:
        path: the file; None writes none, as in all processes but the first.
        offset: bytes that were written when the checkpoint was; what came later is made again, so it is cut off.
        hooks: each receives every line, too.
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
        """Makes all lines safe on disk and returns their length in bytes, to be kept in a checkpoint."""
        assert self._file, "only the first process saves"
        os.fsync(self._file.fileno())
        return os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        """Closes the file."""
        if self._file:
            self._file.close()
