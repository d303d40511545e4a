"""Tiny sweeps: models of one block on a synthetic process, a second or two each."""

import pytest

from sparselaw.sweep import SweepConfig, expand
from sparselaw.sweep.jobs import Job
from sparselaw.train.config import config_to


@pytest.fixture
def base(tmp_path, base_text):
    """The file of a tiny run's configuration."""
    path = tmp_path / "base.toml"
    path.write_text(base_text)
    return path


@pytest.fixture
def runs(base):
    """Eight planned runs of 60 or 240 steps."""
    axes = {"nonzeros": (800.0, 3000.0), "sparsities": (0.0, 0.75), "data": (60 * 128.0, 240 * 128.0)}
    return expand(SweepConfig(str(base), **axes))


@pytest.fixture
def make_jobs(runs):
    """Makes the jobs of the runs in a folder."""

    def make(folder):
        return [Job(run.name, config_to(run.config), str(folder / run.name)) for run in runs]

    return make
