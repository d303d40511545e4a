"""Runs at addresses: a real S3 server (moto's, on this machine), reached as users reach theirs, through s3fs."""

import json

import fsspec
import pytest
from moto.server import ThreadedMotoServer

from sparselaw.errors import SparselawWarning, UserError
from sparselaw.runs import read_runs
from sparselaw.runs.folders import scan
from sparselaw.train import loop, run


@pytest.fixture(scope="module")
def server():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(server, monkeypatch, request):
    """The address of an empty bucket, found through the settings that a user would set."""
    settings = {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    fsspec.filesystem("s3").clear_instance_cache()
    name = f"bucket-{abs(hash(request.node.name)) % 10**8}"
    fsspec.filesystem("s3").mkdir(name)
    yield f"s3://{name}"
    fsspec.filesystem("s3").clear_instance_cache()


def _keys(bucket, run):
    fs = fsspec.filesystem("s3")
    root = f"{bucket.removeprefix('s3://')}/{run}/"
    fs.invalidate_cache()
    return {path.removeprefix(root): fs.cat(path) for path in fs.find(root)}


def test_a_run_in_a_bucket_is_the_run_on_a_disk(tiny, tmp_path, bucket):
    there, here = run(tiny(), f"{bucket}/first"), run(tiny(), tmp_path / "first")
    assert there["loss"] == here["loss"]
    keys = _keys(bucket, "first")
    on_disk = {path.relative_to(tmp_path / "first").as_posix() for path in (tmp_path / "first").rglob("*")}
    assert keys.keys() == {name for name in on_disk if (tmp_path / "first" / name).is_file()} - {".lock"}
    assert json.loads(keys["result.json"])["loss"] == there["loss"]
    assert read_runs(bucket).loss.tolist() == [there["loss"]]
    assert scan(bucket)[0].config == json.loads(keys["config.json"])


def test_a_finished_run_in_a_bucket_is_not_trained_again(tiny, bucket, monkeypatch):
    result = run(tiny(), f"{bucket}/first")
    monkeypatch.setattr("sparselaw.train.run_folder.prepare", lambda *_: pytest.fail("trained again"))
    assert run(tiny(), f"{bucket}/first") == result


class _PowerCutError(BaseException):
    """Ends a run as a power cut does: no handler saves anything."""


def test_a_run_cut_off_goes_on_from_the_bucket_alone(tiny, tmp_path, bucket, monkeypatch):
    """The machine and its disk are gone; what is left is the last checkpoint in the bucket."""
    config = tiny(checkpoint_every=4, steps=20)
    update, steps = loop._update, []

    def dying(training, step):
        steps.append(step)
        if len(steps) == 11:
            raise _PowerCutError
        return update(training, step)

    monkeypatch.setattr(loop, "_update", dying)
    with pytest.raises(_PowerCutError):
        run(config, f"{bucket}/first")
    assert {name.split("/")[1] for name in _keys(bucket, "first") if "/" in name} == {"step-00000004", "step-00000008"}
    resumed = run(config, f"{bucket}/first")
    assert steps == [*range(11), *range(8, 20)]
    assert resumed["loss"] == run(config, tmp_path / "undisturbed")["loss"]
    lines = [json.loads(line) for line in _keys(bucket, "first")["metrics.jsonl"].splitlines()]
    assert [line["step"] for line in lines] == [5, 10, 15, 20, 20]


def test_a_truncated_result_in_a_bucket_is_made_again(tiny, bucket):
    result = run(tiny(), f"{bucket}/first")
    fs, key = fsspec.filesystem("s3"), f"{bucket.removeprefix('s3://')}/first/result.json"
    fs.pipe_file(key, fs.cat(key)[:100])
    assert scan(bucket)[0].state == "unfinished"
    with pytest.warns(SparselawWarning, match="is damaged and will be written again"):
        assert run(tiny(), f"{bucket}/first")["loss"] == result["loss"]
    assert scan(bucket)[0].state == "finished"


def test_a_bucket_that_is_not_there_is_one_sentence(tiny, bucket):
    with pytest.raises(UserError, match="cannot be reached"):
        run(tiny(), "s3://nobody-has-this-bucket/first")
    with pytest.raises(UserError, match="cannot be read as a folder of runs"):
        read_runs("s3://nobody-has-this-bucket")


def test_without_credentials_it_is_one_sentence(bucket, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    fsspec.filesystem("s3").clear_instance_cache()
    with pytest.raises(UserError, match="cannot be read as a folder of runs"):
        read_runs(bucket)
