"""Files written tensor by tensor are safetensors files, whole or not there, and tell when a bit has changed."""

import contextlib
import tracemalloc

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from sparselaw.errors import UserError
from sparselaw.prune import tensor_files

TENSORS = {
    "b": torch.tensor([True, False, True]),
    "x.weight": torch.arange(35, dtype=torch.float32).reshape(5, 7),
    "h": torch.arange(9, dtype=torch.bfloat16),
    "i": torch.arange(3),
    "scalar": torch.tensor(2.5, dtype=torch.float64),
    "none": torch.zeros(0, 4),
    "odd": torch.arange(5, dtype=torch.uint8),
}


def written(path):
    with tensor_files.writing(path) as (add, metadata):
        for name, tensor in TENSORS.items():
            add(name, tensor)
        metadata["format"] = "pt"
    return path


def test_safetensors_reads_them(tmp_path):
    loaded = load_file(written(tmp_path / "a.safetensors"))
    assert loaded.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name], tensor)
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_the_header_is_read_with_and_without_a_checksum(tmp_path):
    header = tensor_files.read_header(written(tmp_path / "a.safetensors"))
    assert header[tensor_files.METADATA] == {"format": "pt"}
    assert header["x.weight"]["shape"] == [5, 7]
    save_file(TENSORS, tmp_path / "b.safetensors")
    assert set(tensor_files.read_header(tmp_path / "b.safetensors")) == {*TENSORS, tensor_files.METADATA}


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = written(tmp_path / "a.safetensors")
    before = path.read_bytes()
    with pytest.raises(RuntimeError), tensor_files.writing(path) as (add, _):  # noqa: PT012
        add("x", torch.zeros(4))
        raise RuntimeError
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]


def test_unknown_types_are_refused(tmp_path):
    with (
        pytest.raises(UserError, match=r"x has the type torch\.complex128"),
        tensor_files.writing(tmp_path / "a") as (add, _),
    ):
        add("x", torch.zeros(2, dtype=torch.complex128))


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    return written(tmp_path_factory.mktemp("files") / "a.safetensors").read_bytes()


@given(data=st.data())
@settings(deadline=None, max_examples=150)
def test_no_bit_changes_a_tensor_unnoticed(content, tmp_path_factory, data):
    at = data.draw(st.integers(0, 8 * len(content) - 1))
    damaged = bytearray(content)
    damaged[at // 8] ^= 1 << at % 8
    path = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    path.write_bytes(damaged)
    with contextlib.suppress(UserError, SafetensorError):
        tensor_files.read_header(path)
        loaded = load_file(path)
        assert all(torch.equal(loaded[name], tensor) for name, tensor in TENSORS.items())


@pytest.mark.parametrize(
    "kept", [0, 4, 8, 100, -1], ids=["empty", "half a length", "length", "half a header", "last byte"]
)
def test_a_file_that_was_cut_off_is_one_sentence(content, tmp_path, kept):
    path = tmp_path / "cut.safetensors"
    path.write_bytes(content[:kept])
    with pytest.raises(UserError, match="is damaged or not a safetensors file"):
        tensor_files.read_header(path)


def test_no_more_than_a_tensor_is_in_memory(tmp_path):
    tensor = torch.zeros(250_000)
    tracemalloc.start()
    with tensor_files.writing(tmp_path / "large.safetensors") as (add, _):
        for k in range(20):
            add(f"t{k}", tensor)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "large.safetensors").stat().st_size > 20 * tensor.nbytes
    assert peak < 6 * tensor.nbytes
