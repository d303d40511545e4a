"""Bytes of sparse weights against published shares, arrays and files of other tools, simulation and closed forms."""

import io

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from sparselaw.cost.storage import PRECISIONS, Memory, Storage, gap_codes
from sparselaw.errors import UserError

FORMATS = ("dense", "bitmask", "csr", "csr16", "csr64", "coo", "coo64", "delta", "delta4", "entropy", "ideal")
SPARSITY = np.array([0.0, 0.01, 0.3, 0.5, 0.75, 0.9, 0.99, 0.999])
formats, precisions = st.sampled_from(FORMATS), st.sampled_from(sorted(PRECISIONS))


def share(storage: Storage, S: float) -> float:
    """Of the bytes of the same weights stored dense."""
    return float(storage.bytes_per_nonzero(S) / Storage("dense", storage.precision).bytes_per_nonzero(S))


@pytest.fixture(scope="module")
def weights() -> np.ndarray:
    """A layer of normal weights, as wide as initial ones are, without its smallest 75%; all zeros are positive."""
    values = np.random.default_rng(0).normal(scale=0.02, size=(1024, 768)).astype(np.float32)
    return np.where(np.abs(values) > np.quantile(np.abs(values), 0.75), values, 0)


@pytest.mark.parametrize(
    ("format", "S", "published"),
    [
        ("coo64", 0.75, 2.25),
        ("csr64", 0.75, 1.25),
        ("csr", 0.75, 0.75),
        ("bitmask", 0.75, 0.3125),
        ("entropy", 0.75, 0.301),
        ("2:4", 0.5, 0.5625),
        ("1:4", 0.75, 0.281),
        ("2:8", 0.75, 0.297),
    ],
)
def test_known_shares_of_a_bf16_layer(format: str, S: float, published: float) -> None:
    assert share(Storage(format), S) == pytest.approx(published, abs=5e-4)


def test_gaps_of_four_bits_padded_with_zero_values_and_without() -> None:
    with_values = float(gap_codes(0.75, 4)) * (16 + 4) / 8 * 0.25 / 2
    assert with_values == pytest.approx(0.317, abs=5e-4)
    assert share(Storage("delta4"), 0.75) == pytest.approx(0.313, abs=5e-4)


def test_general_compression_of_a_bf16_layer(weights: np.ndarray) -> None:
    zstd = pytest.importorskip("zstandard").ZstdCompressor(level=19)

    def zipped(array: np.ndarray) -> float:
        return len(zstd.compress(array.tobytes())) / weights.nbytes * 2

    dense, mask = torch.from_numpy(weights).bfloat16(), np.packbits(weights != 0)
    assert zipped(dense.view(torch.uint8).numpy()) == pytest.approx(0.248, abs=0.003)
    # Pruned by multiplying with a mask: half of the zeros are negative, which is a bit more each to compress.
    signs = torch.from_numpy(np.random.default_rng(1).choice([-1.0, 1.0], weights.shape)).bfloat16()
    assert zipped((dense * signs).view(torch.uint8).numpy()) == pytest.approx(0.294, abs=0.003)
    values = dense[dense != 0].view(torch.uint8).numpy().reshape(-1, 2)
    assert zipped(values.T) + mask.nbytes / weights.nbytes * 2 == pytest.approx(0.217, abs=0.006)
    assert 0.8113 < len(zstd.compress(mask.tobytes())) / mask.nbytes < 0.83  # the entropy of a bit that is 1 in 4


@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_csr_and_coo_are_the_arrays_of_scipy(weights: np.ndarray, index: type) -> None:
    bits, num, S = 8 * np.dtype(index).itemsize, np.count_nonzero(weights), 1 - np.count_nonzero(weights) / weights.size
    csr, coo = sp.csr_array(weights), sp.coo_array(weights)
    arrays = csr.data.nbytes + csr.indices.astype(index).nbytes
    assert Storage(f"csr{bits}", "fp32").bytes(S, num) == pytest.approx(arrays, rel=1e-12)
    arrays = coo.data.nbytes + sum(c.astype(index).nbytes for c in coo.coords)
    assert Storage(f"coo{bits}", "fp32").bytes(S, num) == pytest.approx(arrays, rel=1e-12)


def test_a_file_of_scipy_is_its_rows_pointers_longer(weights: np.ndarray) -> None:
    file = io.BytesIO()
    sp.save_npz(file, sp.csr_matrix(weights), compressed=False)
    S = 1 - np.count_nonzero(weights) / weights.size
    predicted = float(Storage("csr", "fp32").bytes(S, np.count_nonzero(weights)))
    pointers, headers = 4 * (len(weights) + 1), 2500
    assert predicted + pointers < len(file.getvalue()) < predicted + pointers + headers


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("int8", torch.int8)]
)
def test_dense_is_a_file_of_safetensors(weights: np.ndarray, precision: str, dtype: torch.dtype) -> None:
    num, content = np.count_nonzero(weights), save({"w": torch.from_numpy(weights).to(dtype)})
    header = 8 + int.from_bytes(content[:8], "little")
    predicted = Storage("dense", precision).bytes(1 - num / weights.size, num)
    assert predicted == pytest.approx(len(content) - header, rel=1e-12)


