"""Turns raw tokens into batches for a decoder or an encoder-decoder."""

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
"""Reads the raw tokens of the examples with these indices: int64 (B,) to integers (B, raw length)."""


@dataclass(frozen=True)
class Vocabulary:
    """The token ids of a tokenizer.

    Attributes:
        size: number of ids, which go from 0 to size - 1.
        eos: id that ends a document.
        top_sentinel: id of the first sentinel of span corruption; None if the tokenizer has no sentinels.
    """

    size: int
    eos: int
    top_sentinel: int | None = None


@dataclass(frozen=True)
class TextTask:
    """How raw tokens become examples.

    Attributes:
        raw_length: raw tokens per example.
        units_per_example: tokens per example that count in D: the decoder's sequence or the encoder's input.
        vocabulary: token ids of the examples, including sentinels.
        spans: lengths of span corruption; None for a decoder.
        seed: seed of the hidden spans in training; held-out spans do not depend on it.
    """

    raw_length: int
    units_per_example: int
    vocabulary: Vocabulary
    spans: SpanShape | None
    seed: int

    def train(self, read: ReadTokens) -> Maker:
        """A function that makes training batches from the tokens of `read`."""
        return self._maker(read, self.seed, _TRAIN)

    def heldout(self, read: ReadTokens) -> Maker:
        """A function that makes held-out batches from the tokens of `read`."""
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
    """The task of a configuration with this vocabulary.

    Raises:
        UserError: if span corruption needs more sentinels than there are.
    """
    if not config.span_corruption:
        return TextTask(config.sequence_length, config.sequence_length, vocabulary, None, config.seed)
    spans = span_shape_for_input(config.sequence_length)
    return TextTask(
        spans.raw_length, spans.input_length, _with_sentinels(vocabulary, spans.num_spans), spans, config.seed
    )


def _with_sentinels(vocabulary: Vocabulary, num_spans: int) -> Vocabulary:
    if num_spans > NUM_SENTINELS:
        raise UserError(
            f"Span corruption at this data.sequence_length needs {num_spans} sentinels, but there are {NUM_SENTINELS}; "
            "reduce data.sequence_length."
        )
    if vocabulary.top_sentinel is not None:
        return vocabulary
    size = vocabulary.size + NUM_SENTINELS
    return Vocabulary(size, vocabulary.eos, size - 1)
