import shutil

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments

from sparselaw.errors import UserError
from sparselaw.prune import HuggingFaceCallback

torch.set_num_threads(1)


def run(folder, *, resume=None, callback=None):
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=32, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2
    )
    model = LlamaForCausalLM(config)
    data = [{"input_ids": row, "labels": row} for row in torch.randint(0, 32, (64, 8))]
    arguments = TrainingArguments(
        folder, max_steps=16, save_steps=6, per_device_train_batch_size=2, gradient_accumulation_steps=2,
        use_cpu=True, report_to=[], disable_tqdm=True, dataloader_pin_memory=False,
    )  # fmt: skip
    callback = callback or HuggingFaceCallback(0.75, update_every=3)
    Trainer(model, arguments, train_dataset=data, callbacks=[callback]).train(resume_from_checkpoint=resume)
    return model, callback.pruner


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trainer")
    return folder, *run(str(folder))


def test_a_trainer_run_ends_at_its_sparsity(undisturbed):
    _, model, pruner = undisturbed
    assert pruner.finished
    for tensor in pruner.report().tensors:
        assert tensor.num_nonzero == int((model.get_parameter(tensor.name) != 0).sum())
        assert tensor.sparsity == (0.5 if tensor.name in ("model.embed_tokens.weight", "lm_head.weight") else 0.75)


@pytest.mark.parametrize("by_path", [True, False], ids=["path", "last"])
def test_a_resumed_trainer_run_ends_in_the_same_masks(undisturbed, tmp_path, by_path):
    folder, model, pruner = undisturbed
    own = tmp_path / "run"
    shutil.copytree(folder / "checkpoint-6", own / "checkpoint-6")
    twin, resumed = run(str(own), resume=str(own / "checkpoint-6") if by_path else True)
    for name, mask in pruner.masks.items():
        assert resumed.masks[name].equal(mask)
        assert twin.get_parameter(name).equal(model.get_parameter(name))


def test_a_checkpoint_without_pruning_is_refused(undisturbed, tmp_path):
    folder, _, _ = undisturbed
    shutil.copytree(folder / "checkpoint-6", tmp_path / "checkpoint-6")
    (tmp_path / "checkpoint-6" / "pruner.pt").unlink()
    with pytest.raises(UserError, match="pruning cannot continue"):
        run(str(tmp_path), resume=True)
