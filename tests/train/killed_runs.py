"""Trains a tiny run undisturbed, killed at chosen moments and killed at random times; prints the number of kills.

A script of its own, because it forks for each sitting, which a process that has trained cannot do safely.

    python killed_runs.py FOLDER SEED
"""

import importlib
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from sparselaw.train import loop, run_folder
from sparselaw.train.config import config_from

NUM_STEPS, CHECKPOINT_EVERY = 60, 4
CONFIG = config_from(
    {
        "model": {"width": 16, "layers": 1},
        "data": {"source": "synthetic", "sequence_length": 16, "heldout": 8},
        "pruning": {"sparsity": 0.75, "update_every": 3},
        "steps": NUM_STEPS,
        "batch_size": 4,
        "log_every": 5,
        "eval_every": 7,
        "checkpoint_every": CHECKPOINT_EVERY,
    }
)


def die() -> None:
    """As by a power cut: nothing is flushed, no handler runs."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_after_step(number: int) -> None:
    """Kills the sitting right after the weights of a step have changed."""
    update = loop._update

    def dying(training, step):
        rate = update(training, step)
        if step == number:
            die()
        return rate

    loop._update = dying


def kill_while_writing(step: int) -> None:
    """Kills the sitting when half of a checkpoint's state is on disk."""
    save = torch.save

    def dying(state, path):
        save(state, path)
        if state["loop"]["step"] == step:
            os.truncate(path, os.path.getsize(path) // 2)
            die()

    torch.save = dying


def kill_before_renaming(name: str) -> None:
    """Kills the sitting when a file or folder is complete but has its first name still."""
    for how in ("rename", "replace"):
        setattr(Path, how, _dying(getattr(Path, how), name, first=die))


def kill_after_renaming(name: str) -> None:
    """Kills the sitting when a new checkpoint is there and the oldest is not yet gone."""
    for how in ("rename", "replace"):
        setattr(Path, how, _dying(getattr(Path, how), name, then=die))


def _dying(
    move: Callable, name: str, *, first: Callable[[], None] = bool, then: Callable[[], None] = bool
) -> Callable[[Path, Path], Path]:
    def moving(path: Path, target: Path) -> Path:
        is_wanted = Path(target).name == name
        if is_wanted:
            first()
        moved = move(path, target)
        if is_wanted:
            then()
        return moved

    return moving


def sit(folder: Path, prepare: Callable[[], None]) -> int:
    """Starts or goes on with the run in a process of its own."""
    child = os.fork()
    if child:
        return child
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    prepare()
    run_folder.run(CONFIG, folder)
    os._exit(0)


def ends_killed(child: int) -> bool:
    """Waits for a sitting; any end but a kill or success is a fault."""
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, f"a sitting failed with {status}"
    return os.WIFSIGNALED(status)


def moments(rng: random.Random) -> list[tuple[int, Callable[[], None]]]:
    """When to kill, in the order of the run: 12 random steps, half of them on the pruning ramp, and 5 delicate moments."""
    steps = [*rng.sample(range(NUM_STEPS), 6), *rng.sample(range(NUM_STEPS // 4, 3 * NUM_STEPS // 4), 6)]
    chosen = [(step, lambda step=step: kill_after_step(step)) for step in steps]
    writes = [CHECKPOINT_EVERY * n for n in rng.sample(range(2, 14), 3)]
    chosen += [
        (writes[0], lambda: kill_while_writing(writes[0])),
        (writes[1], lambda: kill_before_renaming(f"step-{writes[1]:08d}")),
        (writes[2], lambda: kill_after_renaming(f"step-{writes[2]:08d}")),
        (NUM_STEPS, lambda: kill_before_renaming(f"step-{NUM_STEPS:08d}")),
        (NUM_STEPS + 1, lambda: kill_before_renaming("result.json")),
    ]
    return sorted(chosen, key=lambda moment: moment[0])


def kill_at_random(folder: Path, rng: random.Random, seconds: float) -> int:
    """Kills sittings at random times until one ends by itself; the number of kills, at most 12."""
    for kills in range(12):
        child = sit(folder, lambda: None)
        time.sleep(rng.uniform(0.2, 0.8) * seconds)
        os.kill(child, signal.SIGKILL)
        if not ends_killed(child):
            return kills
    return 12


def main(folder: Path, seed: int) -> None:
    """See the module."""
    torch.set_num_threads(1)
    importlib.import_module("transformers.models.gpt_neox.modeling_gpt_neox")  # once, before the forks
    rng = random.Random(seed)
    started = time.monotonic()
    assert not ends_killed(sit(folder / "undisturbed", lambda: None))
    seconds = time.monotonic() - started
    chosen = sum(ends_killed(sit(folder / "chosen", prepare)) for _, prepare in moments(rng))
    assert not ends_killed(sit(folder / "chosen", lambda: None))
    at_random = 0
    while at_random == 0:  # an idle machine may have finished before the first kill: try again, sooner
        shutil.rmtree(folder / "random", ignore_errors=True)
        at_random, seconds = kill_at_random(folder / "random", rng, seconds), seconds / 2
    ends_killed(sit(folder / "random", lambda: None))
    print(json.dumps({"chosen": chosen, "random": at_random}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
