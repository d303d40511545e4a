"""Opens the data that a configuration names."""

from pathlib import Path

import pooch

from sparselaw.errors import UserError
from sparselaw.train.data.config import DataConfig
from sparselaw.train.data.preparation import TextSource, corpus_folder, prepare
from sparselaw.train.data.shards import Corpus, TokenArray
from sparselaw.train.data.stream import Data
from sparselaw.train.data.text_batches import TextTask, text_task
from sparselaw.train.data.tokenizers import load_encoder

_C4 = "allenai/c4:en"


def open_data(config: DataConfig) -> Data:
    """Opens the data of a configuration, and prepares it on first use.

    Raises:
        UserError: if the source cannot be read or is too small.
    """
    if config.source == "synthetic":
        from sparselaw.train.data.synthetic import open_synthetic

        return open_synthetic(config)
    if config.source == "glyphs":
        from sparselaw.train.data.glyphs import open_glyphs

        return open_glyphs(config)
    if config.source in ("packages", "python"):
        from sparselaw.train.data.pinned_packages import pinned_packages
        from sparselaw.train.data.python_source import python_source

        return _open_text(config, pinned_packages() if config.source == "packages" else python_source())
    path = Path(config.source).expanduser()
    if path.exists():
        return _open_path(config, path)
    if path.is_absolute() or config.source.startswith((".", "~")) or path.suffix:
        raise UserError(f"There is no file or folder {config.source!r}; check data.source.")
    return _open_dataset(config, _C4 if config.source == "c4" else config.source)


def _open_path(config: DataConfig, path: Path) -> Data:
    from sparselaw.train.data.images import is_image_folder, open_image_folder
    from sparselaw.train.data.text_sources import local_source

    if is_image_folder(path):
        return open_image_folder(config, path)
    return _open_text(config, local_source(path, config.text_column))


def _open_dataset(config: DataConfig, source: str) -> Data:
    from sparselaw.train.data.images import image_columns, open_image_dataset
    from sparselaw.train.data.text_sources import hub_source, stream_dataset

    name, _, configuration = source.partition(":")
    if config.max_tokens:  # it is text, and a prepared corpus opens without a network
        return _open_text(config, hub_source(name, config.text_column, configuration=configuration or None))
    features = stream_dataset(name, configuration or None).features
    if features is None or image_columns(features)[0] is None:
        raise UserError(
            f"The dataset {name!r} may be too large to download; set data.max_tokens to the number of tokens you need."
        )
    return open_image_dataset(config, name, configuration=configuration or None)


def _open_text(config: DataConfig, source: TextSource) -> Data:
    """Opens a text source, and prepares it on first use.

    Raises:
        UserError: if the corpus is too small for the sequence length, or the tokenizer is unsuitable.
    """
    encoder = load_encoder(config.tokenizer)
    folder = corpus_folder(_cache_folder(config), source, encoder=encoder, max_tokens=config.max_tokens)
    corpus = prepare(source, folder, encoder=encoder, max_tokens=config.max_tokens)
    task = text_task(config, encoder.vocabulary)
    return _as_data(config, corpus, task)


def _cache_folder(config: DataConfig) -> Path:
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
            f"The corpus {source!r} has {len(tokens)} {what} tokens, but one example needs {task.raw_length}; "
            "add documents or reduce data.sequence_length."
        )
    return len(tokens) // task.raw_length
