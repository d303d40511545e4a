import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw.errors import SparselawWarning, UserError
from sparselaw.train.data import Data, warn_if_repeating


def _numbers(num_examples=103, *, seed=0, heldout=20, pool=37):
    """Data whose examples are their own numbers, held-out ones negative."""
    return Data(
        make_train=lambda indices: {"input_ids": torch.from_numpy(indices)},
        make_heldout=lambda indices: {"input_ids": torch.from_numpy(-1 - indices)},
        num_heldout=heldout,
        heldout_pool=pool,
        num_examples=num_examples,
        unit="tokens",
        units_per_example=10,
        provenance={"source": "numbers"},
        seed=seed,
    )


def _run(data, steps, batch_size, **parts):
    return np.concatenate([data.batch(step, batch_size, **parts)["input_ids"].numpy() for step in steps])


@settings(deadline=None, max_examples=40)
@given(num_examples=st.integers(1, 400), batch_size=st.integers(1, 50), seed=st.integers(0, 99))
def test_an_epoch_has_every_example_once(num_examples, batch_size, seed):
    seen = _run(_numbers(num_examples, seed=seed), range(-(-2 * num_examples // batch_size)), batch_size)
    assert sorted(seen[:num_examples]) == list(range(num_examples))
    assert sorted(seen[num_examples : 2 * num_examples]) == list(range(num_examples))


@settings(deadline=None, max_examples=40)
@given(world_size=st.integers(1, 6), share=st.integers(1, 9), step=st.integers(0, 10**9))
def test_ranks_partition_the_batch(world_size, share, step):
    data, batch_size = _numbers(10**6), world_size * share
    parts = [_run(data, [step], batch_size, rank=rank, world_size=world_size) for rank in range(world_size)]
    assert np.concatenate(parts).tolist() == _run(data, [step], batch_size).tolist()


def test_a_batch_does_not_depend_on_what_was_asked_before():
    data = _numbers()
    forward = [_run(data, [step], 7).tolist() for step in range(20)]
    backward = [_run(_numbers(), [step], 7).tolist() for step in reversed(range(20))]
    assert forward == backward[::-1]


def test_batch_size_does_not_change_the_order():
    assert _run(_numbers(), range(10), 4).tolist() == _run(_numbers(), range(4), 10).tolist()


def test_epochs_and_seeds_have_orders_of_their_own():
    data = _numbers(1000)
    first, second, other = _run(data, [0], 1000), _run(data, [1], 1000), _run(_numbers(1000, seed=1), [0], 1000)
    assert (first == second).mean() < 0.02
    assert (first == other).mean() < 0.02


def test_huge_corpora_need_no_memory_and_no_32_bit_index():
    seen = _run(_numbers(3 * 10**14), range(10**8, 10**8 + 50), 1024)
    assert seen.max() > 10**14
    assert len(np.unique(seen)) == 50 * 1024


@pytest.mark.parametrize("batch_size", [1, 6, 20, 64])
def test_validation_is_a_fixed_sample_without_repeats(batch_size):
    batches = [batch["input_ids"] for batch in _numbers(seed=5).validation(batch_size)]
    again = torch.cat([batch["input_ids"] for batch in _numbers(seed=6).validation(7)])
    assert torch.equal(torch.cat(batches), again)
    assert len(again.unique()) == 20
    assert again.max() < 0


def test_batch_that_does_not_divide_is_refused():
    with pytest.raises(UserError, match="Batch size 10 does not divide by 4 processes"):
        _numbers().batch(0, 10, world_size=4)


def test_warning_comes_exactly_when_an_example_would_repeat():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_repeating(_numbers(100), num_steps=10, batch_size=10)
        warn_if_repeating(_numbers(None), num_steps=10**12, batch_size=10**6)
    with pytest.warns(SparselawWarning, match=r"needs 1\.1k tokens, but numbers has 1k unique ones.*1\.10 times"):
        warn_if_repeating(_numbers(100), num_steps=11, batch_size=10)


@pytest.mark.parametrize(("num_examples", "shown"), [(123_456_789, "1.23B unique training tokens"), (None, "endless")])
def test_description_tells_how_much_there_is(num_examples, shown):
    assert shown in _numbers(num_examples).describe()
