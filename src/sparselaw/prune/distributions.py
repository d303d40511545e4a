"""How a target sparsity is distributed over tensors: how many zeros each gets, or which share one threshold.

    uniform               every tensor S
    global                one magnitude threshold over all tensors
    erdos-renyi-kernel    density of a tensor proportional to (sum of its dimensions) / (product of them), at most 1
                          (Evci et al. 2020, arXiv 1911.11134)
    {name: sparsity}      these tensors as given, the others S

Embeddings have a sparsity of their own. They grow with the width, all other matrices with its square, so
1 - sqrt(1-S) gives them as many non-zeros as in the dense model with the same number of non-zeros
(Frantar et al., arXiv 2309.08520). The number of zeros is S times the size, rounded to the nearest integer (half to even).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from sparselaw.errors import UserError

Distribution = Literal["uniform", "global", "erdos-renyi-kernel"] | Mapping[str, float]
Embeddings = Literal["sqrt", "dense", "target"]
NAMES = ("uniform", "global", "erdos-renyi-kernel")


@dataclass(frozen=True)
class Tensor:
    """What a distribution needs to know about a prunable tensor."""

    name: str
    shape: tuple[int, ...]
    is_embedding: bool = False

    @property
    def size(self) -> int:
        """Number of weights."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Group:
    """Tensors (by index) that share one threshold, and their number of zeros together at the end of the ramp."""

    indices: tuple[int, ...]
    num_zeros: int


def check_sparsity(sparsity: float, *, what: str = "The target sparsity") -> None:
    """Raises a UserError for a sparsity outside [0, 1)."""
    if not 0 <= sparsity < 1:
        raise UserError(f"{what} is {sparsity}; give the fraction of zeros, at least 0 and below 1.")


def allocate(
    tensors: Sequence[Tensor], sparsity: float, *, distribution: Distribution, embeddings: Embeddings
) -> list[Group]:
    """The groups of tensors with their final numbers of zeros.

    Raises:
        UserError: if the distribution or the option for embeddings is unknown, or a map names a tensor that is not prunable.
    """
    given = _given(tensors, sparsity, distribution=distribution, embeddings=embeddings)
    shared = [i for i in range(len(tensors)) if i not in given]
    groups = [Group((i,), zeros) for i, zeros in given.items()]
    if distribution == "global" and shared:
        groups.append(Group(tuple(shared), round(sparsity * sum(tensors[i].size for i in shared))))
    elif distribution == "erdos-renyi-kernel":
        zeros = erdos_renyi_kernel([tensors[i].shape for i in shared], sparsity)
        groups += [Group((i,), z) for i, z in zip(shared, zeros, strict=True)]
    else:
        groups += [Group((i,), round(sparsity * tensors[i].size)) for i in shared]
    return sorted(groups, key=lambda group: group.indices)


def erdos_renyi_kernel(shapes: Sequence[tuple[int, ...]], sparsity: float) -> list[int]:
    """Number of zeros of each tensor; they add up to exactly the rounded total.

    Tensors whose density would exceed 1 stay dense, and the others take over their zeros. Rounding follows the largest
    remainders.
    """
    sizes = [math.prod(shape) for shape in shapes]
    num_kept = sum(sizes) - round(sparsity * sum(sizes))
    kept = _capped(sizes, [sum(shape) for shape in shapes], num_kept)
    whole = [math.floor(k) for k in kept]
    by_remainder = sorted(range(len(sizes)), key=lambda i: (whole[i] - kept[i], i))
    for i in by_remainder[: num_kept - sum(whole)]:
        whole[i] += 1
    return [size - k for size, k in zip(sizes, whole, strict=True)]


def _capped(sizes: list[int], weights: list[int], num_kept: int) -> list[Fraction]:
    """Non-zeros in proportion to the weights, at most the size: fills the fullest tensor first, then distributes the rest."""
    kept = [Fraction(0)] * len(sizes)
    rest, total_weight = Fraction(num_kept), sum(weights)
    for i in sorted(range(len(sizes)), key=lambda i: Fraction(sizes[i], weights[i])):
        kept[i] = min(Fraction(sizes[i]), rest * weights[i] / total_weight)
        rest -= kept[i]
        total_weight -= weights[i]
    return kept


def _given(
    tensors: Sequence[Tensor], sparsity: float, *, distribution: Distribution, embeddings: Embeddings
) -> dict[int, int]:
    """Zeros of the tensors whose sparsity is given."""
    named = distribution if isinstance(distribution, Mapping) else {}
    if not isinstance(distribution, Mapping) and distribution not in NAMES:
        raise UserError(
            f"{distribution!r} is not a distribution; give {', '.join(NAMES)} or a map from tensor names to sparsities."
        )
    missing = sorted(named.keys() - {tensor.name for tensor in tensors})
    if missing:
        raise UserError(
            f"The distribution names {', '.join(missing)}, not among the prunable tensors; give names of prunable tensors."
        )
    for name, value in named.items():
        check_sparsity(value, what=f"The sparsity of {name}")
    options = {"sqrt": 1 - math.sqrt(1 - sparsity), "dense": 0.0, "target": sparsity}
    if embeddings not in options:
        raise UserError(f"{embeddings!r} is not an option for embeddings; give {', '.join(options)}.")
    fixed = options[embeddings]
    chosen = {i: named.get(t.name, fixed if t.is_embedding else None) for i, t in enumerate(tensors)}
    return {i: round(s * tensors[i].size) for i, s in chosen.items() if s is not None}
