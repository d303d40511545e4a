"""Preparation of a corpus: turns documents into token shards; it can be stopped and resumed.

The hash of its text alone decides whether a document is held out. So the split is the same on every machine, does not
change when documents are added, and puts equal documents on the same side: no held-out document is trained on.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from sparselaw.train.data.shards import SPLITS, Corpus, open_corpus, write_json, write_shard
from sparselaw.train.data.tokenizers import Encoder

HELDOUT_SHARE = 0.05
SHARD_TOKENS = 2**24
_BLOCK_DOCUMENTS = 256

Position = Any
"""Where to resume in a source: any JSON value; None is the beginning."""

Documents = Iterator[tuple[str, Callable[[], Position]]]
"""Texts, each with a function that returns the position after it; it is valid only until the next text is drawn."""


@dataclass(frozen=True)
class TextSource:
    """A source of documents.

    Attributes:
        label: short name, used for the folder.
        identity: text that changes whenever the documents would.
        documents: gives the documents from a position on.
        describe: gives the provenance of the source; called once, when preparation begins.
    """

    label: str
    identity: str
    documents: Callable[[Position], Documents]
    describe: Callable[[], dict[str, Any]]


def is_heldout(text: str) -> bool:
    """Whether a document belongs to the held-out 5%."""
    digest = hashlib.blake2b(text.encode(), digest_size=8, person=b"heldout").digest()
    return int.from_bytes(digest, "little") < HELDOUT_SHARE * 2**64


def corpus_folder(cache: Path, source: TextSource, *, encoder: Encoder, max_tokens: int) -> Path:
    """The folder for the corpus of this source, tokenizer and limit."""
    identity = json.dumps([source.identity, encoder.fingerprint, max_tokens])
    return cache / f"{source.label}-{hashlib.blake2b(identity.encode(), digest_size=6).hexdigest()}"


def prepare(source: TextSource, folder: Path, *, encoder: Encoder, max_tokens: int = 0) -> Corpus:
    """Opens the corpus in `folder`, after preparing what is missing.

    Several processes may call this at once: one prepares, the others wait.

    Args:
        source: the source of the documents.
        folder: folder of the corpus.
        encoder: turns text into tokens.
        max_tokens: number of training tokens to prepare; 0 takes all.
    """
    from filelock import FileLock

    if corpus := open_corpus(folder):
        return corpus
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        if open_corpus(folder) is None:
            _write_corpus(source, folder, encoder=encoder, max_tokens=max_tokens)
    corpus = open_corpus(folder)
    assert corpus is not None
    return corpus


def _write_corpus(source: TextSource, folder: Path, *, encoder: Encoder, max_tokens: int) -> None:
    progress = _read_progress(folder) or _fresh_progress(source, encoder)
    documents = source.documents(progress["position"])
    with _progress_bar(source.label, max_tokens) as show:
        show(progress)
        while limit := _tokens_wanted(progress["num_tokens"], max_tokens):
            part = _next_part(documents, encoder, limit=limit)
            if part is None:
                break
            progress = _append(progress, part, folder, max_tokens=max_tokens)
            write_json(folder / "progress.json", progress)
            show(progress)
    write_json(folder / "index.json", {key: value for key, value in progress.items() if key != "position"})
    (folder / "progress.json").unlink(missing_ok=True)


def _tokens_wanted(num_tokens: int, max_tokens: int) -> int:
    return min(SHARD_TOKENS, max_tokens - num_tokens) if max_tokens else SHARD_TOKENS


@dataclass(frozen=True)
class _Part:
    """What goes into one pair of shards."""

    tokens: dict[str, np.ndarray]
    num_documents: int
    position: Position


def _next_part(documents: Documents, encoder: Encoder, *, limit: int) -> _Part | None:
    """Draws documents until there are `limit` training tokens or no more documents; None if there are no documents."""
    pieces: dict[str, list[np.ndarray]] = {split: [np.empty(0, encoder.dtype)] for split in SPLITS}
    num_documents, num_train, position = 0, 0, None
    while num_train < limit:
        block = list(islice(documents, _BLOCK_DOCUMENTS))
        if not block:
            break
        position = block[-1][1]()  # once per block, because asking a stream for it is slow
        texts = [text for text, _ in block]
        num_documents += len(texts)
        for text, tokens in zip(texts, encoder.encode(texts), strict=True):
            pieces["heldout" if is_heldout(text) else "train"].append(tokens.astype(encoder.dtype))
        num_train = sum(map(len, pieces["train"]))
    joined = {split: np.concatenate(parts) for split, parts in pieces.items()}
    return _Part(joined, num_documents, position) if num_documents else None


def _append(progress: dict[str, Any], part: _Part, folder: Path, *, max_tokens: int) -> dict[str, Any]:
    """Writes the shards of a part; returns the new progress."""
    number = len(progress["shards"]["train"])
    wanted = {"train": max_tokens - progress["num_tokens"] if max_tokens else None, "heldout": None}
    new = {
        split: write_shard(folder, f"{split}-{number:05d}.bin", part.tokens[split][: wanted[split]]) for split in SPLITS
    }
    return progress | {
        "shards": {split: [*progress["shards"][split], new[split]] for split in SPLITS},
        "num_tokens": progress["num_tokens"] + new["train"]["tokens"],
        "num_documents": progress["num_documents"] + part.num_documents,
        "position": part.position,
    }


def _fresh_progress(source: TextSource, encoder: Encoder) -> dict[str, Any]:
    return {
        "dtype": encoder.dtype.str,
        "tokenizer": {"name": encoder.name, "fingerprint": encoder.fingerprint, **asdict(encoder.vocabulary)},
        "heldout_share": HELDOUT_SHARE,
        "source": source.describe(),
        "shards": {split: [] for split in SPLITS},
        "num_tokens": 0,
        "num_documents": 0,
        "position": None,
    }


def _read_progress(folder: Path) -> dict[str, Any] | None:
    path = folder / "progress.json"
    return json.loads(path.read_text()) if path.exists() else None


@contextmanager
def _progress_bar(label: str, max_tokens: int) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Shows the number of tokens prepared, on a terminal only."""
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:3], TextColumn("{task.fields[tokens]:,} tokens"), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(f"Preparing {label}", total=max_tokens or None, tokens=0)
        yield lambda progress: bar.update(task, completed=progress["num_tokens"], tokens=progress["num_tokens"])
