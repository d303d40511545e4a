import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sparselaw.train.data.counter import keys, mix, permute, uniforms


def test_mix_gives_the_published_splitmix64_sequence():
    # Outputs of SplitMix64 seeded with 1234567, as listed by the generator's reference tests.
    expected = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    golden = 0x9E3779B97F4A7C15
    states = np.array([(1234567 + i * golden) % 2**64 for i in range(5)], dtype=np.uint64)
    assert mix(states).tolist() == expected


@settings(deadline=None, max_examples=60)
@given(size=st.integers(1, 3000), key=st.integers(0, 2**70))
def test_permutation_is_a_bijection(size, key):
    assert sorted(permute(np.arange(size), size, key=key)) == list(range(size))


@pytest.mark.parametrize("size", [2**31 + 7, 10**12, 2**60 - 1])
def test_permutation_of_huge_sizes_stays_inside_and_apart(size):
    last = permute(size - 1 - np.arange(20_000), size, key=1)
    assert last.min() >= 0
    assert last.max() < size
    assert len(np.unique(last)) == 20_000
    assert stats.kstest(last / size, "uniform").pvalue > 1e-4


def test_permutations_of_two_keys_are_unlike():
    first, second = (permute(np.arange(10_000), 10_000, key=key) for key in (1, 2))
    assert (first == second).sum() < 10  # two random permutations share 1 place on average
    assert abs(np.corrcoef(first, np.arange(10_000))[0, 1]) < 0.05


def test_uniforms_are_uniform_and_unlike_between_examples_seeds_streams_and_purposes():
    base = uniforms(keys(0, 1, np.arange(200)), 100)
    assert stats.kstest(base.ravel(), "uniform").pvalue > 1e-3
    others = {
        "seed": uniforms(keys(1, 1, np.arange(200)), 100),
        "stream": uniforms(keys(0, 2, np.arange(200)), 100),
        "purpose": uniforms(keys(0, 1, np.arange(200)), 100, purpose=1),
        "index": uniforms(keys(0, 1, np.arange(1, 201)), 100),
        "position": np.roll(base, 1, axis=1),
    }
    for name, other in others.items():
        assert abs(np.corrcoef(base.ravel(), other.ravel())[0, 1]) < 0.03, name