@pytest.mark.parametrize("S", [0.5, 0.75, 0.95])
@pytest.mark.parametrize("bits", [1, 3, 4, 8])
def test_gap_codes_are_those_of_zeros_at_random(S: float, bits: int) -> None:
    alive = np.flatnonzero(np.random.default_rng(1).random(400_000) >= S)
    gaps = np.diff(alive) - 1
    assert float(gap_codes(S, bits)) == pytest.approx(1 + np.mean(gaps // (2**bits - 1)), rel=0.02)


def test_gaps_in_one_bit_are_a_bitmask() -> None:
    assert Storage("delta1").bytes_per_nonzero(SPARSITY) == pytest.approx(
        Storage("bitmask").bytes_per_nonzero(SPARSITY)
    )


@pytest.mark.parametrize("precision", PRECISIONS)
def test_nothing_but_free_positions_beats_the_entropy(precision: str) -> None:
    bound = Storage("entropy", precision).bytes_per_nonzero(SPARSITY)
    for format in set(FORMATS) - {"ideal", "dense"}:  # dense weights spare no code for their zeros
        assert (Storage(format, precision).bytes_per_nonzero(SPARSITY) >= bound * (1 - 1e-12)).all()
    assert Storage("delta", precision).bytes_per_nonzero(0.999) < 1.2 * bound[-1]


@given(format=formats, precision=precisions, S=st.floats(0, 0.999), N=st.floats(1, 1e15))
def test_bytes_and_nonzeros_are_inverse(format: str, precision: str, S: float, N: float) -> None:
    storage = Storage(format, precision)
    assert storage.nonzeros(S, storage.bytes(S, N)) == pytest.approx(N, rel=1e-12)


@given(format=formats, precision=precisions, u=st.floats(0.01, 6.9))
@settings(deadline=None)
def test_slopes_are_those_of_finite_differences(format: str, precision: str, u: float) -> None:
    memory, h = Memory(1e9, Storage(format, precision)), 1e-6
    for function, slope in ((memory.storage.bytes_per_nonzero, memory.storage.slope), (memory.nonzeros, memory.growth)):
        before, after = (np.log(function(-np.expm1(-v))) for v in (u - h, u + h))
        sides = sorted(
            float(slope(-np.expm1(-v))) for v in (u - h, u + h)
        )  # they differ where a better format takes over
        assert sides[0] - 1e-7 <= (after - before) / (2 * h) <= sides[1] + 1e-7


@pytest.mark.parametrize(("format", "S"), [("bitmask", 1 / 16), ("csr", 2 / 3), ("csr16", 0.5), ("coo64", 8 / 9)])
def test_a_format_takes_over_from_dense_where_it_is_smaller(format: str, S: float) -> None:
    memory = Memory(8e9, Storage(format))
    assert memory.kinks == pytest.approx((S,))
    assert memory.nonzeros(S) == pytest.approx(Memory(8e9, Storage("dense")).nonzeros(S))


def test_gap_codes_take_over_from_shorter_ones() -> None:
    memory = Memory(8e9, Storage("delta"))
    assert len(memory.kinks) == 12  # those of 2 to 12 bits below 0.999, and dense
    for S in memory.kinks[1:]:
        sizes = [float(Storage(f"delta{k}").bytes_per_nonzero(S)) for k in range(1, 17)]
        least, second = sorted(sizes)[:2]
        assert least == pytest.approx(second, rel=1e-12)


@pytest.mark.parametrize("format", ["2:4", "1:4", "2:8", "3:5"])
def test_a_pattern_holds_one_sparsity(format: str) -> None:
    storage, (kept, length) = Storage(format), map(int, format.split(":"))
    assert storage.levels == pytest.approx((1 - kept / length,))
    assert np.isfinite(storage.bytes_per_nonzero(storage.levels[0]))
    assert np.isinf(storage.bytes_per_nonzero([0.0, 0.3, 0.9])).all()
    assert Memory(1e9, storage).nonzeros(0.3) == Memory(1e9, Storage("dense")).nonzeros(0.3)


def test_two_of_four_takes_what_the_hardware_layout_takes(weights: np.ndarray) -> None:
    from torch.sparse._semi_structured_conversions import sparse_semi_structured_from_dense_cutlass

    pattern = torch.tensor([1, 1, 0, 0]).repeat(64, 32)
    values, metadata = sparse_semi_structured_from_dense_cutlass(torch.ones(64, 128).half() * pattern)
    arrays = values.nbytes + metadata.nbytes
    assert Storage("2:4", "fp16").bytes(0.5, 64 * 64) == arrays


@pytest.mark.parametrize("format", ["bitmask", "csr", "delta", "entropy"])
def test_a_memory_stores_nearly_dense_weights_dense(format: str) -> None:
    memory = Memory(8e9, Storage(format))
    assert memory.dense_params == memory.nonzeros(0.0) == 4e9
    assert (memory.nonzeros(SPARSITY) <= memory.dense_params).all()
    assert (np.diff(memory.nonzeros(SPARSITY)) < 0).sum() >= 3


@pytest.mark.parametrize(
    "format", ["", "zip", "csr8", "bitmask2", "delta0", "delta17", "4:4", "5:4", "0:4", "2:4:8", "n:m", "1000:2000"]
)
def test_unknown_formats_are_one_sentence(format: str) -> None:
    with pytest.raises(UserError, match=r"^format is .*(n:m|did you mean '\w+'\?)") as caught:
        Storage(format)
    assert "\n" not in str(caught.value)


def test_an_unknown_precision_is_one_sentence() -> None:
    with pytest.raises(UserError, match="precision is 'fp8'; give one of fp32"):
        Storage("dense", "fp8")
