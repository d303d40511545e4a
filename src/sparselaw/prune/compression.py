"""How far a general compressor shrinks dense tensors: the yardstick for sparse formats."""

from __future__ import annotations

import math

import torch
from torch import Tensor

LEVEL = 19
SAMPLE = 1 << 23  # bytes; a few seconds at this level


class Zstandard:
    """Compresses tensors as one stream and counts the bytes; of a large model it samples an equal fraction of each tensor."""

    def __init__(self, total_nbytes: int) -> None:
        """Prepares for tensors of `total_nbytes` together; does nothing if the package zstandard is not installed."""
        self.sampled = min(1.0, SAMPLE / max(1, total_nbytes))
        self._num_in = self._num_out = 0
        try:
            from zstandard import ZstdCompressor
        except ImportError:
            self._stream = None
        else:
            self._stream = ZstdCompressor(level=LEVEL).compressobj()

    def add(self, tensor: Tensor) -> None:
        """Compresses a tensor's bytes."""
        if self._stream is None or not tensor.numel():
            return
        content = tensor.contiguous().reshape(-1).view(torch.uint8).numpy()
        content = content[: math.ceil(len(content) * self.sampled)]
        self._num_in += len(content)
        self._num_out += len(self._stream.compress(content.tobytes()))

    def finish(self) -> float | None:
        """Compressed bytes as a fraction of the bytes added; None if nothing was compressed."""
        if self._stream is None or not self._num_in:
            return None
        return (self._num_out + len(self._stream.flush())) / self._num_in
