"""Shards and their preparation: nothing lost, nothing repeated, splits apart, killed and resumed at will."""

import json
import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pytest

from sparselaw.train.data import preparation
from sparselaw.train.data.preparation import TextSource, is_heldout, prepare
from sparselaw.train.data.shards import open_corpus
from sparselaw.train.data.tokenizers import load_encoder

BYTES = load_encoder("bytes")
TEXTS = [f"document {number} " * (1 + number % 7) for number in range(3000)]


def _source(texts=TEXTS, *, fail_at=None, pause=0.0):
    def documents(position):
        for number in range(position or 0, len(texts)):
            if number == fail_at:
                raise KeyboardInterrupt
            time.sleep(pause)
            yield texts[number], lambda number=number: number + 1

    return TextSource("texts", "texts", documents, lambda: {"count": len(texts)})


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch):
    monkeypatch.setattr(preparation, "SHARD_TOKENS", 20_000)


def _tokens(split):
    return np.asarray(split.read(0, len(split)))


def _expected(held):
    return np.concatenate(BYTES.encode([text for text in TEXTS if is_heldout(text) == held]))


def test_every_document_is_in_one_split_in_order(tmp_path):
    corpus = prepare(_source(), tmp_path / "corpus", encoder=BYTES)
    assert len(corpus.index["shards"]["train"]) > 3
    assert _tokens(corpus.train).tolist() == _expected(False).tolist()
    assert _tokens(corpus.heldout).tolist() == _expected(True).tolist()
    assert corpus.index["num_documents"] == len(TEXTS)


def test_about_five_percent_are_held_out_and_equal_documents_stay_together():
    share = np.mean([is_heldout(f"text {number}") for number in range(20_000)])
    assert share == pytest.approx(0.05, abs=0.006)  # 4 standard errors


@pytest.mark.parametrize("max_tokens", [1, 19_999, 20_000, 20_001, 50_123])
def test_limit_is_met_exactly(tmp_path, max_tokens):
    corpus = prepare(_source(), tmp_path / "corpus", encoder=BYTES, max_tokens=max_tokens)
    assert _tokens(corpus.train).tolist() == _expected(False)[:max_tokens].tolist()


@pytest.mark.parametrize("fail_at", [0, 700, 1500, 2999])
def test_interrupted_preparation_goes_on_where_it_was(tmp_path, fail_at):
    whole = prepare(_source(), tmp_path / "whole", encoder=BYTES)
    with pytest.raises(KeyboardInterrupt):
        prepare(_source(fail_at=fail_at), tmp_path / "broken", encoder=BYTES)
    assert open_corpus(tmp_path / "broken") is None
    resumed = prepare(_source(), tmp_path / "broken", encoder=BYTES)
    assert resumed.index == whole.index  # the hashes of all shards included
    assert _tokens(resumed.train).tolist() == _tokens(whole.train).tolist()
    assert not list((tmp_path / "broken").glob("*.partial"))


def _prepare_slowly(folder):
    preparation.SHARD_TOKENS = 20_000
    prepare(_source(pause=0.0005), folder, encoder=BYTES)


def test_killed_preparation_leaves_a_corpus_that_can_be_finished(tmp_path):
    process = multiprocessing.get_context("fork").Process(target=_prepare_slowly, args=(tmp_path / "corpus",))
    process.start()
    while not (tmp_path / "corpus" / "progress.json").exists():
        time.sleep(0.01)
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert open_corpus(tmp_path / "corpus") is None
    corpus = prepare(_source(), tmp_path / "corpus", encoder=BYTES)
    assert _tokens(corpus.train).tolist() == _expected(False).tolist()


def test_of_several_at_once_one_prepares_and_all_read(tmp_path):
    drawn, corpora = [], []

    def documents(position):
        drawn.append(position)
        yield from _source(pause=0.0001).documents(position)

    source = TextSource("texts", "texts", documents, dict)
    threads = [
        threading.Thread(target=lambda: corpora.append(prepare(source, tmp_path / "corpus", encoder=BYTES)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert drawn == [None]
    assert [len(corpus.train) for corpus in corpora] == [len(_expected(False))] * 4


def test_index_tells_the_hash_of_every_shard(tmp_path):
    import hashlib

    prepare(_source(), tmp_path / "corpus", encoder=BYTES)
    index = json.loads((tmp_path / "corpus" / "index.json").read_text())
    for entry in [*index["shards"]["train"], *index["shards"]["heldout"]]:
        content = (tmp_path / "corpus" / entry["file"]).read_bytes()
        assert hashlib.blake2b(content, digest_size=16).hexdigest() == entry["blake2b"]
        assert len(content) == 2 * entry["tokens"]
