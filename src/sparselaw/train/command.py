"""The command `sparselaw train`: one run from a TOML file or a recipe."""

import json as json_module
import sys
from collections.abc import Sequence
from pathlib import Path

from sparselaw.train.config import load_config

INTERRUPTED = 143
"""Exit code after SIGTERM, as shells have it."""


def train(
    config: str | Path, *, output: str | Path | None = None, overrides: Sequence[str] = (), json: bool = False
) -> int:
    """Trains one model and prints what came out.

    Args:
        config: path of a TOML file, or a recipe's name such as `decoder-laptop`.
        output: the run's folder; by default `runs/` and the configuration's name. An interrupted run there goes on.
        overrides: `key=value` with a dotted key, such as `pruning.sparsity=0.75`.
        json: print the result as JSON.

    Returns:
        The exit code: 0, 1 if the run diverged, 143 if it was interrupted.

    Raises:
        UserError: one sentence about what cannot be done.
    """
    settings = load_config(config, overrides)
    folder = Path(output) if output else Path("runs") / "-".join([Path(config).stem, *map(_slug, overrides)])
    from sparselaw.train.run_folder import describe, run

    result = run(settings, folder)
    print(json_module.dumps(result) if json else describe(result))
    if not json:
        print(f"in {folder}", file=sys.stderr)
    return {"finished": 0, "interrupted": INTERRUPTED}.get(result["status"], 1)


def _slug(override: str) -> str:
    return "".join(c if c.isalnum() or c in "=.-" else "_" for c in override)
