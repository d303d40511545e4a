"""Checkpoints that are either complete or absent.

A checkpoint is a folder `step-00001000` with
    model.safetensors  the weights, under the names of `model.named_parameters()`
    config.json        the model's configuration, so that `from_pretrained` reads the folder
    state.pt           optimiser, pruner, random state and loop state; loads with `weights_only=True`
    manifest.json      size and CRC-32 of each file, written last
The folder is written under another name, synced to disk and renamed, so a kill at any moment leaves the previous
checkpoint intact. The newest two are kept. If the newest is damaged, the run resumes from the other; if both are, it
starts again.
"""

import json
import shutil
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from sparselaw.errors import SparselawWarning, UserError
from sparselaw.files import sync, write_atomically

if TYPE_CHECKING:
    from transformers import PreTrainedModel

WEIGHTS, STATE, MANIFEST = "model.safetensors", "state.pt", "manifest.json"
_NUM_KEPT = 2


def save_checkpoint(folder: Path, model: "PreTrainedModel", *, state: dict[str, Any], step: int) -> None:
    """Writes the checkpoint of a step and deletes all but the newest two.

    Args:
        folder: the folder for the checkpoints of one run.
        model: a model on any device.
        state: what else the run needs to resume: tensors and plain values.
        step: optimiser steps done.
    """
    from safetensors.torch import save_file

    partial, final = folder / "partial", folder / f"step-{step:08d}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    weights = {name: p.detach().contiguous() for name, p in model.named_parameters()}
    save_file(weights, partial / WEIGHTS, metadata={"format": "pt"})
    torch.save(state, partial / STATE)
    model.config.save_pretrained(partial)
    contents = {path.name: _fingerprint(path) for path in sorted(partial.iterdir())}
    write_atomically(partial / MANIFEST, json.dumps({"step": step, "files": contents}))
    _sync_files(partial)
    shutil.rmtree(final, ignore_errors=True)
    partial.rename(final)
    sync(folder)
    done = [path for path in _checkpoints(folder) if path.name <= final.name]
    for other in set(_checkpoints(folder)) - set(done[-_NUM_KEPT:]):  # later ones are damaged: the run passed them over
        shutil.rmtree(other)


def load_checkpoint(folder: Path, model: "PreTrainedModel") -> dict[str, Any] | None:
    """Loads the weights of the newest complete checkpoint into the model; warns about damaged checkpoints.

    Returns:
        The state saved with it, or None if there is no complete checkpoint.

    Raises:
        UserError: if the checkpoint belongs to another model.
    """
    for checkpoint in reversed(_checkpoints(folder)):
        damage = _damage(checkpoint)
        if damage is None:
            _read_weights(checkpoint / WEIGHTS, model)
            return torch.load(checkpoint / STATE, map_location="cpu", weights_only=True)
        warnings.warn(f"{checkpoint} is damaged ({damage}) and is ignored.", SparselawWarning, stacklevel=2)
    return None


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*"))


def _damage(checkpoint: Path) -> str | None:
    try:
        manifest = json.loads((checkpoint / MANIFEST).read_text())
        for name, fingerprint in manifest["files"].items():
            if _fingerprint(checkpoint / name) != fingerprint:
                return f"{name} has changed since it was written"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return str(error)
    return None


def _read_weights(path: Path, model: "PreTrainedModel") -> None:
    from safetensors.torch import load_file

    stored, wanted = load_file(path), dict(model.named_parameters())
    different = sorted(stored.keys() ^ wanted.keys()) or [n for n, p in wanted.items() if p.shape != stored[n].shape]
    if different:
        raise UserError(
            f"{path} belongs to another model ({different[0]} differs); choose another folder or delete this one."
        )
    with torch.no_grad():
        for name, parameter in wanted.items():
            parameter.copy_(stored[name])


def _fingerprint(path: Path) -> list[int]:
    size = crc = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 22):
            size, crc = size + len(chunk), zlib.crc32(chunk, crc)
    return [size, crc]


def _sync_files(folder: Path) -> None:
    for path in folder.iterdir():
        sync(path)
    sync(folder)
