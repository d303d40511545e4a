"""Token shards: a folder of flat integer files read by memory map, with a JSON index.

    corpus/
      train-00000.bin  heldout-00000.bin  ...   little-endian uint16 or uint32 token ids
      progress.json                             state of the preparation, from which a killed one resumes
      index.json                                written last: its presence means that the corpus is complete

Every file is written under another name and then renamed, so a reader never sees a partial file.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sparselaw.errors import UserError
from sparselaw.files import write_atomically

SPLITS = ("train", "heldout")


@dataclass(frozen=True)
class TokenArray:
    """All tokens of a split, in memory-mapped shards.

    Attributes:
        shards: one-dimensional integer arrays.
        starts: position of the first token of each shard, then the total number of tokens, int64.
    """

    shards: tuple[np.ndarray, ...]
    starts: np.ndarray

    def __len__(self) -> int:
        return int(self.starts[-1])

    def windows(self, indices: np.ndarray, length: int) -> np.ndarray:
        """The tokens [i * length, (i+1) * length) for each index i, shape (B, length)."""
        return np.stack([self.read(int(index) * length, length) for index in indices])

    def read(self, start: int, length: int) -> np.ndarray:
        """`length` tokens from position `start`, across shards if necessary."""
        part = int(np.searchsorted(self.starts, start, side="right")) - 1
        offset = start - int(self.starts[part])
        piece = self.shards[part][offset : offset + length]
        if len(piece) == length:
            return np.asarray(piece)
        return np.concatenate([piece, self.read(start + len(piece), length - len(piece))])


@dataclass(frozen=True)
class Corpus:
    """A prepared corpus: its two splits and the contents of index.json."""

    train: TokenArray
    heldout: TokenArray
    index: dict[str, Any]


def open_corpus(folder: Path) -> Corpus | None:
    """Opens a corpus; returns None if it is missing or incomplete.

    Raises:
        UserError: if a shard is missing or its size differs from the index.
    """
    if not (folder / "index.json").exists():
        return None
    index = json.loads((folder / "index.json").read_text())
    train, heldout = (_map_shards(folder, index["shards"][split], index["dtype"]) for split in SPLITS)
    return Corpus(train, heldout, index)


def join(shards: list[np.ndarray]) -> TokenArray:
    """Joins arrays into one, without copying; empty ones are dropped."""
    parts = tuple(shard for shard in shards if len(shard))
    return TokenArray(parts, np.cumsum([0, *map(len, parts)], dtype=np.int64))


def write_shard(folder: Path, name: str, tokens: np.ndarray) -> dict[str, Any]:
    """Writes a shard and returns its entry for the index."""
    data = tokens.tobytes()
    write_atomically(folder / name, data)
    return {"file": name, "tokens": len(tokens), "blake2b": hashlib.blake2b(data, digest_size=16).hexdigest()}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes a JSON file atomically."""
    write_atomically(path, json.dumps(content, indent=1))


def _map_shards(folder: Path, entries: list[dict[str, Any]], dtype: str) -> TokenArray:
    return join([_map_shard(folder / entry["file"], entry["tokens"], dtype) for entry in entries if entry["tokens"]])


def _map_shard(path: Path, num_tokens: int, dtype: str) -> np.ndarray:
    if not path.exists() or path.stat().st_size != num_tokens * np.dtype(dtype).itemsize:
        raise UserError(f"The token shard {path} is missing or damaged; delete its folder to prepare the corpus again.")
    return np.memmap(path, dtype=dtype, mode="r")
