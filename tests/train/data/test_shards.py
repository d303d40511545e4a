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


def test_damaged_shard_is_refused(tmp_path):
    prepare(_source(), tmp_path / "corpus", encoder=BYTES)
    shard = tmp_path / "corpus" / "train-00001.bin"
    shard.write_bytes(shard.read_bytes()[:-2])
    with pytest.raises(UserError, match=r"token shard .*train-00001\.bin is missing or damaged"):
        open_corpus(tmp_path / "corpus")
