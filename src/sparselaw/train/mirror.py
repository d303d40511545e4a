"""A run whose folder is an address, such as s3://bucket/runs/first.

The folder is copied to a temporary folder on this machine, where the run is trained, and copied back after each
checkpoint: manifests after the other files, result.json at the very end. Object stores write a file completely or not at
all, and a checkpoint without its manifest does not count, so a reader never sees a partial one as complete. An address
has no lock: two processes that train the same run there do the work twice, with the same result.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sparselaw.errors import UserError
from sparselaw.runs.folders import FAILED_FILE, RESULT_FILE, open_address

_LAST = {"manifest.json": 1, FAILED_FILE: 2, RESULT_FILE: 3}


@contextmanager
def mirrored(address: str, *, is_first: bool) -> Iterator[tuple[Path, Callable[[], None]]]:
    """Gives a local copy of the folder at an address and a function that copies changes back; deletes the copy at the end.

    Args:
        address: address of an fsspec file system.
        is_first: whether this process is the one that writes.

    Raises:
        UserError: if the address cannot be read or written.
    """
    local = Path(tempfile.mkdtemp(prefix="sparselaw-"))
    try:
        mirror = _Mirror(address, local)
        mirror.pull()
        yield local, mirror.push if is_first else lambda: None
        if is_first:
            mirror.push()
    finally:
        shutil.rmtree(local, ignore_errors=True)


class _Mirror:
    """Copies a folder from its address, and later only the changed files back."""

    def __init__(self, address: str, local: Path) -> None:
        self._address, self._local = address, local
        self._fs, root = open_address(address)
        self._root = root.rstrip("/")
        self._there: dict[str, tuple[int, int]] = {}

    def pull(self) -> None:
        with self._reaching():
            names = [str(path).removeprefix(self._root).strip("/") for path in self._fs.find(self._root)]
            for name in names:
                (self._local / name).parent.mkdir(parents=True, exist_ok=True)
                self._fs.get_file(f"{self._root}/{name}", str(self._local / name))
                self._there[name] = _version(self._local / name)

    def push(self) -> None:
        here = {name: _version(self._local / name) for name in self._names()}
        with self._reaching():
            for name in sorted(here, key=lambda name: (_LAST.get(name.rpartition("/")[2], 0), name)):
                if self._there.get(name) != here[name]:
                    target = f"{self._root}/{name}"
                    self._fs.makedirs(target.rpartition("/")[0], exist_ok=True)
                    self._fs.put_file(str(self._local / name), target)
            for name in self._there.keys() - here.keys():
                self._fs.rm_file(f"{self._root}/{name}")
        self._there = here

    def _names(self) -> list[str]:
        files = (path for path in self._local.rglob("*") if path.is_file())
        names = (path.relative_to(self._local).as_posix() for path in files)
        return [name for name in names if not name.endswith((".partial", ".lock")) and "/partial/" not in name]

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except UserError:
            raise
        except Exception as error:  # each file system has errors of its own
            raise UserError(
                f"{self._address} cannot be reached ({error}); check the address and your credentials."
            ) from error


def _version(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns
