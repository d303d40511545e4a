"""The command `train`: one run from a TOML file or a recipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, Suppress

from sparselaw.cli.options import Json, option, required, torch_for
from sparselaw.errors import UserError

INTERRUPTED = 143
"""Exit code after SIGTERM, as shells have it."""


@dataclass(frozen=True)
class Command:
    """Train one sparse model from a TOML file or a shipped recipe.

    Any other option replaces a key of the configuration, such as
    --pruning.sparsity 0.5 or --budget 4M. To train on several GPUs:
    torchrun --nproc-per-node 8 -m sparselaw train CONFIG
    """

    config: Annotated[
        Positional[str],
        required("TOML file, or a recipe such as decoder-laptop, t5-laptop or vit-laptop", metavar="CONFIG"),
    ]
    output: Annotated[
        Path | None,
        option(
            "the run's folder, such as runs/first; an interrupted run there is continued",
            metavar="FOLDER",
            default="runs/NAME",
            short="-o",
        ),
    ] = None
    json: Json = False
    overrides: Suppress[tuple[str, ...]] = ()

    def overridden(self, words: Sequence[str]) -> Command:
        """The command with `--key value` and `--key=value` as overrides `key=value`.

        Raises:
            UserError: a word that is no option, or an option without a value.
        """
        found, rest = [], iter(words)
        for word in rest:
            key, equals, value = word.removeprefix("--").partition("=")
            if not word.startswith("--"):
                raise UserError(f"train does not take {word!r}; give one CONFIG, and options as --key value.")
            if not equals and (value := next(rest, "")) == "":
                raise UserError(f"{word} has no value; give one.")
            found.append(f"{key}={value}")
        return replace(self, overrides=tuple(found))

    def run(self) -> int:
        """Trains and prints what came out; returns 1 if the run diverged and 143 if it was interrupted."""
        with torch_for("Training"):
            from sparselaw.train.config import load_config
            from sparselaw.train.run_folder import describe, run
        settings = load_config(self.config, self.overrides)
        folder = self.output or Path("runs") / "-".join([Path(self.config).stem, *map(_slug, self.overrides)])
        result = run(settings, folder)
        print(json.dumps(result) if self.json else describe(result))
        if not self.json:
            print(f"in {folder}", file=sys.stderr)
        return {"finished": 0, "interrupted": INTERRUPTED}.get(result["status"], 1)


def _slug(override: str) -> str:
    return "".join(c if c.isalnum() or c in "=.-" else "_" for c in override)
