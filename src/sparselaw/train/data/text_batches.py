"""From raw tokens to the batches of a decoder or of an encoder-decoder."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from sparselaw.errors import UserError
from sparselaw.train.data.config import DataConfig
from sparselaw.train.data.counter import keys
from sparselaw.train.data.span_corruption import SpanShape, corrupt, span_shape_for_input
from sparselaw.train.data.stream import Batch, Maker

NUM_SENTINELS = 100
_TRAIN, _HELDOUT = 1, 2

ReadTokens = Callable[[np.ndarray], np.ndarray]
"""Raw tokens of the examples with these indices: int64 (B,) to integers (B, raw length)."""


@dataclass(frozen=True)
class Vocabulary:
    """Token ids of a text.

    Attributes:
        size: ids go from 0 to size - 1.
        eos: ends a document.
        top_sentinel: the first sentinel of span corruption; None if the vocabulary has no sentinels of its own.
    """

    size: int
    eos: int
    top_sentinel: int | None = None


@dataclass(frozen=True)
class TextTask:
    """How raw tokens become examples.

    Attributes:
        raw_length: raw tokens an example is made from.
        units_per_example: tokens an example counts for in D: the decoder's sequence or the encoder's input.
        vocabulary: of the examples, sentinels included.
        spans: lengths of span corruption; None for a decoder.
        seed: which spans are hidden in training; the held-out ones are the same for every seed.
    """

    raw_length: int
    units_per_example: int
    vocabulary: Vocabulary
    spans: SpanShape | None
    seed: int

    def train(self, read: ReadTokens) -> Maker:
        """Makes training batches of what `read` reads."""
        return self._maker(read, self.seed, _TRAIN)

    def heldout(self, read: ReadTokens) -> Maker:
        """Makes held-out batches of what `read` reads."""
        return self._maker(read, 0, _HELDOUT)

    def _maker(self, read: ReadTokens, seed: int, stream: int) -> Maker:
        def make(indices: np.ndarray) -> Batch:
            tokens = read(indices).astype(np.int64)
            if self.spans is None:
                ids = torch.from_numpy(tokens)
                return {"input_ids": ids, "labels": ids.clone()}
            assert self.vocabulary.top_sentinel is not None
            example_keys = keys(seed, stream, indices)
            inputs, targets = corrupt(
                tokens, example_keys, eos=self.vocabulary.eos, top_sentinel=self.vocabulary.top_sentinel
            )
            return {"input_ids": torch.from_numpy(inputs), "labels": torch.from_numpy(targets)}

        return make


def text_task(config: DataConfig, vocabulary: Vocabulary) -> TextTask:
    """The task that the configuration asks for over this vocabulary."""
    if not config.span_corruption:
        return TextTask(config.sequence_length, config.sequence_length, vocabulary, None, config.seed)
    spans = span_shape_for_input(config.sequence_length)
    return TextTask(
        spans.raw_length, spans.input_length, _with_sentinels(vocabulary, spans.num_spans), spans, config.seed
    )


def _with_sentinels(vocabulary: Vocabulary, num_spans: int) -> Vocabulary:
    if num_spans > NUM_SENTINELS:
        raise UserError(
            f"Span corruption of this length hides {num_spans} spans but has {NUM_SENTINELS} sentinels; "
            "shorten data.sequence_length."
        )
    if vocabulary.top_sentinel is not None:
        return vocabulary
    size = vocabulary.size + NUM_SENTINELS
    return Vocabulary(size, vocabulary.eos, size - 1)
