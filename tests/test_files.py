"""A file changes at once or not at all."""

import os

import pytest

from sparselaw.files import write_atomically


@pytest.mark.parametrize("content", ["new", b"new"], ids=["text", "bytes"])
def test_writes_and_leaves_nothing_else(tmp_path, content):
    write_atomically(tmp_path / "file", "old")
    write_atomically(tmp_path / "file", content)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file(tmp_path, monkeypatch, step):
    path = tmp_path / "file"
    write_atomically(path, "old")

    def unplugged(*_):
        raise OSError("unplugged")

    monkeypatch.setattr(os, step, unplugged)
    with pytest.raises(OSError, match="unplugged"):
        write_atomically(path, "new")
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"
