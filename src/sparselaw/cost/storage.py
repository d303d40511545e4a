"""What the weights of a sparse model take to store: N non-zeros at sparsity S, in bits a non-zero.

A non-zero costs the bits v of its value and those that say where it is. With density 1-S, positions cost

    dense      v S / (1-S)        the zeros are stored
    bitmask    1 / (1-S)          a bit a weight
    csr, coo   w, 2w              one or two indices of w bits
    deltaK     K / (1 - S^c)      c = 2^K - 1: K bits for the zeros before it, and K more for each c of them
    n:m        ceil(log2 m)       an index in the group, as NVIDIA's 2:4 has it (Mishra et al. 2021, arXiv 2104.08378)
    entropy    H(S) / (1-S)       the least that positions at random can take (Shannon 1948)
    ideal      0                  positions for free: then equal bytes are equal non-zeros

K is 1 to 16; `delta` is the best of them at each S. Its formula takes zeros at random: the gap before a non-zero is at
least j with probability S^j, so a code says "c zeros and no weight" S^c / (1 - S^c) times a non-zero on average. The
padding of Han et al. 2016 (arXiv 1510.00149) stores a zero value with each, which costs more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparselaw.errors import UserError, arg, choice
from sparselaw.laws import Array
from sparselaw.laws.search import MAX_SPARSITY, rising_root

KINDS = ("dense", "bitmask", "csr", "coo", "delta", "entropy", "ideal", "n:m")
PRECISIONS = {"fp32": 32, "bf16": 16, "fp16": 16, "int8": 8, "int4": 4}
MAX_GAP_BITS = 16
FORMAT_PATTERN = (
    r"dense|bitmask|entropy|ideal|(csr|coo)(16|32|64)?|delta([1-9]|1[0-6])?|[1-9][0-9]{0,2}:[1-9][0-9]{0,2}"
)
FORMATS = {
    "dense": "zeros are stored",
    "bitmask": "a bit a weight",
    "csr16": "an index of 16 bits",
    "csr": "an index of 32 bits",
    "csr64": "an index of 64 bits",
    "coo": "two indices of 32 bits",
    "coo64": "two indices of 64 bits",
    "delta": "the zeros before it, in the best codes",
    "delta4": "the zeros before it, in codes of 4 bits",
    "delta8": "the zeros before it, in codes of 8 bits",
    "2:4": "50% sparse in groups",
    "1:4": "75% sparse in groups",
    "4:8": "50% sparse in groups",
    "2:8": "75% sparse in groups",
    "entropy": "the least that positions can take",
    "ideal": "positions for free",
}
"""The usual formats, and how each says where a non-zero is."""


@dataclass(frozen=True)
class Storage:
    """A format and the precision of its values.

    format: dense, bitmask, csr or coo (indices of 32 bits; csr16, csr64), delta (delta1 to delta16), n:m, entropy, ideal.
    precision: fp32, bf16, fp16, int8 or int4.
    """

    format: str = "bitmask"
    precision: str = "bf16"

    def __post_init__(self) -> None:
        """Refuses what does not exist.

        Raises:
            UserError: an unknown format or precision.
        """
        if not re.fullmatch(FORMAT_PATTERN, self.format):
            raise UserError(f"{arg('format')} is {self.format!r}; {choice(self.format, KINDS)}")
        if self.kind == "n:m" and self._groups[0] >= self._groups[1]:
            raise UserError(
                f"{arg('format')} is {self.format}, which has no zeros; give n:m with n below m, such as 2:4."
            )
        if self.precision not in PRECISIONS:
            raise UserError(f"{arg('precision')} is {self.precision!r}; {choice(self.precision, PRECISIONS)}")

    @property
    def kind(self) -> str:
        """The format without its numbers: n:m, csr, delta and so on."""
        return "n:m" if ":" in self.format else self.format.rstrip("0123456789")

    @property
    def value_bits(self) -> int:
        """Bits of a value."""
        return PRECISIONS[self.precision]

    @property
    def index_bits(self) -> int:
        """Bits of an index of csr or coo."""
        return int(self.format.removeprefix(self.kind) or 32)

    @property
    def levels(self) -> tuple[float, ...]:
        """The only sparsities that the format can hold; empty if it holds all."""
        return (1 - self._groups[0] / self._groups[1],) if self.kind == "n:m" else ()

    @property
    def _groups(self) -> tuple[int, int]:
        kept, _, length = self.format.partition(":")
        return int(kept), int(length)

    def bytes_per_nonzero(self, S: ArrayLike) -> Array:
        """Bytes for a non-zero at sparsity S in [0, 1); inf where the format cannot hold that sparsity."""
        return (self.value_bits + self._positions(S)[0]) / 8

    def slope(self, S: ArrayLike) -> Array:
        """d ln(bytes a non-zero) / du, u = -ln(1-S)."""
        bits, change = self._positions(S)
        return change / (self.value_bits + bits)

    def bytes(self, S: ArrayLike, N: ArrayLike, *, rows: ArrayLike = 0.0) -> Array:
        """Bytes of N non-zeros at sparsity S.

        Args:
            S: sparsity.
            N: non-zeros.
            rows: of the matrices, to count where each of them starts too, as files of bitmask (8 bytes) and csr (an index) say;
                a share that goes to nothing with the width.
        """
        start = 8 if self.kind == "bitmask" else self.index_bits / 8 if self.kind == "csr" else 0
        return np.asarray(N, dtype=float) * self.bytes_per_nonzero(S) + start * np.asarray(rows, dtype=float)

    def nonzeros(self, S: ArrayLike, bytes: ArrayLike) -> Array:
        """The non-zeros that so many bytes hold at sparsity S."""
        return np.asarray(bytes, dtype=float) / self.bytes_per_nonzero(S)

    def _positions(self, S: ArrayLike) -> tuple[Array, Array]:
        """Bits of the position of one non-zero and their derivative by u = -ln(1-S); dS/du is the density."""
        S = np.asarray(S, dtype=float)
        density, none = 1 - S, np.zeros_like(S)
        width = self.format.removeprefix(self.kind)
        match self.kind:
            case "ideal":
                return none, none
            case "dense":
                return self.value_bits * S / density, self.value_bits / density
            case "bitmask":
                return 1 / density, 1 / density
            case "csr":
                return none + self.index_bits, none
            case "coo":
                return none + 2 * self.index_bits, none
            case "delta":
                bits = int(width) if width else best_gap_bits(S)
                codes, longest = gap_codes(S, bits), 2.0 ** np.asarray(bits) - 1
                return bits * codes, bits * longest * S ** (longest - 1) * density * codes**2
            case "n:m":
                index = float((self._groups[1] - 1).bit_length())
                return np.where(np.abs(S - self.levels[0]) < 1e-9, index, np.inf), none
        with np.errstate(divide="ignore", invalid="ignore"):  # entropy
            zeros = np.where(S > 0, S / density * -np.log2(S), 0.0)
            return zeros - np.log2(density), -np.log2(S) / density


def gap_codes(S: ArrayLike, bits: ArrayLike) -> Array:
    """Codes of `bits` bits that a non-zero takes on average, the padding ones included, when zeros lie at random."""
    with np.errstate(divide="ignore"):
        return -1 / np.expm1((2.0 ** np.asarray(bits) - 1) * np.log(S))


def best_gap_bits(S: ArrayLike) -> NDArray[np.integer]:
    """The width of codes, 1 to MAX_GAP_BITS, that takes the fewest bits at sparsity S."""
    return np.searchsorted(wider_from(), S, side="right") + 1


@cache
def wider_from() -> Array:
    """The sparsities from which one more bit pays, for each width but the last; by bisection in ln(1-S)."""
    bits = np.arange(1, MAX_GAP_BITS)
    dense, sparse = np.zeros(len(bits)), np.full(len(bits), -MAX_GAP_BITS * np.log(2.0))
    for _ in range(60):
        middle = (dense + sparse) / 2
        S = -np.expm1(middle)
        pays = (bits + 1) * gap_codes(S, bits + 1) < bits * gap_codes(S, bits)
        dense, sparse = np.where(pays, dense, middle), np.where(pays, middle, sparse)
    return -np.expm1((dense + sparse) / 2)


@dataclass(frozen=True)
class Memory:
    """So many bytes for weights in a storage format: it holds fewer non-zeros the sparser they are.

    Where positions would cost more than zeros (nearly dense models), weights are stored dense.
    """

    bytes: float
    storage: Storage = Storage()
    is_bound: bool = True

    @property
    def levels(self) -> tuple[float, ...]:
        """The only sparsities to choose from, dense among them; empty if there is no limit."""
        return (0.0, *self.storage.levels) if self.storage.levels else ()

    @cached_property
    def kinks(self) -> tuple[float, ...]:
        """The sparsities at which N(S) is not smooth: where the format takes over from dense, or a wider gap code."""
        if self.levels or self.storage.kind in ("dense", "ideal"):
            return ()
        wider = wider_from() if self.storage.format == "delta" else ()
        return tuple(float(S) for S in (self._takes_over, *wider) if S < MAX_SPARSITY)

    @property
    def positions_are_free(self) -> bool:
        """Whether equal bytes are equal non-zeros."""
        return self.storage.kind == "ideal"

    @property
    def dense_params(self) -> float:
        """The size of the dense model of as many bytes."""
        return 8 * self.bytes / self.storage.value_bits

    def nonzeros(self, S: ArrayLike) -> Array:
        """The non-zeros that fit at sparsity S."""
        return np.maximum(self.storage.nonzeros(S, self.bytes), self._dense.nonzeros(S, self.bytes))

    def growth(self, S: ArrayLike) -> Array:
        """d ln N / du, u = -ln(1-S); at a kink that of its sparser side. Not for levels, between which nothing grows."""
        return -np.where(np.asarray(S) >= self._takes_over, self.storage.slope(S), self._dense.slope(S))

    @cached_property
    def _takes_over(self) -> float:
        """The sparsity from which the format takes less than dense."""
        if self.storage.kind == "ideal":
            return 0.0

        def saved(u: Array) -> Array:
            S = -np.expm1(-u)
            return self._dense.bytes_per_nonzero(S) - self.storage.bytes_per_nonzero(S)

        # Just above S = 0, where some formats take what dense does.
        return float(-np.expm1(-rising_root(saved, np.array(1e-9), np.array(-np.log1p(-MAX_SPARSITY)))))

    @property
    def _dense(self) -> Storage:
        return Storage("dense", self.storage.precision)


@dataclass(frozen=True)
class Total:
    """So many weights before pruning, zeros included: N is what is left of them."""

    weights: float
    levels: tuple[float, ...] = ()
    kinks: tuple[float, ...] = ()
    positions_are_free: bool = False
    is_bound: bool = False

    @property
    def dense_params(self) -> float:
        """The size of the dense model."""
        return self.weights

    def nonzeros(self, S: ArrayLike) -> Array:
        """The non-zeros at sparsity S."""
        return self.weights * (1 - np.asarray(S, dtype=float))

    def growth(self, S: ArrayLike) -> Array:
        """d ln N / du, u = -ln(1-S)."""
        return np.full_like(np.asarray(S, dtype=float), -1.0)
