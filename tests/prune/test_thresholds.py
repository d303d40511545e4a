import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw.prune.ranking import Ranked, write_mask
from sparselaw.prune.thresholds import SAMPLE, count_cut, find_cut, prune_together

torch.set_num_threads(1)
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
N = 3 * SAMPLE + 17  # enough for the sampled bracket


def oracle(weights, mask, protected, num_zeros):
    """Sorts: smallest magnitude first; of equals the pruned first, then the highest index."""
    order = np.lexsort((-np.arange(len(weights)), mask, weights.double().abs().numpy()))
    keep = torch.ones(len(weights), dtype=torch.bool)
    keep[torch.from_numpy(order[~protected.numpy()[order]][:num_zeros].copy())] = False
    return keep


def samples(dtype):
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(N, generator=generator, dtype=torch.float64)
    info = torch.finfo(dtype)
    half = normal.clone()
    half[torch.rand(N, generator=generator) < 0.5] = 0.0
    return {
        "normal": normal.to(dtype),
        "constant": torch.full((N,), -0.5, dtype=dtype),
        "zero": torch.zeros(N, dtype=dtype).copysign(normal.to(dtype)),
        "tied": (normal * 2).round().to(dtype),
        "half-zero": half.to(dtype),
        "huge": (normal.sign() * info.max * torch.rand(N, generator=generator, dtype=torch.float64)).to(dtype),
        "subnormal": (normal * info.tiny / 16).to(dtype),
        "infinite": torch.where(normal > 1, torch.inf, normal).to(dtype),
        "periodic": normal[torch.arange(N) % 4].to(dtype),
        "sorted": normal.sort().values.to(dtype),
        "one-column": torch.where(torch.arange(N) % 64 == 0, 1e3 * normal, normal).to(dtype),
    }


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", list(samples(torch.float32)))
def test_masks_against_a_full_sort(kind, dtype):
    weights = samples(dtype)[kind]
    none = torch.zeros(N, dtype=torch.bool)
    for num_zeros in (1, N // 3, round(0.75 * N), N - 1, N):
        mask = torch.ones(N, dtype=torch.bool)
        expected = oracle(weights, mask, none, num_zeros)
        (flips,) = prune_together([Ranked(weights, mask)], num_zeros)
        assert mask.equal(expected)
        assert flips == num_zeros
        counted = Ranked(weights, torch.ones(N, dtype=torch.bool))
        write_mask(counted, count_cut([counted], num_zeros))
        assert counted.mask.equal(expected)


@pytest.mark.parametrize("kind", ["normal", "constant", "zero", "half-zero", "periodic"])
def test_pruned_weights_stay_pruned_while_sparsity_rises(kind):
    weights, mask = samples(torch.float32)[kind], torch.ones(N, dtype=torch.bool)
    mask[::3] = False
    for num_zeros in (len(mask[::3]), N // 2, round(0.9 * N)):
        weights = weights * mask
        before = mask.clone()
        by_counts = Ranked(weights, mask.clone())
        write_mask(by_counts, count_cut([by_counts], num_zeros))
        prune_together([Ranked(weights, mask)], num_zeros)
        assert not (mask & ~before).any()
        assert mask.count_nonzero() == N - num_zeros
        assert by_counts.mask.equal(mask)


@settings(deadline=None, max_examples=150)
@given(data=st.data(), dtype=st.sampled_from(DTYPES), size=st.integers(2, 60))
def test_small_groups_with_protected_and_pruned_weights(data, dtype, size):
    seed = data.draw(st.integers(0, 2**32 - 1))
    generator = torch.Generator().manual_seed(seed)
    weights = (3 * torch.randn(size, generator=generator)).round().to(dtype)
    protected = torch.rand(size, generator=generator) < 0.3
    protected[0] = False
    mask = (torch.rand(size, generator=generator) < 0.7) | protected
    weights *= mask
    free = int((~protected).sum())
    num_zeros = data.draw(st.integers(max(1, int((~mask).sum())), free))
    expected = oracle(weights, mask, protected, num_zeros)
    split = data.draw(st.integers(1, size - 1))
    for find in (find_cut, count_cut):
        new = mask.clone()
        parts = [slice(0, split), slice(split, size)]
        tensors = [Ranked(weights[p], new[p], protected[p]) for p in parts]
        cut = find(tensors, num_zeros)
        num_kept, _ = write_mask(tensors[0], cut)
        write_mask(tensors[1], type(cut)(cut.key, cut.num_ties - num_kept))
        assert new.equal(expected)


def test_a_bracket_that_misses_falls_back_to_counting():
    # Large values exactly where the sample looks, so that every quantile of the sample is far too high.
    weights = torch.rand(N)
    total_stride = max(1, N // SAMPLE) | 1
    weights[::total_stride] += 100.0
    mask = torch.ones(N, dtype=torch.bool)
    prune_together([Ranked(weights, mask)], N // 2)
    assert mask.equal(oracle(weights, torch.ones(N, dtype=torch.bool), torch.zeros(N, dtype=torch.bool), N // 2))


def test_counts_are_exact_above_two_to_the_24():
    size = (1 << 24) + 3
    weights = torch.rand(size, generator=torch.Generator().manual_seed(1))
    mask = torch.ones(size, dtype=torch.bool)
    prune_together([Ranked(weights, mask)], size - 5)
    assert mask.nonzero().flatten().tolist() == sorted(weights.topk(5).indices.tolist())
    everything = Ranked(torch.ones(size), torch.ones(size, dtype=torch.bool))
    prune_together([everything], 1)
    assert everything.mask.count_nonzero() == size - 1
    assert not everything.mask[-1]
