"""Token shards: windows across them, their index, and damage that is noticed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw.errors import UserError
from sparselaw.train.data.shards import join, open_corpus, write_json, write_shard


@settings(deadline=None, max_examples=60)
@given(sizes=st.lists(st.integers(0, 40), min_size=1, max_size=12), length=st.integers(1, 25))
def test_windows_tile_the_corpus_across_shards(sizes, length):
    tokens = np.arange(sum(sizes), dtype=np.uint16)
    array = join(np.split(tokens, np.cumsum(sizes)[:-1]))
    count = len(array) // length
    if count:
        assert array.windows(np.arange(count), length).ravel().tolist() == tokens[: count * length].tolist()


@pytest.fixture
def corpus_folder(tmp_path):
    """A corpus of two training shards and one held-out shard, as preparation leaves it."""
    train = [write_shard(tmp_path, f"train-0000{k}.bin", np.arange(10 * k, 10 * k + 10, dtype="<u2")) for k in (0, 1)]
    heldout = [write_shard(tmp_path, "heldout-00000.bin", np.arange(5, dtype="<u2"))]
    write_json(tmp_path / "index.json", {"dtype": "<u2", "shards": {"train": train, "heldout": heldout}})
    return tmp_path


def test_a_corpus_is_read_as_it_was_written(corpus_folder):
    corpus = open_corpus(corpus_folder)
    assert corpus.train.read(0, 20).tolist() == list(range(20))
    assert corpus.train.read(8, 4).tolist() == [8, 9, 10, 11]
    assert corpus.heldout.windows(np.array([1, 0]), 2).tolist() == [[2, 3], [0, 1]]


def test_without_an_index_there_is_no_corpus(corpus_folder):
    (corpus_folder / "index.json").unlink()
    assert open_corpus(corpus_folder) is None


@pytest.mark.parametrize("damage", ["shorter", "longer", "gone"])
def test_a_damaged_shard_is_refused(corpus_folder, damage):
    shard = corpus_folder / "train-00001.bin"
    if damage == "gone":
        shard.unlink()
    else:
        shard.write_bytes(shard.read_bytes()[:-2] if damage == "shorter" else shard.read_bytes() + b"\0\0")
    with pytest.raises(UserError, match=r"token shard .*train-00001\.bin is missing or damaged"):
        open_corpus(corpus_folder)
