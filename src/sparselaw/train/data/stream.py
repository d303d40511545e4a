"""Data as the training loop sees it: batches by step number, a fixed held-out set and the size of both.

Nothing here has state: `batch(step, batch_size)` depends only on its arguments, so a resumed run sees the same data as an
uninterrupted one. Position p = step * batch_size + i of a run is example pi(p mod n), where pi is a seeded permutation of
the n unique examples, a new one in each epoch. An endless source is indexed by p.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch

from sparselaw.errors import SparselawWarning, UserError
from sparselaw.train.data.counter import permute

Batch = dict[str, torch.Tensor]
Maker = Callable[[np.ndarray], Batch]
"""Makes a batch of the examples with these indices, an int64 array of shape (B,)."""

_HELDOUT_KEY = 0x5EED


@dataclass(frozen=True)
class Data:
    """Training and held-out examples of one source.

    Attributes:
        make_train: makes training examples by index.
        make_heldout: makes held-out examples by index.
        num_heldout: number of held-out examples in validation.
        heldout_pool: number of held-out examples available, of which validation is a fixed sample.
        num_examples: number of unique training examples; None if endless.
        unit: what D counts.
        units_per_example: tokens per sequence, or 1 for images.
        provenance: where the data came from, for provenance.json.
        seed: seed of the order of the examples.
        vocab_size: number of token ids (text only).
        num_classes: number of labels (images only).
        image_size: height and width in pixels (images only).
        num_channels: 1 for grey, 3 for colour (images only).
        entropy: exact entropy of a predicted token in nats, which is the lowest possible loss; None if unknown.
    """

    make_train: Maker
    make_heldout: Maker
    num_heldout: int
    heldout_pool: int
    num_examples: int | None
    unit: Literal["tokens", "images"]
    units_per_example: int
    provenance: dict[str, Any] = field(repr=False)
    seed: int = 0
    vocab_size: int | None = None
    num_classes: int | None = None
    image_size: int | None = None
    num_channels: int | None = None
    entropy: float | None = None

    @property
    def num_unique(self) -> int | None:
        """Unique training tokens or images; None if endless."""
        return None if self.num_examples is None else self.num_examples * self.units_per_example

    def batch(self, step: int, batch_size: int, *, rank: int = 0, world_size: int = 1) -> Batch:
        """The part of a step's batch that one rank computes; the parts of all ranks, in order, make the whole batch.

        Args:
            step: step number, from 0.
            batch_size: examples per step, over all ranks.
            rank: number of the rank, from 0.
            world_size: number of ranks.

        Returns:
            `input_ids` and `labels`, int64 of shape (B, T), for text; `pixel_values`, float32 (B, C, H, W), and
            `labels`, int64 (B,), for images.

        Raises:
            UserError: if `batch_size` does not divide by the number of ranks.
        """
        if batch_size < 1 or batch_size % world_size:
            raise UserError(
                f"Batch size {batch_size} does not divide by {world_size} processes; give a multiple of {world_size}."
            )
        share = batch_size // world_size
        first = step * batch_size + rank * share
        return self.make_train(self._examples_at(first + np.arange(share, dtype=np.int64)))

    def validation(self, batch_size: int) -> Iterator[Batch]:
        """The held-out examples in batches, always in the same shuffled order; the last batch may be smaller."""
        order = permute(np.arange(self.num_heldout), self.heldout_pool, key=_HELDOUT_KEY)
        for start in range(0, self.num_heldout, batch_size):
            yield self.make_heldout(order[start : start + batch_size])

    def describe(self) -> str:
        """One line on the source, its unit and its size."""
        size = "endless" if self.num_unique is None else f"{_shown(self.num_unique)} unique"
        heldout = _shown(self.num_heldout * self.units_per_example)
        known = "" if self.entropy is None else f", entropy {self.entropy:.4f} nats a token"
        return f"{self.provenance['source']}: {size} training {self.unit}, {heldout} held out{known}"

    def _examples_at(self, positions: np.ndarray) -> np.ndarray:
        if self.num_examples is None:
            return positions
        epochs, places = np.divmod(positions, self.num_examples)
        out = np.empty_like(places)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            out[here] = permute(places[here], self.num_examples, key=(self.seed << 20) + int(epoch))
        return out


def warn_if_repeating(data: Data, *, num_steps: int, batch_size: int) -> None:
    """Warns if a run repeats data, because the law assumes data that never repeats.

    Args:
        data: the data of the run.
        num_steps: optimiser steps of the run.
        batch_size: examples per step, over all ranks.
    """
    needed = num_steps * batch_size
    if data.num_examples is None or needed <= data.num_examples:
        return
    unique, epochs = data.num_examples * data.units_per_example, needed / data.num_examples
    warnings.warn(
        f"The run needs {_shown(needed * data.units_per_example)} {data.unit}, but {data.provenance['source']} has "
        f"{_shown(unique)} unique ones, so each is seen {epochs:.2f} times on average; the law assumes data that never "
        "repeats: train on less or add data.",
        SparselawWarning,
        stacklevel=2,
    )


def _shown(count: float) -> str:
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g}{letter}"
    return f"{count:g}"
