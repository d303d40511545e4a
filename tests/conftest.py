"""Published sweeps for tests: read where SPARSELAW_DATASETS says, else from the cache, never downloaded here."""

import os
from pathlib import Path

import pooch
import pytest

from sparselaw.runs import PUBLISHED, Runs, read_runs


@pytest.fixture(scope="session")
def t5_c4() -> Runs:
    return _published("t5-c4")


@pytest.fixture(scope="session")
def vit_jft() -> Runs:
    return _published("vit-jft")


def _published(name: str) -> Runs:
    file = PUBLISHED[name].file
    if not os.environ.get("SPARSELAW_DATASETS") and not (Path(pooch.os_cache("sparselaw")) / file).is_file():
        pytest.skip(f"{file} is not in the cache, and SPARSELAW_DATASETS names no folder that has it")
    return read_runs(name)
