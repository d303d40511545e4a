"""A job trains a run and always gives an outcome, whatever happens to the run."""

import os
from dataclasses import replace

import pytest
import torch
from filelock import FileLock

from sparselaw.sweep.jobs import FAILED, FINISHED, IN_USE, NO_PLACE, train_job
from sparselaw.train import read_result
from sparselaw.train.place import not_writable


@pytest.fixture
def job(make_jobs, tmp_path):
    short = make_jobs(tmp_path)[0]
    return replace(short, config=short.config | {"steps": 3, "budget": 0})


def test_a_finished_run_brings_its_result(job):
    outcome = train_job(job)
    assert (outcome.name, outcome.status, outcome.reason) == (job.name, FINISHED, "")
    assert outcome.result == read_result(job.folder)
    assert torch.get_num_threads() == job.threads


def test_a_diverged_run_says_after_how_many_steps(job):
    wild = {"learning_rate": job.config["learning_rate"] | {"peak": 1e30, "warmup": 0.0}}
    unclipped = {"optimizer": job.config["optimizer"] | {"clip": 0.0}}
    outcome = train_job(replace(job, config=job.config | wild | unclipped))
    assert outcome.status == "diverged"
    assert outcome.reason == f"after {outcome.result['steps_done']} of 3 steps"


def test_a_mistake_fails_in_its_own_words(job):
    missing = replace(job, config=job.config | {"data": job.config["data"] | {"source": "nowhere.txt"}})
    outcome = train_job(missing)
    assert (outcome.status, outcome.reason) == (FAILED, "There is no file or folder 'nowhere.txt'; check data.source.")


def test_any_other_error_fails_under_its_name(job, monkeypatch):
    monkeypatch.setattr("sparselaw.train.run_folder.prepare", lambda *_: {}["key"])
    assert train_job(job).reason == "KeyError: 'key'"


def test_a_folder_in_use_is_no_failure(job):
    os.makedirs(job.folder)
    with FileLock(f"{job.folder}/.lock", thread_local=False):
        assert train_job(job).status == IN_USE


def test_a_disk_that_is_full_is_told_apart(job, monkeypatch):
    def full(*_, **__):
        raise not_writable(job.folder, "the disk is full")

    monkeypatch.setattr("sparselaw.train.run_folder.run", full)
    outcome = train_job(job)
    assert outcome.status == NO_PLACE
    assert "(the disk is full)" in outcome.reason


def test_warnings_come_once_each(job, monkeypatch):
    def warned(*_, **__):
        import warnings

        for sentence in ("first", "second", "first"):
            warnings.warn(sentence, stacklevel=1)
        return {"status": FINISHED}

    monkeypatch.setattr("sparselaw.train.run_folder.run", warned)
    assert train_job(job).warnings == ("first", "second")
