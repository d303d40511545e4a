"""A pruner's state on disk: masks as packed bits, with the shapes and settings that identify model and recipe."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sparselaw.errors import UserError


def pack(masks: Mapping[str, Tensor], *, step: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The state as plain values and tensors; eight mask entries a byte, the first in its highest bit."""
    return {
        "step": step,
        "settings": dict(settings),
        "shapes": {name: list(mask.shape) for name, mask in masks.items()},
        "masks": {name: torch.from_numpy(np.packbits(mask.cpu().numpy())) for name, mask in masks.items()},
    }


def unpack(
    state: Mapping[str, Any], *, shapes: Mapping[str, tuple[int, ...]], settings: Mapping[str, Any]
) -> dict[str, Tensor]:
    """The masks of a state, whole and on the CPU.

    Raises:
        UserError: if it is not such a state, or belongs to other shapes or settings.
    """
    if not isinstance(state, Mapping) or not state.keys() >= {"step", "settings", "shapes", "masks"}:
        raise UserError("This is not the state of a pruner; give what `state_dict()` returned.")
    for name in sorted(shapes.keys() | state["shapes"].keys()):
        stored = state["shapes"].get(name)
        if stored is None or tuple(stored) != shapes.get(name):
            raise UserError(
                f"The pruning state belongs to another model: {name} is {stored or 'absent'} in it and "
                f"{list(shapes[name]) if name in shapes else 'absent'} here; load the state saved with this model."
            )
    for name, value in settings.items():
        if state["settings"].get(name) != value:
            raise UserError(
                f"The pruning state was saved with {name} {state['settings'].get(name)}, not {value}; "
                "build the pruner with the saved settings."
            )
    return {name: _unpacked(name, state["masks"].get(name), shape) for name, shape in shapes.items()}


def _unpacked(name: str, packed: Tensor | None, shape: tuple[int, ...]) -> Tensor:
    size = int(np.prod(shape, dtype=np.int64))
    if packed is None or packed.dtype != torch.uint8 or packed.numel() != -(-size // 8):
        raise UserError(f"The pruning state is damaged at {name}; load another checkpoint.")
    return torch.from_numpy(np.unpackbits(packed.cpu().numpy(), count=size).astype(bool)).view(shape)
