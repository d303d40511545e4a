import pytest
import torch
from transformers import AutoModelForCausalLM

from sparselaw.errors import SparselawWarning, UserError
from sparselaw.train.checkpoint import load_checkpoint, save_checkpoint
from sparselaw.train.processes import Processes
from sparselaw.train.run_folder import prepare

FILES = ["model.safetensors", "state.pt", "config.json"]


@pytest.fixture
def model(tiny):
    return prepare(tiny(), Processes(torch.device("cpu"))).model


def _shift(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)


def _saved(folder, model, steps=(3, 6)):
    for step in steps:
        save_checkpoint(folder, model, state={"step": step}, step=step)
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def test_what_is_saved_comes_back(tmp_path, model):
    weights = _saved(tmp_path, model, (3, 6, 9))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000006", "step-00000009"]
    _shift(model)
    assert load_checkpoint(tmp_path, model) == {"step": 9}
    assert all(torch.equal(p, weights[name]) for name, p in model.named_parameters())


def test_nothing_saved_is_nothing_loaded(tmp_path, model):
    assert load_checkpoint(tmp_path / "none", model) is None


def test_transformers_reads_the_folder(tmp_path, model):
    weights = _saved(tmp_path, model)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "step-00000006", use_safetensors=True)
    assert all(torch.equal(p, weights[name]) for name, p in loaded.named_parameters())


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["truncated", "one bit", "missing"])
def test_the_last_good_one_replaces_a_damaged_one(tmp_path, model, name, damage):
    weights = _saved(tmp_path, model)
    path = tmp_path / "step-00000006" / name
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "one bit":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    else:
        path.unlink()
    _shift(model)
    with pytest.warns(SparselawWarning, match="step-00000006 is damaged"):
        assert load_checkpoint(tmp_path, model) == {"step": 3}
    assert all(torch.equal(p, weights[n]) for n, p in model.named_parameters())


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"files": 3}'])
def test_where_none_is_whole_the_run_begins_again(tmp_path, model, manifest):
    _saved(tmp_path, model, (3, 6))
    for step in (3, 6):
        (tmp_path / f"step-0000000{step}" / "manifest.json").write_text(manifest)
    with pytest.warns(SparselawWarning, match="damaged"):
        assert load_checkpoint(tmp_path, model) is None
    save_checkpoint(tmp_path, model, state={"step": 2}, step=2)
    assert load_checkpoint(tmp_path, model) == {"step": 2}


@pytest.mark.parametrize("other", [{"width": 32}, {"layers": 2}], ids=["wider", "deeper"])
def test_another_models_checkpoint_is_refused(tmp_path, model, tiny, other):
    save_checkpoint(tmp_path, prepare(tiny(model=other), Processes(torch.device("cpu"))).model, state={}, step=3)
    with pytest.raises(UserError, match="belongs to another model"):
        load_checkpoint(tmp_path, model)


def test_a_half_written_checkpoint_is_not_seen(tmp_path, model, monkeypatch):
    _saved(tmp_path, model, (3,))

    def fails(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", fails)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(tmp_path, model, state={}, step=6)
    monkeypatch.undo()
    assert load_checkpoint(tmp_path, model) == {"step": 3}
    save_checkpoint(tmp_path, model, state={"step": 6}, step=6)
    assert load_checkpoint(tmp_path, model) == {"step": 6}
