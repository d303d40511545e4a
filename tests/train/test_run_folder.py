import json
from dataclasses import replace

import pytest
import torch

from sparselaw.errors import SparselawWarning, UserError
from sparselaw.train import run
from sparselaw.train.models import body_parameters
from sparselaw.train.processes import Processes
from sparselaw.train.run_folder import _data_before, prepare, read_result

KINDS = ["decoder", "t5", "vit"]


def _lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def _weights(folder):
    from safetensors.torch import load_file

    return load_file(sorted((folder / "checkpoint").glob("step-*"))[-1] / "model.safetensors")


LEARNS = {
    "decoder": {"data": {"source": "python", "heldout": 32}, "learning_rate": {"peak": 1e-2}, "steps": 120},
    "t5": {"data": {"source": "python", "heldout": 32}, "learning_rate": {"peak": 1e-2}, "steps": 120},
    "vit": {"learning_rate": {"peak": 5e-3}, "steps": 250, "batch_size": 16, "model": {"width": 32, "heads": 2}},
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_learns_while_it_is_pruned(kind, tiny, tmp_path):
    result = run(tiny(kind, **LEARNS[kind]), tmp_path)
    lines = _lines(tmp_path)
    fall = {"decoder": 1.5, "t5": 1.0, "vit": 0.03}[kind]  # characters take longer to tell apart
    assert lines[-1]["heldout_loss"] == result["loss"] < lines[0]["loss"] - fall
    sparsities = [line["sparsity"] for line in lines[:-1]]
    assert sparsities == sorted(sparsities)
    assert sparsities[0] == 0
    assert sparsities[-1] == result["sparsity"] == 0.75
    assert result["nonzero_params"] == result["dense_params"] // 4
    stored, body = _weights(tmp_path), body_parameters(prepare(tiny(kind, **LEARNS[kind]), _alone()).model)
    assert sum(int(stored[name].count_nonzero()) for name in body) == result["nonzero_params"]


def test_the_folder_explains_itself(tiny, tmp_path):
    config = tiny(seed=7)
    result = run(config, tmp_path)
    assert read_result(tmp_path) == result
    assert result.items() >= {"status": "finished", "seed": 7, "steps": 20, "pattern": "unstructured"}.items()
    assert result["data"] == result["unique_data"] == 20 * 4 * 32
    assert result["total_params"] > result["dense_params"] == 12 * 16**2
    assert result["flops"] > result["flops_sparse"] > 0
    assert (tmp_path / "config.json").exists()
    assert json.loads((tmp_path / "provenance.json").read_text())["source"]


def test_a_finished_run_is_not_trained_again(tiny, tmp_path, monkeypatch):
    result = run(tiny(), tmp_path)
    monkeypatch.setattr("sparselaw.train.run_folder.prepare", lambda *_: pytest.fail("trained again"))
    assert run(tiny(), tmp_path) == result
    assert run(replace(tiny(), checkpoint_every=7), tmp_path) == result


def test_a_folder_of_another_run_is_refused(tiny, tmp_path):
    run(tiny(), tmp_path)
    with pytest.raises(UserError, match=r"holds another run .seed is 0, not 1."):
        run(tiny(seed=1), tmp_path)
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    (stranger / "thesis.tex").touch()
    with pytest.raises(UserError, match="neither empty nor the folder of a run"):
        run(tiny(), stranger)


def test_the_same_seed_gives_the_same_weights_and_another_gives_others(tiny, tmp_path):
    first, again, other = (run(tiny(seed=seed), tmp_path / name) for seed, name in ((0, "a"), (0, "b"), (1, "c")))
    assert first["loss"] == again["loss"] != other["loss"]
    assert all(torch.equal(w, _weights(tmp_path / "b")[name]) for name, w in _weights(tmp_path / "a").items())


def test_a_name_on_the_hub_is_no_run_around_the_working_folder(tiny, tmp_path, monkeypatch):
    """The data seen before is known of a run's folder and of its checkpoints only."""
    result = run(tiny(), tmp_path / "dense", quiet=True)
    monkeypatch.chdir(tmp_path / "dense")
    checkpoint = next((tmp_path / "dense" / "checkpoint").iterdir()).relative_to(tmp_path / "dense")
    assert _data_before(".") == _data_before(str(checkpoint)) == result["data"]
    assert _data_before("me/model") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"pruning": {"sparsity": 0.5, "pattern": "2:4"}},
        {"pruning": {"distribution": "global"}},
        {"pruning": {"distribution": "erdos-renyi-kernel"}},
        {"optimizer": {"name": "adafactor"}, "learning_rate": {"shape": "rsqrt", "peak": 1.0}},
        {"dtype": "bfloat16"},
        {"pruning": {"sparsity": 0.0}},
    ],
    ids=["2:4", "global", "erdos-renyi-kernel", "adafactor", "bfloat16", "dense"],
)
@pytest.mark.parametrize("kind", KINDS)
def test_other_recipes(kind, changes, tiny, tmp_path):
    config = tiny(kind, **changes)
    result = run(config, tmp_path)
    assert result["status"] == "finished"
    measured = 1 - result["nonzero_params"] / result["dense_params"]
    assert result["sparsity"] == pytest.approx(measured, abs=1e-3)
    if config.pruning.distribution != "global" or kind == "vit":
        assert measured == pytest.approx(config.pruning.sparsity, abs=1e-3)


def test_a_pattern_must_agree_with_the_sparsity(tiny, tmp_path):
    with pytest.raises(UserError, match=r"2:4 has sparsity 0\.5, not 0\.75"):
        run(tiny(pruning={"pattern": "2:4"}), tmp_path)


def test_a_run_that_would_repeat_data_says_so(tiny, tmp_path):
    text = tmp_path / "text"
    text.mkdir()
    for number in range(40):
        (text / f"{number}.txt").write_text(f"file {number} " * 100)
    data = {"source": str(text), "heldout": 2, "cache": str(tmp_path / "cache")}
    with pytest.warns(SparselawWarning, match="times on average"):
        run(tiny(data=data, steps=2000, log_every=1, learning_rate={"peak": 1e30}), tmp_path / "run")


def test_a_batch_no_process_can_share_is_refused(tiny):
    with pytest.raises(UserError, match="batch_size 4 does not divide by 3 processes"):
        prepare(tiny(), Processes(torch.device("cpu"), rank=0, size=3))


def _alone():
    return Processes(torch.device("cpu"))
