"""A prepared text corpus as training data."""

from pathlib import Path

import pooch

from sparselaw.errors import UserError
from sparselaw.train.data.config import DataConfig
from sparselaw.train.data.preparation import TextSource, corpus_folder, prepare
from sparselaw.train.data.shards import Corpus, TokenArray
from sparselaw.train.data.stream import Data
from sparselaw.train.data.text_batches import TextTask, text_task
from sparselaw.train.data.tokenizers import load_encoder


def open_text(config: DataConfig, source: TextSource) -> Data:
    """Prepares a text source where needed and opens it.

    Raises:
        UserError: if the corpus is too small for the sequence length, or the tokenizer unfit.
    """
    encoder = load_encoder(config.tokenizer)
    folder = corpus_folder(cache_folder(config), source, encoder=encoder, max_tokens=config.max_tokens)
    corpus = prepare(source, folder, encoder=encoder, max_tokens=config.max_tokens)
    task = text_task(config, encoder.vocabulary)
    return _as_data(config, corpus, task)


def cache_folder(config: DataConfig) -> Path:
    """Where prepared data is kept."""
    return Path(config.cache).expanduser() if config.cache else Path(pooch.os_cache("sparselaw"))


def _as_data(config: DataConfig, corpus: Corpus, task: TextTask) -> Data:
    num_train = _num_windows(corpus.train, task, source=config.source, what="training")
    num_heldout = _num_windows(corpus.heldout, task, source=config.source, what="held-out")
    return Data(
        make_train=task.train(lambda indices: corpus.train.windows(indices, task.raw_length)),
        make_heldout=task.heldout(lambda indices: corpus.heldout.windows(indices, task.raw_length)),
        num_heldout=min(config.heldout, num_heldout),
        heldout_pool=num_heldout,
        num_examples=num_train,
        unit="tokens",
        units_per_example=task.units_per_example,
        provenance={"source": config.source, "seed": config.seed, "corpus": corpus.index},
        seed=config.seed,
        vocab_size=task.vocabulary.size,
    )


def _num_windows(tokens: TokenArray, task: TextTask, *, source: str, what: str) -> int:
    if len(tokens) < task.raw_length:
        raise UserError(
            f"The corpus {source!r} has {len(tokens)} {what} tokens but one example takes {task.raw_length}; "
            "bring more documents or shorten data.sequence_length."
        )
    return len(tokens) // task.raw_length
