"""Python source code found on this machine: a text corpus that needs no download.

The files are those of the running interpreter's standard library and site-packages, so they differ between machines; the
corpus of `pinned_packages` is the same everywhere. The corpus keeps a list of its files with hashes and does not change
when packages are installed later.

Both corpora take the files that `clean` selects: no tests, generated files, tables of data or vendored copies, and no file
that differs from another only in white space. Files are ordered by the hash of their text, which mixes the packages.
"""

import hashlib
import re
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath
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
    """A file of a corpus.

    Attributes:
        name: path below the root or inside the package.
        read: returns the bytes of the file.
        digest: BLAKE2b hash of the text.
    """

    name: str
    read: Callable[[], bytes]
    digest: str = ""


def python_source() -> TextSource:
    """The Python files of the running interpreter as documents."""
    roots = interpreter_roots()
    files = cache(lambda: clean(files_below(roots)))

    def describe() -> dict[str, Any]:
        return {"python": sys.version.split()[0], "files": {file.name: file.digest for file in files()}}

    identity = repr([*sys.version_info[:3], *roots.values()])
    return TextSource("python", identity, lambda position: documents(files(), position), describe)


def documents(files: list[SourceFile], position: Position) -> Documents:
    """Texts of the files after the first `position`."""
    for number, file in enumerate(files[position or 0 :], start=(position or 0) + 1):
        yield file.read().decode(), lambda number=number: number


def interpreter_roots() -> dict[str, Path]:
    """Folders of the standard library and of installed packages, by name."""
    paths = sysconfig.get_paths()
    return {name: Path(paths[key]) for name, key in {"stdlib": "stdlib", "site-packages": "purelib"}.items()}


def files_below(roots: dict[str, Path]) -> Iterator[SourceFile]:
    """Python files below the roots, in a fixed order; site-packages inside another root are skipped."""
    for root_name, root in roots.items():
        for path in sorted(root.rglob("*.py")):
            below = path.relative_to(root)
            if "site-packages" not in below.parts[:-1]:
                yield SourceFile(f"{root_name}/{below.as_posix()}", path.read_bytes)


def clean(files: Iterable[SourceFile]) -> list[SourceFile]:
    """The files to train on, each text once, in the order of their hashes; see the module."""
    unique: dict[str, SourceFile] = {}
    for file in files:
        text = _text(file) if _has_its_place(PurePosixPath(file.name)) else None
        if text is not None and _is_written_by_hand(text):
            unique.setdefault(_digest("".join(text.split())), replace(file, digest=_digest(text)))
    return sorted(unique.values(), key=lambda file: file.digest)


def _has_its_place(name: PurePosixPath) -> bool:
    return not _LEFT_OUT_FOLDERS.intersection(name.parts[:-1]) and not _TEST_FILE.match(name.name)


def _text(file: SourceFile) -> str | None:
    """The text of a file; None if it cannot be read or, like a few old modules, is not UTF-8."""
    try:
        return file.read().decode()
    except (UnicodeDecodeError, OSError):
        return None


def _is_written_by_hand(text: str) -> bool:
    if len(text) < _LEAST_CHARACTERS or _GENERATED.search(text, 0, _HEAD_CHARACTERS):
        return False
    return max(map(len, text.splitlines())) <= _LONGEST_LINE


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
