"""Counter-based random numbers: every number is a pure function of (seed, stream, index, position).

Any rank can therefore make the batch of any step, in any order, with no state to save. The mixing function is the
finaliser of SplitMix64 (Steele, Lea and Flood 2014, 'Fast splittable pseudorandom number generators'), so the numbers
are the same on every machine and NumPy version. The permutation is a Feistel network with cycle walking (Black and
Rogaway 2002, 'Ciphers with arbitrary finite domains'): an exact bijection of {0, ..., n-1} that needs no memory for any n.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FEISTEL_ROUNDS = 6

UInts = NDArray[np.uint64]


def mix(x: ArrayLike) -> UInts:
    """Mixes the bits of each 64-bit integer; a bijection."""
    z = np.atleast_1d(np.asarray(x, dtype=np.uint64)) + _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def keys(seed: int, stream: int, indices: ArrayLike) -> UInts:
    """One 64-bit key for each example, shape (B,)."""
    root = mix(mix(np.uint64(seed % 2**64)) ^ np.uint64(stream))
    return mix(root ^ np.asarray(indices, dtype=np.uint64))


def bits(example_keys: UInts, num: int, *, purpose: int = 0) -> UInts:
    """`num` independent 64-bit words for each key, shape (B, num); another `purpose` gives other words."""
    start = mix(example_keys ^ mix(np.uint64(purpose)))
    return mix(start[:, None] + np.arange(num, dtype=np.uint64) * _GOLDEN)


def uniforms(example_keys: UInts, num: int, *, purpose: int = 0) -> NDArray[np.float64]:
    """`num` random numbers in [0, 1) for each key, shape (B, num)."""
    return (bits(example_keys, num, purpose=purpose) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def permute(positions: ArrayLike, size: int, *, key: int) -> NDArray[np.int64]:
    """Applies a keyed permutation of {0, ..., size-1} to each position.

    Args:
        positions: integers in [0, size), shape (B,).
        size: number of permuted integers, below 2^62.
        key: selects the permutation.
    """
    half = max(1, -(-(size - 1).bit_length() // 2))
    out = _feistel(np.asarray(positions, dtype=np.uint64), half, key=key)
    while (outside := out >= size).any():  # the network permutes up to 4x more numbers: repeat until inside
        out[outside] = _feistel(out[outside], half, key=key)
    return out.astype(np.int64)


def _feistel(x: UInts, half: int, *, key: int) -> UInts:
    shift, mask = np.uint64(half), np.uint64((1 << half) - 1)
    left, right = x >> shift, x & mask
    for round_key in bits(mix(np.uint64(key % 2**64)), _FEISTEL_ROUNDS)[0]:
        left, right = right, left ^ (mix(right ^ round_key) & mask)
    return (left << shift) | right
