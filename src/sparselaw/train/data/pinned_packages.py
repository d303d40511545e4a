"""Source text of pinned PyPI packages: a corpus of 95 million bytes that is the same, bit for bit, for everyone.

`corpus-packages.txt` lists the packages, their licences and the hashes of their wheels. pip downloads the wheels and runs
nothing in them. `python_source.clean` selects and orders the files. If their texts do not have the hash `DIGEST`, opening
the corpus fails.
"""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

from sparselaw.errors import UserError
from sparselaw.train.data.preparation import TextSource
from sparselaw.train.data.python_source import SourceFile, clean, documents

REQUIREMENTS = Path(__file__).with_name("corpus-packages.txt")
DIGEST = "cf337ddbc5b9cab347cf74fd1262bb1a"
"""BLAKE2b hash of the hashes of all texts, in order."""


class CorpusUnreachableError(UserError):
    """pip cannot download the packages."""


def pinned_packages() -> TextSource:
    """The Python files of the pinned packages as documents.

    Raises:
        CorpusUnreachableError: when the source is read, if pip cannot download the packages.
        UserError: when the source is read, if the texts differ from those of the pinned packages.
    """
    files = cache(lambda: _checked(_fetched()))

    def describe() -> dict[str, Any]:
        return {"packages": _packages(), "num_files": len(files()), "digest": DIGEST}

    return TextSource("packages", DIGEST, lambda position: documents(files(), position), describe)


def digest_of(files: list[SourceFile]) -> str:
    """Hash of the hashes of these files, to compare with `DIGEST`."""
    return hashlib.blake2b("".join(file.digest for file in files).encode(), digest_size=16).hexdigest()


def _packages() -> list[str]:
    """The pinned names, such as sympy==1.14.0."""
    return [line.split()[0] for line in REQUIREMENTS.read_text().splitlines() if "==" in line]


def _fetched() -> list[SourceFile]:
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
        command += ["--require-hashes", "--no-deps", "--only-binary=:all:", "-d", folder, "-r", str(REQUIREMENTS)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if "ERROR" in line or "No module" in line]
            raise CorpusUnreachableError(
                f"pip cannot download the packages of the corpus ({(errors or ['no reason given'])[-1].strip()}); "
                "connect to a package index, or set data.source = 'python' to train on the Python files of this machine."
            )
        return clean(_files_in(sorted(Path(folder).glob("*.whl"))))


def _files_in(wheels: list[Path]) -> Iterator[SourceFile]:
    for wheel in wheels:
        with ZipFile(wheel) as archive:
            for name in sorted(archive.namelist()):
                if name.endswith(".py"):
                    text = archive.read(name)
                    yield SourceFile(f"{wheel.name.split('-')[0]}/{name}", lambda text=text: text)


def _checked(files: list[SourceFile]) -> list[SourceFile]:
    if digest_of(files) != DIGEST:
        raise UserError(
            f"The corpus 'packages' has the hash {digest_of(files)}, not {DIGEST}, so its losses would not be comparable; "
            "report this with your Python version."
        )
    return files
