"""Published sweeps for tests: read where SPARSELAW_DATASETS says, else from the cache, never downloaded here.

Files that take longest come first, so that two workers end together."""

import os
from pathlib import Path

import pooch
import pytest

from sparselaw.runs import PUBLISHED, Runs, read_runs

LONG = ("test_slurm", "test_ray_cluster", "test_planner", "test_cli", "test_faults", "test_docs", "test_package")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem not in LONG)


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


TINY_RUN = """
steps = 1
batch_size = 4
log_every = 10
checkpoint_every = 10

[model]
kind = "decoder"
width = 16
layers = 1

[data]
source = "synthetic"
sequence_length = 32
heldout = 16

[pruning]
update_every = 3
"""


@pytest.fixture(scope="session")
def base_text() -> str:
    """The configuration of a tiny run: a model of one block on a synthetic process, a second or two."""
    return TINY_RUN
