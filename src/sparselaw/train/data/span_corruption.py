"""Span corruption: the pre-training task of T5 (Raffel et al. 2020, arXiv 1910.10683, section 3.1.4), for whole batches.

Of R raw tokens, round(0.15 R) are noise, in round(noise / 3) spans. The noise and the remaining tokens are each cut into
that many parts uniformly at random, and the parts alternate, beginning with remaining tokens. In the input, each noise
span becomes one sentinel. The target is each sentinel followed by its span. Both end with EOS. Sentinels count down from
the top of the vocabulary. All lengths are fixed: R = 568 gives an input of 512 and a target of 114 tokens.
"""

from dataclasses import dataclass

import numpy as np

from sparselaw.train.data.counter import UInts, uniforms

NOISE_DENSITY = 0.15
MEAN_SPAN_LENGTH = 3.0
_NOISE_CUTS, _REST_CUTS = 1, 2


@dataclass(frozen=True)
class SpanShape:
    """The fixed lengths of corrupted examples, in tokens."""

    raw_length: int
    num_noise: int
    num_spans: int

    @property
    def input_length(self) -> int:
        """Tokens of the encoder's input, including EOS."""
        return self.raw_length - self.num_noise + self.num_spans + 1

    @property
    def target_length(self) -> int:
        """Tokens of the target, including EOS."""
        return self.num_noise + self.num_spans + 1


def span_shape(raw_length: int) -> SpanShape:
    """The lengths for a number of raw tokens (at least 2)."""
    num_noise = min(max(round(raw_length * NOISE_DENSITY), 1), raw_length - 1)
    num_spans = min(max(round(num_noise / MEAN_SPAN_LENGTH), 1), raw_length - num_noise)
    return SpanShape(raw_length, num_noise, num_spans)


def span_shape_for_input(input_length: int) -> SpanShape:
    """The lengths for the most raw tokens that fit an input of `input_length`: 568 for 512."""
    shape = span_shape(2)
    while (longer := span_shape(shape.raw_length + 1)).input_length <= input_length:
        shape = longer
    return shape


def corrupt(tokens: np.ndarray, example_keys: UInts, *, eos: int, top_sentinel: int) -> tuple[np.ndarray, np.ndarray]:
    """Corrupts a batch.

    Args:
        tokens: raw token ids, shape (B, R).
        example_keys: one key for each example, shape (B,); equal keys give equal spans.
        eos: id that ends both sequences.
        top_sentinel: id of the first sentinel; the others count down from it.

    Returns:
        Inputs (B, input_length) and targets (B, target_length), with the dtype of `tokens`.
    """
    is_noise = noise_mask(span_shape(tokens.shape[1]), example_keys)
    inputs, targets = (
        _collapse(tokens, hidden, eos=eos, top_sentinel=top_sentinel) for hidden in (is_noise, ~is_noise)
    )
    return inputs, targets


def noise_mask(shape: SpanShape, example_keys: UInts) -> np.ndarray:
    """True where a raw token is noise, shape (B, R)."""
    noise = _random_parts(shape.num_noise, shape.num_spans, example_keys, purpose=_NOISE_CUTS)
    rest = _random_parts(shape.raw_length - shape.num_noise, shape.num_spans, example_keys, purpose=_REST_CUTS)
    starts = np.stack([rest, noise], axis=2).reshape(len(example_keys), -1).cumsum(axis=1)[:, :-1]
    switches = np.zeros((len(example_keys), shape.raw_length), dtype=np.int64)
    np.put_along_axis(switches, starts, 1, axis=1)
    return switches.cumsum(axis=1) % 2 == 1


def _random_parts(total: int, num_parts: int, example_keys: UInts, *, purpose: int) -> np.ndarray:
    """Random lengths of `num_parts` positive parts of `total`, all compositions equally likely, shape (B, num_parts)."""
    draws = uniforms(example_keys, total - 1, purpose=purpose)
    cuts = 1 + np.sort(np.argsort(draws, axis=1)[:, : num_parts - 1], axis=1)
    return np.diff(cuts, axis=1, prepend=0, append=total)


def _collapse(tokens: np.ndarray, hidden: np.ndarray, *, eos: int, top_sentinel: int) -> np.ndarray:
    """Replaces each run of hidden tokens by the next sentinel and appends EOS."""
    opens = hidden & ~np.pad(hidden, ((0, 0), (1, 0)))[:, :-1]
    sentinels = top_sentinel + 1 - opens.cumsum(axis=1)
    kept = np.where(opens, sentinels, tokens)[~hidden | opens].reshape(len(tokens), -1)
    return np.pad(kept, ((0, 0), (0, 1)), constant_values=eos).astype(tokens.dtype)
