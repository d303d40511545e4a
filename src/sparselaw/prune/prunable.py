"""Which parameters are pruned: every matrix, except position tables and class tokens; no norms and biases.

Names are those of the bare model, without the prefixes of `torch.compile` and data parallelism. A tied weight is one
parameter, under its first name.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from sparselaw.errors import UserError
from sparselaw.prune import distributions
from sparselaw.prune.patterns import GroupPattern, input_dim
from sparselaw.prune.ranking import KEY_TYPES

_POSITIONS = ("relative_attention_bias", "relative_position", "position_embed", "pos_embed", "wpe.weight", "cls_token")

Filter = Callable[[str, nn.Parameter], bool]


@dataclass(frozen=True)
class Slot:
    """A prunable parameter, identified by the module that holds it: loading or sharding a model may replace the object."""

    name: str
    module: nn.Module
    attribute: str
    is_embedding: bool

    @property
    def parameter(self) -> nn.Parameter:
        """The parameter that the module holds now."""
        return getattr(self.module, self.attribute)

    @property
    def tensor(self) -> distributions.Tensor:
        """Name, shape and kind for the distribution."""
        return distributions.Tensor(self.name, tuple(self.parameter.shape), self.is_embedding)


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside `torch.compile`'s and data parallelism's wrappers."""
    while True:
        is_parallel = isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel)
        inner = getattr(model, "module" if is_parallel else "_orig_mod", None)
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def find_slots(model: nn.Module, prunable: Filter | None = None) -> list[Slot]:
    """The prunable parameters in the model's order.

    Raises:
        UserError: if there are none, or one is empty or has a type that cannot be ranked.
    """
    model = unwrapped(model)
    slots = [slot for slot in _all_slots(model) if (prunable or is_matrix)(slot.name, slot.parameter)]
    if not slots:
        raise UserError("No parameter of the model is prunable; give `prunable` a filter that matches some.")
    for slot in slots:
        if not slot.parameter.numel():
            raise UserError(f"{slot.name} is empty; leave it out with `prunable`.")
        if slot.parameter.dtype not in KEY_TYPES:
            raise UserError(
                f"{slot.name} has the type {slot.parameter.dtype}; convert it to float16, bfloat16, float32 or float64."
            )
    return slots


def is_matrix(name: str, parameter: nn.Parameter) -> bool:
    """The default filter: at least two dimensions, and not a position table or class token."""
    return parameter.ndim >= 2 and not any(word in name for word in _POSITIONS)


def check_divisible(slots: list[Slot], pattern: GroupPattern) -> None:
    """Raises a UserError for tensors whose inputs do not divide into groups."""
    odd = [slot.name for slot in slots if not divides(slot, pattern)]
    if odd:
        raise UserError(
            f"The inputs of {', '.join(odd)} do not divide by {pattern.length}, which {pattern} needs; "
            "leave these matrices dense with indivisible = 'dense', or choose another width."
        )


def takes_pattern(slot: Slot, named: Collection[str]) -> bool:
    """Whether this tensor follows n:m: embeddings and tensors whose sparsity is given by name do not."""
    return not slot.is_embedding and slot.name not in named


def divides(slot: Slot, pattern: GroupPattern) -> bool:
    """Whether a tensor's inputs divide into groups."""
    return slot.parameter.shape[input_dim(slot.module)] % pattern.length == 0


def _all_slots(model: nn.Module) -> Iterator[Slot]:
    embeddings = {id(weight) for weight in _embedding_weights(model)}
    seen = set()
    for path, module in model.named_modules():
        for attribute, parameter in module.named_parameters(recurse=False):
            if id(parameter) not in seen:
                seen.add(id(parameter))
                name = f"{path}.{attribute}" if path else attribute
                yield Slot(name, module, attribute, id(parameter) in embeddings)


def _embedding_weights(model: nn.Module) -> Iterator[torch.Tensor]:
    """Weights of embeddings, and of the output embedding of `transformers` models."""
    for module in model.modules():
        if isinstance(module, nn.Embedding | nn.EmbeddingBag):
            yield module.weight
    get_head = getattr(model, "get_output_embeddings", None)
    head = get_head() if callable(get_head) else None
    if isinstance(head, nn.Linear):
        yield head.weight
