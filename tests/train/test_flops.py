import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from sparselaw.train.data import DataConfig, open_data
from sparselaw.train.flops import forward_flops
from sparselaw.train.models import ModelConfig, architecture, build_model

BATCH = 3


def _setting(kind):
    source = "glyphs" if kind == "vit" else "synthetic"
    data = open_data(DataConfig(source=source, sequence_length=64, span_corruption=kind == "t5"))
    config = ModelConfig(kind, width=48, layers=2, heads=3)
    model = build_model(config, architecture(config, data, sparsity=0.0))
    model.set_attn_implementation("eager")  # whose products the counter sees one by one
    batch = data.batch(0, BATCH)
    lengths = {} if kind == "vit" else {"target_length": batch["labels"].shape[1]}
    first = batch["pixel_values" if kind == "vit" else "input_ids"]
    return model, batch, forward_flops(model.config, input_length=first.shape[1], **lengths)


@pytest.mark.parametrize("kind", ["decoder", "t5", "vit"])
def test_against_pytorchs_counter(kind):
    model, batch, flops = _setting(kind)
    with FlopCounterMode(display=False) as forward, torch.no_grad():
        model(**batch)
    with FlopCounterMode(display=False) as training:
        model(**batch).loss.backward()
    # GPT-NeoX also multiplies positions by frequencies, one product of inner size 1.
    assert forward.get_total_flops() == pytest.approx(BATCH * flops.total, rel=1e-3)
    # Pixels need no gradient, which spares ViT one of the projection's three products.
    spared = 2 * BATCH * 64 * 16 * 48 if kind == "vit" else 0
    assert training.get_total_flops() == pytest.approx(BATCH * flops.training() - spared, rel=1e-3)


def test_tends_to_six_a_parameter_and_token():
    data = open_data(DataConfig(source="synthetic", sequence_length=64))
    config = architecture(ModelConfig("decoder", width=4096, layers=8, heads=8), data, sparsity=0.0)
    flops = forward_flops(config, input_length=64)
    assert flops.training() / 64 == pytest.approx(6 * 12 * 8 * 4096**2, rel=0.02)


def test_free_zeros_save_the_weights_share_only():
    _, _, flops = _setting("decoder")
    assert flops.sparse_training(0.0, 0.625) == flops.training()
    constant = flops.sparse_training(0.75, 1.0)
    assert constant == pytest.approx(3 * (flops.body * 0.25 + flops.ends * 0.5 + flops.attention))
    ramp = flops.sparse_training(0.75, 0.625)
    assert ramp == pytest.approx(
        3 * (flops.body * (1 - 0.625 * 0.75) + flops.ends * (1 - 0.625 * 0.5) + flops.attention)
    )
