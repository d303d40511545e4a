"""Documents from local files and from Hugging Face datasets.

Local files are read in the order of their names. A table (Parquet, JSON, JSON lines, CSV) has one document per row. Any
other file is text, which is cut between lines into documents of about 8k characters. A Hugging Face dataset is streamed,
so only the part in use is downloaded.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparselaw.errors import UserError, first_line
from sparselaw.train.data.preparation import Documents, Position, TextSource

if TYPE_CHECKING:
    from datasets import IterableDataset

_TABLES = {".parquet": "parquet", ".json": "json", ".jsonl": "json", ".csv": "csv"}
_COMPRESSIONS = {".gz", ".zst", ".bz2", ".xz"}
_BLOCK_CHARACTERS = 2**13


def local_source(path: Path, text_column: str) -> TextSource:
    """A file, or all files below a folder except hidden ones, as documents.

    Args:
        path: an existing file or folder.
        text_column: column of tables that holds the text.

    Raises:
        UserError: if the folder has no files; when it is read, if a file is not text or a table lacks the column.
    """
    files = [path] if path.is_file() else _files_below(path)
    if not files:
        raise UserError(f"The folder {str(path)!r} holds no files; give one with text files, tables or images.")

    def documents(position: Position) -> Documents:
        first, done = position or (0, 0)
        for number in range(first, len(files)):
            skip = done if number == first else 0
            for count, text in enumerate(_file_documents(files[number], text_column, skip=skip), start=skip + 1):
                yield text, lambda number=number, count=count: (number, count)

    def describe() -> dict[str, Any]:
        return {"path": str(path), "files": {str(file.relative_to(path.parent)): _file_digest(file) for file in files}}

    stamps = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return TextSource(path.stem, repr([stamps, text_column]), documents, describe)


def hub_source(name: str, text_column: str, *, configuration: str | None = None) -> TextSource:
    """The training split of a Hugging Face dataset as documents.

    Args:
        name: name of the dataset on the Hub.
        text_column: column that holds the text.
        configuration: configuration of the dataset, if it has several.

    Raises:
        UserError: when it is read, if there is no such dataset or column.
    """

    def documents(position: Position) -> Documents:
        rows = stream_dataset(name, configuration)
        if position is not None:
            rows.load_state_dict(position)
        for text in _texts(rows, text_column, where=name):
            yield text, rows.state_dict

    def describe() -> dict[str, Any]:
        return {"dataset": name, "configuration": configuration, "split": "train", "text_column": text_column}

    label = "-".join([*name.split("/")[-1:], *([configuration] if configuration else [])])
    return TextSource(label, repr([name, configuration, text_column]), documents, describe)


def stream_dataset(name: str, configuration: str | None) -> "IterableDataset":
    """Opens the training split of a dataset for streaming.

    Raises:
        UserError: if the dataset cannot be opened.
    """
    from datasets import load_dataset

    try:
        return load_dataset(name, configuration, split="train", streaming=True)
    except Exception as error:  # network, spelling, permission, format: these errors have no common type
        raise UserError(
            f"Cannot open the dataset {name!r} ({first_line(error)}); check its name and your connection to the Hub."
        ) from error


def _files_below(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _file_documents(path: Path, text_column: str, *, skip: int) -> Iterator[str]:
    """Documents of a file after the first `skip`."""
    suffixes = [suffix for suffix in path.suffixes if suffix not in _COMPRESSIONS]
    builder = _TABLES.get(suffixes[-1] if suffixes else "")
    texts = _text_blocks(path) if builder is None else _table_texts(path, builder, text_column)
    for number, text in enumerate(texts):
        if number >= skip:
            yield text


def _text_blocks(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        try:
            while lines := file.readlines(_BLOCK_CHARACTERS):
                yield "".join(lines)
        except UnicodeDecodeError as error:
            raise UserError(
                f"The file {str(path)!r} is not UTF-8 text; convert it or remove it from the corpus."
            ) from error


def _table_texts(path: Path, builder: str, text_column: str) -> Iterator[str]:
    from datasets import load_dataset

    try:
        rows = load_dataset(builder, data_files=str(path), split="train", streaming=True)
        yield from _texts(rows, text_column, where=str(path))
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"The table {str(path)!r} cannot be read as {builder}; repair it or remove it from the corpus."
        ) from error


def _texts(rows: "IterableDataset", text_column: str, *, where: str) -> Iterator[str]:
    for row in rows:
        text = row.get(text_column)
        if text_column not in row or not isinstance(text, str | None):
            raise UserError(
                f"{where!r} has no text column {text_column!r}; set data.text_column to one of {', '.join(row)}."
            )
        if text:
            yield text


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
