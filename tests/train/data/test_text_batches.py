"""From raw tokens to the batches of a decoder and of an encoder-decoder."""

import numpy as np
import pytest

from sparselaw.errors import UserError
from sparselaw.train.data import DataConfig
from sparselaw.train.data.span_corruption import span_shape_for_input
from sparselaw.train.data.text_batches import NUM_SENTINELS, Vocabulary, text_task

BYTES = Vocabulary(259, eos=1)


def read_for(task):
    """Raw tokens that tell which example and which place they are from."""
    return lambda indices: 3 + (np.asarray(indices)[:, None] * 7 + np.arange(task.raw_length)) % 250


def test_a_decoder_reads_and_predicts_the_same_tokens():
    task = text_task(DataConfig("x", sequence_length=24), BYTES)
    assert (task.raw_length, task.units_per_example, task.vocabulary) == (24, 24, BYTES)
    batch = task.train(read_for(task))(np.arange(3))
    assert batch["input_ids"].tolist() == batch["labels"].tolist() == read_for(task)(np.arange(3)).tolist()
    batch["labels"][0, 0] = -100
    assert batch["input_ids"][0, 0] != -100  # they share no memory


def test_an_encoder_decoder_counts_the_tokens_of_its_input():
    task = text_task(DataConfig("x", sequence_length=128, span_corruption=True), BYTES)
    spans = span_shape_for_input(128)
    batch = task.train(read_for(task))(np.arange(4))
    assert task.units_per_example == batch["input_ids"].shape[1] == spans.input_length
    assert batch["labels"].shape == (4, spans.target_length)
    assert task.vocabulary.size == 259 + NUM_SENTINELS
    assert (batch["labels"][:, 0] == task.vocabulary.size - 1).all()


def test_sentinels_of_the_vocabulary_are_used_where_it_has_some():
    own = Vocabulary(32_100, eos=1, top_sentinel=32_099)
    task = text_task(DataConfig("x", sequence_length=128, span_corruption=True), own)
    assert task.vocabulary == own


def test_held_out_spans_are_the_same_for_every_seed():
    tasks = [text_task(DataConfig("x", sequence_length=128, span_corruption=True, seed=s), BYTES) for s in (0, 5)]
    heldout = [task.heldout(read_for(task))(np.arange(4))["input_ids"].tolist() for task in tasks]
    train = [task.train(read_for(task))(np.arange(4))["input_ids"].tolist() for task in tasks]
    assert heldout[0] == heldout[1]
    assert train[0] != train[1]
    assert train[0] != heldout[0]


def test_more_spans_than_sentinels_are_refused():
    with pytest.raises(UserError, match=rf"needs 114 sentinels, but there are {NUM_SENTINELS}; reduce"):
        text_task(DataConfig("x", sequence_length=2048, span_corruption=True), BYTES)
