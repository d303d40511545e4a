"""An endless language of known entropy: the loss of a perfect model is known exactly.

The process is a Markov chain of variable order. The last token decides whether the next token depends on 1, 2 or 3
tokens. Each such context c ranks K of the V tokens in an order of its own, and the next token has rank r with probability
    q_r = (1/r) / sum_{j<=K} (1/j),   r = 1..K.
Every context has the same probabilities, so each token except the first (uniform, and never predicted by a decoder) has
exactly the entropy
    H = - sum_r q_r ln q_r.
The frequencies of contexts are very unequal (products of q), and there are many contexts of order 3. So, as on text, loss
depends on capacity: contexts of order 1 are learned first, the rare ones of order 3 last. Contexts are hashed, so nothing
is stored: token = (offset(c) + (r-1) * stride(c)) mod V, with odd stride and V a power of two, gives K distinct tokens.
"""

import numpy as np

from sparselaw.train.data.config import DataConfig
from sparselaw.train.data.counter import UInts, keys, mix, uniforms
from sparselaw.train.data.stream import Data
from sparselaw.train.data.text_batches import Vocabulary, text_task

VOCAB_SIZE = 256
NUM_SUCCESSORS = 16
MAX_ORDER = 3
_TRAIN, _HELDOUT = 1, 2
_LANGUAGE = mix(20230915)  # all seeds have the same language, but different sentences
_ODD = np.uint64(1)


def rank_law() -> np.ndarray:
    """Probabilities q of the successors of a context, by rank, shape (K,)."""
    weights = 1.0 / np.arange(1, NUM_SUCCESSORS + 1)
    return weights / weights.sum()


def entropy() -> float:
    """Exact entropy of each token except the first, in nats."""
    law = rank_law()
    return float(-(law * np.log(law)).sum())


def open_synthetic(config: DataConfig) -> Data:
    """The synthetic language as training data; it consists of token ids, so data.tokenizer is ignored."""
    task = text_task(config, Vocabulary(VOCAB_SIZE + config.span_corruption, eos=VOCAB_SIZE))
    return Data(
        make_train=task.train(lambda indices: sentences(keys(config.seed, _TRAIN, indices), task.raw_length)),
        make_heldout=task.heldout(lambda indices: sentences(keys(0, _HELDOUT, indices), task.raw_length)),
        num_heldout=config.heldout,
        heldout_pool=config.heldout,
        num_examples=None,
        unit="tokens",
        units_per_example=task.units_per_example,
        provenance={
            "source": "synthetic",
            "seed": config.seed,
            "vocab_size": VOCAB_SIZE,
            "num_successors": NUM_SUCCESSORS,
            "max_order": MAX_ORDER,
        },
        seed=config.seed,
        vocab_size=task.vocabulary.size,
        entropy=None if config.span_corruption else entropy(),
    )


def sentences(example_keys: UInts, length: int) -> np.ndarray:
    """Samples of the process, int64 of shape (B, length)."""
    draws = uniforms(example_keys, length)
    ranks = np.searchsorted(rank_law().cumsum()[:-1], draws, side="right").astype(np.uint64)
    tokens = np.empty((length, len(example_keys)), dtype=np.uint64)
    tokens[0] = (draws[:, 0] * VOCAB_SIZE).astype(np.uint64)
    for t in range(1, length):
        offset, stride = successor_walk(tokens[max(0, t - MAX_ORDER) : t])
        tokens[t] = (offset + ranks[:, t] * stride) & np.uint64(VOCAB_SIZE - 1)
    return tokens.T.astype(np.int64)


def successor_walk(recent: UInts) -> tuple[UInts, UInts]:
    """The successors of each context: rank r is token (offset + (r-1) * stride) mod V.

    Args:
        recent: up to `MAX_ORDER` last tokens, oldest first, shape (number of tokens, B).

    Returns:
        Offset and stride, shape (B,) each.
    """
    context = mix(recent[-1] ^ _LANGUAGE)
    order = np.array([1, 2, 2, 3], dtype=np.uint64)[(context >> np.uint64(62)).astype(np.int64)]
    for age in range(2, len(recent) + 1):
        context = np.where(order >= age, mix(context ^ recent[-age]), context)
    return context, (context >> np.uint64(32)) | _ODD
