"""Top-k masks recomputed at every step: masked forward and backward pass, dense weights in the optimiser.

The gradient at the masked weights is applied to the dense weights, as if masking were the identity (the straight-through
estimator of Bengio et al. 2013, arXiv 1308.3432; top-KAST and STR build on it). A pruned weight that keeps growing thus
returns. The model's parameters hold the masked weights, except inside `optimizer.step()`; the hidden weights are stored
beside them. Sparsity follows a schedule, and masks change until the last step.
"""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from sparselaw.errors import UserError
from sparselaw.prune import sharded
from sparselaw.prune.distributions import Distribution, Embeddings
from sparselaw.prune.prunable import Filter
from sparselaw.prune.pruner import MagnitudePruner
from sparselaw.prune.schedules import Schedule


class StraightThroughPruner(MagnitudePruner):
    """Trains dense weights with straight-through top-k masks, hooked into any optimiser.

        pruner = StraightThroughPruner(model, optimizer, sparsity=0.75, num_steps=10_000)
        ...
        optimizer.step()
        pruner.step()

    Build it after the optimiser, on every rank.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        sparsity: float,
        num_steps: int,
        *,
        schedule: Schedule | None = None,
        distribution: Distribution = "uniform",
        pattern: str = "unstructured",
        indivisible: Literal["refuse", "dense"] = "refuse",
        embeddings: Embeddings = "sqrt",
        prunable: Filter | None = None,
    ) -> None:
        """Finds what to prune; arguments as in `MagnitudePruner`, except the optimiser, whose steps it hooks into, and the
        schedule, by default the target sparsity from the first step.

        Raises:
            UserError: if an argument does not make sense, alone or for this model.
        """
        self._hidden: list[Tensor] = []
        self._is_dense = True
        super().__init__(
            model,
            sparsity,
            num_steps,
            schedule=schedule or Schedule.constant(),
            update_every=1,
            distribution=distribution,
            pattern=pattern,
            indivisible=indivisible,
            embeddings=embeddings,
            prunable=prunable,
        )
        sharded.check_whole(self._slots)
        self._hidden = self._hidden or [torch.zeros_like(slot.parameter) for slot in self._slots]
        self._settings["method"] = "straight-through"
        optimizer.register_step_pre_hook(self._uncover)

    @property
    def finished(self) -> bool:
        """Whether training has ended; masks may change until then."""
        return self._step >= self._num_steps

    @torch.no_grad()
    def step(self) -> None:
        """Call after each `optimizer.step()`.

        Raises:
            UserError: if a weight is NaN.
        """
        self._step += 1
        if self._is_dense:  # False if a gradient scaler skipped the step
            self._update()

    def state_dict(self) -> dict[str, Any]:
        """As of `MagnitudePruner`, with the hidden weights."""
        hidden = zip(self._slots, self._hidden, self._masks, strict=True)
        return super().state_dict() | {"hidden": {slot.name: weight[~mask].cpu() for slot, weight, mask in hidden}}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues from the state of a pruner with the same settings and model.

        Raises:
            UserError: if it is not such a pruner's state, is damaged, or belongs to another model or other settings.
        """
        super().load_state_dict(state)
        for slot, weight, mask in zip(self._slots, self._hidden, self._masks, strict=True):
            stored = state.get("hidden", {}).get(slot.name)
            if stored is None or stored.numel() != int((~mask).sum()):
                raise UserError(f"The pruning state is damaged at {slot.name}; load another checkpoint.")
            weight[~mask] = stored.to(weight)

    @torch.no_grad()
    def _uncover(self, *_: Any) -> None:
        """Restores the hidden weights, so that the optimiser updates them."""
        if not self._is_dense:
            for slot, hidden in zip(self._slots, self._hidden, strict=True):
                slot.parameter.add_(hidden.to(slot.parameter.device))
        self._is_dense = True

    def _update(self) -> None:
        before = [mask.clone() for mask in self._masks]
        for mask in self._masks:
            mask.fill_(True)
        super()._update()
        self._flips = [(mask ^ old).count_nonzero() for mask, old in zip(self._masks, before, strict=True)]

    def _apply(self) -> None:
        weights = [slot.parameter.detach() for slot in self._slots]
        self._hidden = [w.masked_fill(m.to(w.device), 0) for w, m in zip(weights, self._masks, strict=True)]
        super()._apply()
        self._is_dense = False
