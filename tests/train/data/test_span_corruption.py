import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw.train.data.counter import keys
from sparselaw.train.data.span_corruption import corrupt, noise_mask, span_shape, span_shape_for_input

EOS, TOP = 1, 32_099


def _restore(inputs, targets):
    """Puts the spans of a target back where the sentinels of its input are."""
    spans = {}
    for token in targets[:-1]:
        if token > TOP - 100:
            span = spans[int(token)] = []
        else:
            span.append(int(token))
    return [token for place in inputs[:-1] for token in spans.get(int(place), [int(place)])]


def test_lengths_are_those_of_t5():
    shape = span_shape_for_input(512)
    assert (shape.raw_length, shape.input_length, shape.target_length) == (568, 512, 114)


@pytest.mark.parametrize("input_length", range(4, 700, 29))
def test_input_is_filled_as_far_as_it_goes(input_length):
    shape = span_shape_for_input(input_length)
    assert shape.input_length <= input_length
    assert span_shape(shape.raw_length + 1).input_length > input_length


@settings(deadline=None, max_examples=50)
@given(raw_length=st.integers(2, 700), seed=st.integers(0, 1000))
def test_input_and_target_together_are_the_raw_text(raw_length, seed):
    rng = np.random.default_rng(seed)
    raw = rng.integers(3, 30_000, size=(3, raw_length))
    inputs, targets = corrupt(raw, keys(seed, 1, np.arange(3)), eos=EOS, top_sentinel=TOP)
    shape = span_shape(raw_length)
    assert inputs.shape == (3, shape.input_length)
    assert targets.shape == (3, shape.target_length)
    for number in range(3):
        assert _restore(inputs[number], targets[number]) == raw[number].tolist()


def test_sentinels_go_down_from_the_top_and_eos_comes_last():
    inputs, targets = corrupt(np.full((2, 568), 7), keys(0, 1, np.arange(2)), eos=EOS, top_sentinel=TOP)
    for sequence in (*inputs, *targets):
        assert sequence[sequence > 7].tolist() == list(range(TOP, TOP - 28, -1))
        assert sequence[-1] == EOS
    assert (inputs[:, 0] == 7).all()  # text comes first in the input, a sentinel first in the target
    assert (targets[:, 0] == TOP).all()


def test_spans_have_the_mean_length_and_the_spread_of_random_compositions():
    mask = noise_mask(span_shape(568), keys(0, 1, np.arange(2000)))
    assert (mask.sum(axis=1) == 85).all()
    first_noise = mask.argmax(axis=1)
    # The first of k parts of n is >= m with probability C(n-m, k-1) / C(n-1, k-1); its mean is n / k.
    assert first_noise.mean() == pytest.approx(483 / 28, rel=0.06)
    first_span = np.argmin(np.take_along_axis(mask, first_noise[:, None] + np.arange(60), axis=1), axis=1)
    assert first_span.mean() == pytest.approx(85 / 28, rel=0.06)
    assert (first_span == 1).mean() == pytest.approx(27 / 84, abs=0.04)


def test_spans_depend_on_the_key_alone():
    raw = np.arange(568 * 4).reshape(4, 568) + 3
    example_keys = keys(0, 1, np.arange(4))
    whole, _ = corrupt(raw, example_keys, eos=EOS, top_sentinel=TOP)
    alone, _ = corrupt(raw[2:3], example_keys[2:3], eos=EOS, top_sentinel=TOP)
    assert (whole[2] == alone[0]).all()
