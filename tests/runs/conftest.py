"""Files of runs in a folder of the test's own, and the sentences with which they are refused."""

import os

import pytest

from sparselaw.errors import UserError
from sparselaw.runs import read_runs


def pytest_make_parametrize_id(val):
    """Bytes have no place in the name of a test: an archive holds the time at which it was made, and workers would differ."""
    return f"{len(val)} bytes" if isinstance(val, bytes) and len(val) > 20 else None


@pytest.fixture
def read(tmp_path):
    """Writes a file and reads runs from it."""

    def read(content, name="runs.csv", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_runs(path, **options)

    return read


@pytest.fixture
def refusal(read, tmp_path):
    """The sentence with which a file is refused, without the folder it lies in."""

    def refusal(content, name="runs.csv", **options):
        with pytest.raises(UserError) as caught:
            read(content, name, **options)
        return str(caught.value).replace(f"{tmp_path}{os.sep}", "")

    return refusal


@pytest.fixture
def leave(tmp_path):
    """Leaves files in a folder, by their paths, and returns the folder."""

    def leave(files):
        for name, content in files.items():
            path = tmp_path / "sweep" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path / "sweep"

    return leave
