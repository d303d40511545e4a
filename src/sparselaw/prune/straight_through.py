"""Top-k chosen anew at every step: masked forward and backward pass, dense weights in the optimiser.

The gradient at the masked weights is applied to the dense ones, as if masking were the identity (the straight-through
estimator of Bengio et al. 2013, arXiv 1308.3432; top-KAST and STR build on it), so that a pruned weight that keeps
growing comes back. The model's parameters hold the masked weights at all times but inside `optimizer.step()`; what the
masks hide is kept beside them. Sparsity follows a schedule, the masks change to the last step.
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
    """Trains dense weights through their largest magnitudes, hooked into any optimiser.

        pruner = StraightThroughPruner(model, optimizer, sparsity=0.75, num_steps=10_000)
        ...
        optimizer.step()
        pruner.step()

    Build it after the optimiser, on every rank alike.
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
        """Finds what to prune; arguments as `MagnitudePruner`, but for the optimiser, whose steps it surrounds, and the
        schedule, which by default is the target sparsity from the first step.

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
        """Whether training is over: until then masks may change."""
        return self._step >= self._num_steps

    @torch.no_grad()
    def step(self) -> None:
        """Call after each `optimizer.step()`.

        Raises:
            UserError: if a weight is NaN.
        """
        self._step += 1
        if self._is_dense:  # not so if a gradient scaler left the step out
            self._update()

    def state_dict(self) -> dict[str, Any]:
        """As a magnitude pruner's, with the weights behind the masks."""
        hidden = zip(self._slots, self._hidden, self._masks, strict=True)
        return super().state_dict() | {"hidden": {slot.name: weight[~mask].cpu() for slot, weight, mask in hidden}}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues where a pruner of the same settings on the same model was.

        Raises:
            UserError: if the state is not such a pruner's, is damaged, or belongs to another model or other settings.
        """
        super().load_state_dict(state)
        for slot, weight, mask in zip(self._slots, self._hidden, self._masks, strict=True):
            stored = state.get("hidden", {}).get(slot.name)
            if stored is None or stored.numel() != int((~mask).sum()):
                raise UserError(f"The pruning state is damaged at {slot.name}; load another checkpoint.")
            weight[~mask] = stored.to(weight)

    @torch.no_grad()
    def _uncover(self, *_: Any) -> None:
        """Puts the hidden weights back, for the optimiser to update."""
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
