"""Turns text into token ids: plain bytes, or any tokenizer of the `tokenizers` library.

Bytes follow ByT5 (Xue et al. 2022, arXiv 2105.13626): id = byte + 3; 0 is padding, 1 end of document, 2 unknown.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sparselaw.errors import UserError, first_line
from sparselaw.train.data.text_batches import Vocabulary

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BYTE_OFFSET = 3
_END_TOKENS = ("</s>", "<|endoftext|>", "<|end_of_text|>", "<eos>", "<|im_end|>", "[SEP]")


@dataclass(frozen=True)
class Encoder:
    """A tokenizer for the preparation of a corpus.

    Attributes:
        name: the name that the user gave.
        fingerprint: hash that changes whenever the ids would.
        vocabulary: the token ids.
        encode: turns each document into an array of ids that ends with the end-of-document id.
    """

    name: str
    fingerprint: str
    vocabulary: Vocabulary
    encode: Callable[[Sequence[str]], list[np.ndarray]]

    @property
    def dtype(self) -> np.dtype:
        """The smallest unsigned integer that holds every id."""
        return np.dtype("<u2" if self.vocabulary.size <= 2**16 else "<u4")


def load_encoder(name: str) -> Encoder:
    """Loads a tokenizer.

    Args:
        name: `bytes`, the path of a tokenizer.json or its folder, or the name of a Hugging Face tokenizer.

    Raises:
        UserError: if the tokenizer cannot be read or has no end-of-document token.
    """
    if name == "bytes":
        return Encoder("bytes", "bytes", Vocabulary(256 + BYTE_OFFSET, eos=1), _encode_bytes)
    tokenizer = _load_tokenizer(name)
    end = next((token_id for token in _END_TOKENS if (token_id := tokenizer.token_to_id(token)) is not None), None)
    if end is None:
        raise UserError(
            f"The tokenizer {name!r} has no end-of-document token; add one of {', '.join(_END_TOKENS)} to it."
        )
    size = 1 + max(tokenizer.get_vocab(with_added_tokens=True).values())
    vocabulary = Vocabulary(size, eos=end, top_sentinel=tokenizer.token_to_id("<extra_id_0>"))
    fingerprint = hashlib.blake2b(tokenizer.to_str().encode(), digest_size=8).hexdigest()

    def encode(texts: Sequence[str]) -> list[np.ndarray]:
        encodings = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.array([*encoding.ids, end]) for encoding in encodings]

    return Encoder(name, fingerprint, vocabulary, encode)


def _encode_bytes(texts: Sequence[str]) -> list[np.ndarray]:
    raw = (np.frombuffer(text.encode(), dtype=np.uint8) for text in texts)
    return [np.append(document.astype(np.uint16) + BYTE_OFFSET, np.uint16(1)) for document in raw]


def _load_tokenizer(name: str) -> "Tokenizer":
    from tokenizers import Tokenizer

    path = Path(name).expanduser()
    path = path / "tokenizer.json" if path.is_dir() else path
    try:
        return Tokenizer.from_file(str(path)) if path.is_file() else Tokenizer.from_pretrained(name)
    except Exception as error:  # the library raises bare Exception for every cause
        raise UserError(
            f"Cannot read the tokenizer {name!r} ({first_line(error)}); give 'bytes', a tokenizer.json or a Hub name."
        ) from error
