"""Python source code found on this machine: a text corpus that needs no download.

The files are those of the running interpreter's standard library and site-packages, without tests, generated files,
tables of data and vendored copies, and without files that differ from another in white space only. They are ordered by
the hash of their text, so that neighbours come from different packages, and the list with hashes is kept with the
corpus: the corpus does not change when packages are installed later.
"""

import hashlib
import re
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sparselaw.train.data.preparation import Documents, Position, TextSource

_LEFT_OUT_FOLDERS = {
    "test",
    "tests",
    "testing",
    "idle_test",
    "_vendor",
    "vendor",
    "vendored",
    "_vendored",
    "third_party",
    "__pycache__",
}
_TEST_FILE = re.compile(r"^(test_.*|.*_tests?|conftest)\.py$")
_GENERATED = re.compile(
    r"auto-?(matically )?generated|generated (by|from|file)|@generated|do not (edit|modify|change)", re.IGNORECASE
)
_HEAD_CHARACTERS = 2000
_LONGEST_LINE = 1000
_LEAST_CHARACTERS = 100


@dataclass(frozen=True)
class SourceFile:
    """A file of the corpus: the hash of its text, its name below the root, and where it is."""

    digest: str
    name: str
    path: Path


def python_source() -> TextSource:
    """The Python files of the running interpreter as documents."""
    roots = interpreter_roots()
    files = cache(lambda: find_files(roots))

    def documents(position: Position) -> Documents:
        for number, file in enumerate(files()[position or 0 :], start=(position or 0) + 1):
            yield file.path.read_text(encoding="utf-8"), lambda number=number: number

    def describe() -> dict[str, Any]:
        return {"python": sys.version.split()[0], "files": {file.name: file.digest for file in files()}}

    return TextSource("python", repr([*sys.version_info[:3], *roots.values()]), documents, describe)


def interpreter_roots() -> dict[str, Path]:
    """Folders of the standard library and of installed packages, by name."""
    paths = sysconfig.get_paths()
    return {name: Path(paths[key]) for name, key in {"stdlib": "stdlib", "site-packages": "purelib"}.items()}


def find_files(roots: dict[str, Path]) -> list[SourceFile]:
    """The files of the corpus, one of each text, in the order of their hashes."""
    unique: dict[str, SourceFile] = {}
    for root_name, root in roots.items():
        for path in _python_files(root):
            text = _read(path)
            if text is not None and _is_written_by_hand(text):
                file = SourceFile(_digest(text), f"{root_name}/{path.relative_to(root).as_posix()}", path)
                unique.setdefault(_digest("".join(text.split())), file)
    return sorted(unique.values(), key=lambda file: file.digest)


def _python_files(root: Path) -> Iterator[Path]:
    """Files below a root in a fixed order; packages installed below the standard library belong to no root but their
    own."""
    for path in sorted(root.rglob("*.py")):
        folders = path.relative_to(root).parts[:-1]
        if not (_LEFT_OUT_FOLDERS | {"site-packages"}).intersection(folders) and not _TEST_FILE.match(path.name):
            yield path


def _read(path: Path) -> str | None:
    """The text of a file, None if it is not UTF-8 (a few old modules) or cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError):
        return None


def _is_written_by_hand(text: str) -> bool:
    if len(text) < _LEAST_CHARACTERS or _GENERATED.search(text, 0, _HEAD_CHARACTERS):
        return False
    return max(map(len, text.splitlines())) <= _LONGEST_LINE


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
