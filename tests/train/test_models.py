import json

import pytest
import torch

from sparselaw.errors import UserError
from sparselaw.train.data import DataConfig, open_data
from sparselaw.train.models import (
    BODY_PER_LAYER,
    ModelConfig,
    architecture,
    body_parameters,
    build_model,
    end_parameters,
    width_for,
)
from sparselaw.train.processes import Processes
from sparselaw.train.run_folder import prepare

KINDS = ["decoder", "t5", "vit"]
ENDS = {
    "decoder": {"gpt_neox.embed_in.weight", "lm_head.weight"},
    "t5": {"shared.weight", "lm_head.weight"},
    "vit": {"vit.embeddings.patch_embeddings.projection.weight", "classifier.weight"},
}


def _data(kind):
    return open_data(
        DataConfig(source="glyphs" if kind == "vit" else "synthetic", sequence_length=32, span_corruption=kind == "t5")
    )


def _model(kind, **shape):
    config, data = ModelConfig(kind, **shape), _data(kind)
    return build_model(config, architecture(config, data, sparsity=0.0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("width", "layers"), [(24, 1), (48, 3)])
def test_body_and_ends_by_brute_force(kind, width, layers):
    model = _model(kind, width=width, layers=layers)
    linear = {
        f"{name}.weight"
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and not name.endswith(("lm_head", "classifier"))
    }
    body = body_parameters(model)
    assert body.keys() == linear
    assert sum(p.numel() for p in body.values()) == BODY_PER_LAYER[kind] * layers * width**2
    assert end_parameters(model).keys() == ENDS[kind]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("sparsity", "pattern", "unit"),
    [
        (0.0, "unstructured", 2),
        (0.75, "unstructured", 2),
        (0.875, "unstructured", 2),
        (0.5, "2:4", 4),
        (0.75, "2:8", 8),
        (2 / 3, "1:3", 6),
    ],
)
def test_width_gives_the_non_zeros_asked_for(kind, sparsity, pattern, unit):
    for nonzeros in (1e4, 1.33e6, 85e6):
        width = width_for(nonzeros, kind=kind, layers=2, heads=2, sparsity=sparsity, pattern=pattern)
        assert width % unit == 0
        near = (width, width + unit, width - unit)
        found, more, less = (BODY_PER_LAYER[kind] * 2 * w**2 * (1 - sparsity) for w in near)
        assert abs(found - nonzeros) <= min(abs(more - nonzeros), abs(less - nonzeros))


def test_the_papers_shapes():
    assert width_for(12 * 12 * 768**2, kind="vit", layers=12, heads=12, sparsity=0.0) == 768
    assert width_for(28 * 12 * 768**2, kind="t5", layers=12, heads=12, sparsity=0.0) == 768
    assert width_for(12 * 12 * 768**2, kind="decoder", layers=12, heads=12, sparsity=0.75) == 1536


@pytest.mark.parametrize("kind", KINDS)
def test_sparse_and_dense_models_of_equal_n_have_equal_ends(kind, tiny):
    """Pruned 75% at once, the wide model has as many non-zeros as the dense one, tensor by tensor."""
    now = {"start": 0.0, "end": 0.0}
    dense = prepare(tiny(kind, model={"width": 24}, pruning={"sparsity": 0.0}), Processes(torch.device("cpu")))
    sparse = prepare(tiny(kind, model={"width": 48}, pruning=now), Processes(torch.device("cpu")))
    assert sparse.num_nonzero == dense.num_nonzero == dense.num_dense
    for name, parameter in dense.model.named_parameters():
        if name in body_parameters(dense.model) | end_parameters(dense.model):
            assert sparse.pruner.masks[name].count_nonzero() == parameter.numel(), name
    assert sparse.pruner.masks.keys() == body_parameters(sparse.model).keys() | ENDS[kind]


@pytest.mark.parametrize("kind", ["decoder", "t5", "vit"])
def test_a_new_model_knows_nothing(kind):
    """Its first loss is that of a uniform guess, which a badly scaled head would exceed."""
    torch.manual_seed(0)
    data, model = _data(kind), _model(kind, width=64, layers=2)
    with torch.no_grad():
        loss = model(**data.batch(0, 16)).loss.item()
    uniform = torch.tensor(float(data.vocab_size or data.num_classes)).log().item()
    assert uniform - 0.2 < loss < uniform + 1.0


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_is_the_start(kind, tmp_path):
    torch.manual_seed(0)
    stored = _model(kind, width=24, layers=1)
    stored.save_pretrained(tmp_path)
    config = ModelConfig(kind, init=str(tmp_path))
    model = build_model(config, architecture(config, _data(kind), sparsity=0.75))
    for (name, a), (other, b) in zip(stored.named_parameters(), model.named_parameters(), strict=True):
        assert name == other
        assert torch.equal(a, b), name


def test_what_cannot_be_a_start(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="some/model is neither a folder nor a model on the Hugging Face Hub"):
        architecture(ModelConfig("decoder", init="some/model"), _data("decoder"), sparsity=0.0)
    with pytest.raises(UserError, match="not a checkpoint folder"):
        architecture(ModelConfig("decoder", init=str(tmp_path)), _data("decoder"), sparsity=0.0)
    _model("decoder", width=24, layers=1).save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"holds a gpt_neox model; for model\.kind 't5' give one of type t5"):
        architecture(ModelConfig("t5", init=str(tmp_path)), _data("t5"), sparsity=0.0)
    settings = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(settings | {"vocab_size": 100}))
    with pytest.raises(UserError, match="has 100 tokens, but the data has 256"):
        architecture(ModelConfig("decoder", init=str(tmp_path)), _data("decoder"), sparsity=0.0)


def test_weights_that_are_pickled_or_broken_are_refused(tmp_path):
    _model("decoder", width=24, layers=1).save_pretrained(tmp_path)
    config = ModelConfig("decoder", init=str(tmp_path))
    shape = architecture(config, _data("decoder"), sparsity=0.0)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(UserError, match="cannot be read as a checkpoint"):
        build_model(config, shape)
    weights.unlink()
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match="cannot be read as a checkpoint"):
        build_model(config, shape)


def test_a_reader_that_says_nothing_is_named(tmp_path, monkeypatch):
    _model("decoder", width=24, layers=1).save_pretrained(tmp_path)
    config = ModelConfig("decoder", init=str(tmp_path))
    shape = architecture(config, _data("decoder"), sparsity=0.0)
    monkeypatch.setattr("transformers.GPTNeoXForCausalLM.from_pretrained", _out_of_memory)
    with pytest.raises(UserError, match=r"cannot be read as a checkpoint \(MemoryError\)"):
        build_model(config, shape)


def _out_of_memory(*_, **__):
    raise MemoryError


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({}, "exactly one of"),
        ({"width": 16, "nonzeros": 1e6}, "exactly one of"),
        ({"width": 17}, "does not divide by model.heads"),
        ({"width": 16, "layers": 0}, "model.layers is 0"),
        ({"nonzeros": -5.0}, "model.nonzeros is -5"),
    ],
)
def test_impossible_shapes_are_refused(bad, said):
    with pytest.raises(UserError, match=said):
        ModelConfig("decoder", **bad)


def test_images_are_not_text():
    with pytest.raises(UserError, match="cannot be trained on images"):
        architecture(ModelConfig("decoder", width=16), _data("vit"), sparsity=0.0)
    with pytest.raises(UserError, match="do not divide into patches of 5"):
        architecture(ModelConfig("vit", width=16, patch_size=5), _data("vit"), sparsity=0.0)
