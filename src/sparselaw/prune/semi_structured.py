"""2:4 weights on the sparse tensor cores of NVIDIA GPUs, through PyTorch's semi-structured tensors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sparselaw.errors import UserError

TYPES = (torch.float16, torch.bfloat16)
ROWS, COLUMNS = 32, 64  # the kernels require multiples of these sizes


def is_two_four(weight: Tensor) -> bool:
    """Whether every four consecutive inputs of a matrix have at most two non-zeros."""
    if weight.ndim != 2 or weight.shape[1] % 4:
        return False
    return bool(((weight.reshape(-1, 4) != 0).sum(1) <= 2).all())


def to_semi_structured(model: nn.Module) -> list[str]:
    """Converts the 2:4 weights of linear layers to semi-structured tensors, in place, for inference.

    Args:
        model: on a CUDA device of compute capability 8.0 or newer, in float16 or bfloat16.

    Returns:
        Names of the converted weights: those in the 2:4 pattern with 32k x 64l weights.

    Raises:
        UserError: without a CUDA device, or if no weight qualifies.
    """
    if not torch.cuda.is_available():
        raise UserError(
            "2:4 kernels need a CUDA device, and this machine has none; run them on a machine that has one."
        )
    layers = {f"{name}.weight": m for name, m in model.named_modules() if isinstance(m, nn.Linear) and _qualifies(m)}
    if not layers:
        raise UserError(
            "No linear layer has 2:4 weights in float16 or bfloat16 on a CUDA device; prune with the pattern 2:4."
        )
    for layer in layers.values():
        compressed = torch.sparse.to_sparse_semi_structured(layer.weight.detach())
        layer.weight = nn.Parameter(compressed, requires_grad=False)
    return list(layers)


def _qualifies(layer: nn.Linear) -> bool:
    weight, (rows, columns) = layer.weight, layer.weight.shape
    return (
        weight.is_cuda and weight.dtype in TYPES and not rows % ROWS and not columns % COLUMNS and is_two_four(weight)
    )
