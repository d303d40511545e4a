"""The yardstick of a general compressor, against the compressor itself."""

import sys

import pytest
import torch

from sparselaw.prune import compression
from sparselaw.prune.compression import LEVEL, Zstandard

zstandard = pytest.importorskip("zstandard")


def tensors():
    generator = torch.Generator().manual_seed(0)
    return [torch.zeros(5000), torch.randn(300, 7, generator=generator).to(torch.bfloat16), torch.empty(0)]


def test_the_share_is_that_of_one_stream():
    whole = Zstandard(sum(t.nbytes for t in tensors()))
    for tensor in tensors():
        whole.add(tensor)
    content = b"".join(t.reshape(-1).view(torch.uint8).numpy().tobytes() for t in tensors())
    assert whole.sampled == 1
    expected = len(zstandard.ZstdCompressor(level=LEVEL).compress(content)) / len(content)
    assert whole.finish() == pytest.approx(expected, rel=0.02)  # a frame of known size has another header


def test_a_large_model_is_sampled_alike_from_each_tensor(monkeypatch):
    monkeypatch.setattr(compression, "SAMPLE", 1000)
    sampled = Zstandard(20_000)
    assert sampled.sampled == 0.05
    sampled.add(torch.zeros(2500))
    sampled.add(torch.zeros(2500))
    assert sampled._num_in == 2 * 500


def test_nothing_to_compress_has_no_share(monkeypatch):
    assert Zstandard(0).finish() is None
    monkeypatch.setitem(sys.modules, "zstandard", None)
    without = Zstandard(100)
    without.add(torch.zeros(25))
    assert without.finish() is None
