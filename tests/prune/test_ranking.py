"""Keys are ordered as magnitudes are, and a mask keeps exactly what a cut says."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw.prune.ranking import KEY_TYPES, Cut, Ranked, adopt_protected, bits_of, ties, write_mask


@pytest.mark.parametrize("dtype", KEY_TYPES, ids=str)
def test_keys_are_ordered_as_magnitudes(dtype):
    info = torch.finfo(dtype)
    values = torch.tensor([0.0, info.tiny / 4, info.tiny, 0.5, -1.0, 3.0, -info.max, torch.inf], dtype=dtype)
    tensor = Ranked(values, torch.ones(len(values), dtype=torch.bool))
    (keys, *_), (host_keys, *_) = next(tensor.chunks()), next(tensor.host_chunks())
    assert keys.tolist() == host_keys.tolist() == sorted(set(keys.tolist()))
    signs = Ranked(-values, tensor.mask)
    assert next(signs.chunks())[0].equal(keys)  # -0 has the key of 0


def test_bits_share_the_memory_of_the_tensor():
    tensor = torch.tensor([1.0, -2.0])
    bits_of(tensor)[0] = 0
    assert tensor.tolist() == [0.0, -2.0]


@settings(deadline=None, max_examples=100)
@given(size=st.integers(1, 50), seed=st.integers(0, 2**32 - 1), on_host=st.booleans())
def test_a_mask_keeps_what_is_above_the_cut_and_the_first_ties(size, seed, on_host):
    rng = np.random.default_rng(seed)
    magnitudes = rng.integers(0, 4, size).astype(np.float32)
    mask, protected = rng.random(size) < 0.8, rng.random(size) < 0.2
    mask |= protected
    magnitudes *= mask
    threshold = np.float32(rng.integers(0, 4))
    num_ties = int(rng.integers(0, 5))
    tensor = Ranked(*(torch.from_numpy(x.copy()) for x in (magnitudes, mask, protected)))
    key = int(bits_of(torch.tensor([threshold]))[0])
    cut = Cut(key, num_ties) if on_host else Cut(torch.tensor([key]), torch.tensor([num_ties]))
    num_kept, num_changed = write_mask(tensor, cut)

    tied = np.flatnonzero((magnitudes == threshold) & mask & ~protected)[:num_ties]
    expected = (magnitudes > threshold) | protected
    expected[tied] = True
    assert tensor.mask.tolist() == expected.tolist()
    assert int(num_kept) == len(tied)
    assert int(num_changed) == int((expected != mask).sum())


def test_weights_pruned_before_are_no_ties():
    keys, mask = torch.tensor([0, 0, 7]), torch.tensor([False, True, True])
    assert ties(keys, mask, None, key=0).tolist() == [False, True, False]
    assert ties(keys, mask, torch.tensor([False, True, False]), key=0).tolist() == [False, False, False]


def test_protected_weights_alone_stay():
    mask, protected = torch.tensor([True, True, False, True]), torch.tensor([True, False, False, True])
    assert int(adopt_protected(Ranked(torch.ones(4), mask, protected))) == 1
    assert mask.equal(protected)
