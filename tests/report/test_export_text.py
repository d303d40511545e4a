"""An export printed: sizes, predictions, and what was not measured."""

from dataclasses import replace
from pathlib import Path

import pytest

from sparselaw.report import export_text


@pytest.mark.parametrize("width", [80, 120])
def test_export(width: int, printed, words) -> None:
    pytest.importorskip("torch")
    from sparselaw.prune.export import Export, StoredTensor

    tensors = (
        StoredTensor("a.weight", "bitmask", "bfloat16", 4096, 1024, 64, 3088, 8192),
        StoredTensor("b.weight", "delta3", "bfloat16", 4096, 1024, 64, 2500, 8192),
        StoredTensor("b.bias", "dense", "bfloat16", 64, 64, 1, 128, 128),
    )
    made = Export(Path("x.safetensors"), "auto", 6000, 17_000, tensors, 12, 0.25, 0.125)
    shown = printed(export_text.export_text(made), width)
    assert f"{export_text.predicted_bytes(tensors[0]):.0f}" == str(2 * 1024 + 4096 // 8 + 64 * 8)
    for part in (
        "6 KB, 36.3% of dense",
        "12 weights are -0",
        "3.07 KB",
        "from a sample of 0.12 of it",
        "4.13 KB, 25.0%",
    ):
        assert part in words(shown)
    assert max(map(len, shown.splitlines())) <= width
    assert export_text.export_record(made)["tensors"][2]["predicted_nbytes"] == 128
    none_smaller = words(
        printed(export_text.export_text(replace(made, tensors=tensors[2:], format="csr", zstd_share=None)))
    )
    assert "no tensor is smaller as csr" in none_smaller
    assert "not measured: the package zstandard" in none_smaller
