"""Every format gives back every bit, and takes the bytes that its formula or another tool's arrays take."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw.cost.storage import Storage
from sparselaw.errors import UserError
from sparselaw.prune.encodings import (
    Encoded,
    check_format,
    count_negative_zeros,
    decode,
    encodings,
    kind_of,
    num_rows,
    pack,
    unpack,
)

FORMATS = ["bitmask", "delta", "csr", "csr16", "csr64", "2:4", "1:4", "3:8", "auto"] + [
    f"delta{k}" for k in (1, 2, 7, 16)
]
TYPES = {torch.float32: torch.int32, torch.float16: torch.int16, torch.bfloat16: torch.int16}


def random_bits(shape: tuple[int, ...], dtype: torch.dtype, sparsity: float, seed: int) -> torch.Tensor:
    """Any bit patterns: NaNs with payloads, infinities, subnormals; and zeros, of which some are negative."""
    rng, size = np.random.default_rng(seed), int(np.prod(shape))
    integers = np.dtype(f"int{8 * dtype.itemsize}")
    bits = rng.integers(np.iinfo(integers).min, np.iinfo(integers).max, size, dtype=integers, endpoint=True)
    bits[rng.random(size) < 0.1] = np.iinfo(integers).min
    bits[rng.random(size) < sparsity] = 0
    return torch.from_numpy(bits).view(dtype).reshape(shape)


def same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    integers = TYPES.get(a.dtype, a.dtype)
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a.view(integers), b.view(integers))


def pruned(rows: int, columns: int, sparsity: float, dtype: torch.dtype = torch.bfloat16) -> torch.Tensor:
    weights = torch.randn(rows, columns, generator=torch.Generator().manual_seed(0))
    threshold = weights.abs().flatten().kthvalue(round(sparsity * weights.numel())).values
    return torch.where(weights.abs() > threshold, weights, 0.0).to(dtype)


@given(
    shape=st.lists(st.integers(1, 20), min_size=1, max_size=4).map(tuple),
    dtype=st.sampled_from(list(TYPES)),
    sparsity=st.sampled_from([0.0, 0.3, 0.75, 0.97, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=80)
def test_every_bit_comes_back(shape, dtype, sparsity, seed) -> None:
    tensor = random_bits(shape, dtype, sparsity, seed)
    for format in FORMATS:
        for encoded in encodings(tensor, format):
            assert same_bits(decode(encoded), tensor), (format, encoded.format)


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.int64, torch.int8, torch.uint8, torch.bool, torch.float8_e4m3fn]
)
def test_other_types_come_back(dtype: torch.dtype) -> None:
    tensor = (torch.arange(96).reshape(8, 12) * (torch.arange(96).reshape(8, 12) % 5 == 0)).to(dtype)
    found = list(encodings(tensor, "auto"))
    assert {kind_of(e.format) for e in found} >= {"bitmask", "delta"}
    for encoded in found:
        back = decode(encoded)
        assert back.dtype == dtype
        assert torch.equal(back.view(torch.uint8), tensor.view(torch.uint8))


@pytest.mark.parametrize("columns", [3, 8, 64])
def test_transposed_tensors_come_back(columns: int) -> None:
    tensor = pruned(columns, 16, 0.75).T
    for encoded in encodings(tensor, "auto"):
        assert torch.equal(decode(encoded), tensor)


@pytest.mark.parametrize(
    "tensor",
    [torch.zeros(()), torch.zeros(0), torch.zeros(3, 0), torch.zeros(4, dtype=torch.complex64)],
    ids=["scalar", "empty", "empty rows", "complex"],
)
def test_what_has_nothing_to_leave_out_has_no_encoding(tensor: torch.Tensor) -> None:
    assert not [*encodings(tensor, "auto"), *encodings(tensor, "bitmask")]


@pytest.mark.parametrize("format", ["2:4", "1:4", "2:8", "3:8"])
def test_a_pattern_holds_what_is_in_it_and_nothing_else(format: str) -> None:
    kept, length = map(int, format.split(":"))
    weights = torch.zeros(6, 4 * length)
    weights.view(-1, length)[:, :kept] = 1.5
    (encoded,) = encodings(weights, format)
    assert encoded.format == format
    assert torch.equal(decode(encoded), weights)
    assert format in {e.format for e in encodings(weights, "auto")}
    weights[3, kept] = 2.0  # one more in one group
    assert not list(encodings(weights, format))


@pytest.mark.parametrize("sparsity", [0.5, 0.75, 0.9, 0.99])
@pytest.mark.parametrize("format", ["bitmask", "csr", "csr64", "delta", "delta3", "delta8"])
def test_bytes_are_those_of_the_formula(format: str, sparsity: float) -> None:
    weights = pruned(512, 1024, sparsity)
    (encoded,) = encodings(weights, format)
    num = int(weights.count_nonzero())
    predicted = float(Storage(encoded.format, "bf16").bytes(1 - num / weights.numel(), num, rows=num_rows((512, 1024))))
    if kind_of(format) == "delta":  # the formula is an expectation
        assert encoded.nbytes == pytest.approx(predicted, rel=5e-3)
    else:
        end_and_shape = {"bitmask": 16, "csr": 4, "csr64": 8}[format]
        assert encoded.nbytes == pytest.approx(predicted + end_and_shape, abs=1e-6)


@pytest.mark.parametrize("sparsity", [0.5, 0.75, 0.9, 0.99])
def test_gaps_get_the_width_that_takes_least(sparsity: float) -> None:
    weights = pruned(256, 256, sparsity)
    sizes = {k: next(encodings(weights, f"delta{k}")).nbytes for k in range(1, 17)}
    (best,) = encodings(weights, "delta")
    assert best.nbytes == min(sizes.values()) == sizes[int(best.format.removeprefix("delta"))]


@pytest.mark.parametrize("format", ["2:4", "1:4", "2:8"])
def test_patterns_take_the_bytes_of_the_formula(format: str) -> None:
    kept, length = map(int, format.split(":"))
    weights = torch.zeros(64, 128, dtype=torch.float16)
    weights.view(-1, length)[:, -kept:] = 1.0
    (encoded,) = encodings(weights, format)
    assert encoded.nbytes == Storage(format, "fp16").bytes(1 - kept / length, weights.count_nonzero())


@pytest.mark.parametrize(("format", "index"), [("csr", np.int32), ("csr16", np.int16), ("csr64", np.int64)])
def test_csr_is_that_of_scipy(format: str, index: type) -> None:
    weights = pruned(40, 30, 0.75, torch.float32)
    (encoded,), theirs = encodings(weights, format), sp.csr_array(weights.numpy())
    assert np.array_equal(encoded.parts["compressed"], theirs.data)
    for ours, array in (("columns", theirs.indices), ("row_offsets", theirs.indptr)):
        assert encoded.parts[ours].numpy().dtype == index
        assert np.array_equal(encoded.parts[ours], array)


def test_indices_that_are_too_narrow_are_not_used() -> None:
    assert not list(encodings(torch.ones(2, 40_000), "csr16"))


def test_two_of_four_is_the_layout_of_the_hardware() -> None:
    from torch.sparse._semi_structured_conversions import sparse_semi_structured_from_dense_cutlass

    weights = torch.randn(64, 128, generator=torch.Generator().manual_seed(1)).half()
    order = weights.view(-1, 4).abs().argsort(1)
    weights.view(-1, 4).scatter_(1, order[:, :2], 0.0)
    (encoded,) = encodings(weights, "2:4")
    values, metadata = sparse_semi_structured_from_dense_cutlass(weights)
    assert torch.equal(encoded.parts["compressed"].view(64, 64), values)
    assert encoded.parts["positions"].nbytes == metadata.nbytes


@given(st.integers(1, 16).flatmap(lambda k: st.tuples(st.just(k), st.lists(st.integers(0, 2**k - 1), max_size=50))))
def test_codes_come_back(case) -> None:
    width, codes = case
    packed = pack(np.array(codes, dtype=np.uint16), width)
    assert len(packed) == -(-len(codes) * width // 8)
    assert unpack(packed, width)[: len(codes)].tolist() == codes


def test_codes_of_many_pieces_come_back() -> None:
    codes = np.random.default_rng(0).integers(0, 8, 200_001).astype(np.uint16)
    assert np.array_equal(unpack(pack(codes, 3), 3)[: len(codes)], codes)


def test_negative_zeros_are_counted() -> None:
    weights = torch.tensor([0.0, -0.0, 1.0, -1.0, -0.0, float("nan")])
    for dtype in TYPES:
        assert count_negative_zeros(weights.to(dtype)) == 2
    assert count_negative_zeros(torch.tensor([0, -128], dtype=torch.int8)) == 0


@pytest.mark.parametrize("format", ["bitmask", "delta3", "1:4", "csr32"])
@pytest.mark.parametrize("damage", ["no values", "more values", "no parts", "shape", "type"])
def test_parts_that_do_not_fit_are_refused(format: str, damage: str) -> None:
    weights = torch.zeros(8, 16)
    weights[:, ::4] = 1.0
    encoded = next(e for e in encodings(weights, format.removesuffix("32")))
    parts, dtype, shape = dict(encoded.parts), encoded.dtype, encoded.shape
    if damage == "no values":
        parts["compressed"] = parts["compressed"][:0]
    elif damage == "more values":
        parts["compressed"] = torch.cat([parts["compressed"]] * 8)
    elif damage == "no parts":
        parts = {name: part if name == "compressed" else part[:0] for name, part in parts.items()}
    elif damage == "shape":
        shape = (2, 3)
    else:
        dtype = torch.bfloat16
    with pytest.raises((ValueError, IndexError)):
        decode(Encoded(encoded.format, dtype, shape, parts))


@pytest.mark.parametrize(
    "format", ["", "zip", "coo", "csr8", "delta0", "delta17", "4:4", "8:4", "0:4", "2:4:8", "bitmask1"]
)
def test_unknown_formats_are_one_sentence(format: str) -> None:
    with pytest.raises(UserError, match="is not a file format"):
        check_format(format)
