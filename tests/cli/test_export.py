"""The commands `export` and `export --restore`."""

from pathlib import Path

import pytest


def test_export_and_restore(answer, tmp_path: Path) -> None:
    torch, safetensors = pytest.importorskip("torch"), pytest.importorskip("safetensors.torch")
    weights = {"a.weight": torch.eye(256, dtype=torch.bfloat16), "a.bias": torch.ones(256)}
    (tmp_path / "model").mkdir()
    safetensors.save_file(weights, tmp_path / "model" / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "model" / "config.json").write_text("{}")
    file = tmp_path / "model.sparse.safetensors"
    record = answer("export", tmp_path / "model", "-o", file)
    assert record["nbytes"] == file.stat().st_size < record["source_nbytes"] / 20
    (stored,) = [t for t in record["tensors"] if t["name"] == "a.weight"]
    assert stored["num_nonzero"] == 256
    assert answer("export", file, "--restore", "-o", tmp_path / "back")["files"] == [
        str(tmp_path / "back" / "model.safetensors"),
        str(tmp_path / "back" / "config.json"),
    ]
    restored = safetensors.load_file(tmp_path / "back" / "model.safetensors")
    assert all(torch.equal(restored[name], tensor) for name, tensor in weights.items())
