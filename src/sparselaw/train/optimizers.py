"""AdamW, and the Adafactor of the sparse scaling paper.

The paper trains T5 (arXiv 2309.08520) with Adafactor (Shazeer and Stern 2018, arXiv 1804.04235) without factoring. At
step t, for each tensor W with gradient G:
    V <- b V + (1 - b) (G^2 + 1e-30)            b = 1 - t^-0.8
    U  = G / sqrt(V),   U <- U / max(1, RMS(U))
    W <- W - lr max(1e-3, RMS(W)) U
Both RMS are taken over the entries where W is NOT zero. Over all entries, the RMS of a 75% sparse tensor would be half
that of its remaining weights, and pruning would lower the learning rate.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import torch

from sparselaw.errors import UserError


@dataclass(frozen=True)
class OptimizerConfig:
    """How weights are updated.

    Attributes:
        name: `adamw` or `adafactor`.
        weight_decay: decoupled weight decay of matrices, per unit of learning rate (`adamw`).
        betas: decay rates of the first and second moment of the gradient (`adamw`).
        clip: largest norm of the whole gradient; 0 turns clipping off.
    """

    name: Literal["adamw", "adafactor"] = "adamw"
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    clip: float = 1.0

    def __post_init__(self) -> None:
        if self.weight_decay < 0 or self.clip < 0:
            raise UserError(
                f"optimizer.weight_decay is {self.weight_decay} and optimizer.clip is {self.clip}; give 0 or more for both."
            )
        if not all(0 <= beta < 1 for beta in self.betas):
            raise UserError(f"optimizer.betas is {list(self.betas)}; give two numbers in [0, 1).")


def make_optimizer(
    model: torch.nn.Module, config: OptimizerConfig, roles: Mapping[str, str] = MappingProxyType({})
) -> torch.optim.Optimizer:
    """The optimiser of a model; AdamW decays matrices only.

    Args:
        model: the model to train.
        config: settings of the optimiser.
        roles: role of each parameter, by name (see `parametrization`). Each group of the AdamW optimiser has the key
            `role`, from which the training loop sets its learning rate.
    """
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if config.name == "adafactor":
        return Adafactor(parameters.values())
    members: dict[tuple[str, float], list[torch.Tensor]] = {}
    for name, p in parameters.items():
        decay = config.weight_decay if p.ndim >= 2 else 0.0
        members.setdefault((roles.get(name, "rest"), decay), []).append(p)
    groups = [{"params": ps, "role": role, "weight_decay": decay} for (role, decay), ps in members.items()]
    return torch.optim.AdamW(groups, lr=0.0, betas=config.betas, fused=True)


class Adafactor(torch.optim.Optimizer):
    """Adafactor with an unfactored second moment and RMS over non-zero weights; see the module for the formula."""

    def __init__(self, params: Iterable[torch.Tensor], lr: float = 1e-2) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Updates all tensors that have a gradient."""
        assert closure is None, "Adafactor evaluates no closure"
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    _update(weight, weight.grad, self.state[weight], lr=group["lr"])


def _update(weight: torch.Tensor, gradient: torch.Tensor, state: dict[str, Any], *, lr: float) -> None:
    if not state:
        state.update(step=0, second_moment=torch.zeros_like(weight))
    state["step"] += 1
    moment = state["second_moment"].lerp_(gradient.square().add_(1e-30), state["step"] ** -0.8)
    update = gradient / moment.sqrt()
    # A branch on the count would make the host wait for the device.
    alive = (weight != 0).to(weight.dtype)
    num_alive = alive.sum().clamp_(min=1)
    update_rms = (update.square().mul_(alive).sum() / num_alive).sqrt_()
    weight_rms = (weight.square().sum() / num_alive).sqrt_()
    update.mul_(weight_rms.clamp_(min=1e-3) / update_rms.clamp_(min=1))
    weight.add_(update, alpha=-lr)
