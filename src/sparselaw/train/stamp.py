"""The software and hardware of a run: versions, commit, machine and device."""

import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import torch

import sparselaw
from sparselaw.train.processes import Processes


def stamp(processes: Processes) -> dict[str, Any]:
    """Software and hardware of this run, for result.json."""
    import transformers

    return {
        "sparselaw": sparselaw.__version__,
        "commit": commit(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "python": platform.python_version(),
        "host": platform.node(),
        "device": _device(processes.device),
        "processes": processes.size,
        "threads": torch.get_num_threads(),
    }


@cache
def commit() -> str | None:
    """The git commit of this checkout, with `+` if files under src differ from it; None if the package is installed."""
    root = Path(sparselaw.__file__).parents[2]
    if not (root / ".git").exists():
        return None
    try:
        head, changes = (_git(root, *words) for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "src")))
    except (OSError, subprocess.SubprocessError):
        return None
    return head.strip() + ("+" if changes else "")


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", root, *words], capture_output=True, text=True, check=True, timeout=10)
    return done.stdout


def _device(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
