"""Counts of weights from a configuration, against the models that transformers builds."""

import json
from pathlib import Path
from typing import Any

import pytest

from sparselaw.cost.architecture import read_architecture
from sparselaw.errors import UserError

SMALL = {
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 160,
    "vocab_size": 1000,
}
CONFIGS: dict[str, dict[str, Any]] = {
    "llama": SMALL,
    "llama grouped": SMALL | {"num_key_value_heads": 2},
    "llama tied": SMALL | {"tie_word_embeddings": True},
    "llama wide heads": SMALL | {"head_dim": 32},
    "llama biased": SMALL | {"attention_bias": True, "mlp_bias": True},
    "mistral": SMALL | {"num_key_value_heads": 2},
    "qwen2": SMALL | {"num_key_value_heads": 2},
    "qwen3": SMALL | {"num_key_value_heads": 2, "head_dim": 16},
    "gpt2": {"n_embd": 64, "n_layer": 3, "n_head": 4, "n_positions": 128, "vocab_size": 1000},
    "opt": SMALL | {"ffn_dim": 256, "word_embed_proj_dim": 64, "max_position_embeddings": 128},
    "opt narrow": SMALL | {"ffn_dim": 256, "word_embed_proj_dim": 32, "max_position_embeddings": 128},
    "gpt_neox": SMALL,
    "vit": SMALL | {"image_size": 32, "patch_size": 8},
    "vit without biases": SMALL | {"image_size": 32, "patch_size": 8, "qkv_bias": False},
    "t5": {"d_model": 64, "d_kv": 16, "d_ff": 160, "num_layers": 3, "num_heads": 4, "vocab_size": 1000},
    "t5 gated": {"d_model": 64, "d_kv": 8, "d_ff": 160, "num_layers": 2, "num_decoder_layers": 3, "num_heads": 4,
                 "vocab_size": 1000, "feed_forward_proj": "gated-gelu"},
}  # fmt: skip


@pytest.mark.parametrize("case", CONFIGS)
def test_the_counts_are_those_of_the_model(case: str, tmp_path: Path) -> None:
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    kind = case.split()[0]
    config = transformers.AutoConfig.for_model(kind, **CONFIGS[case])
    builders = {"vit": transformers.AutoModel, "t5": transformers.AutoModelForSeq2SeqLM}
    builder, more = (
        builders.get(kind, transformers.AutoModelForCausalLM),
        {"add_pooling_layer": False} if kind == "vit" else {},
    )
    with torch.device("meta"):
        model = builder.from_config(config, **more)
    config.save_pretrained(tmp_path)
    found = read_architecture(tmp_path)
    sizes = {name: one.numel() for name, one in model.named_parameters()}
    is_block = {name: one.ndim == 2 and any(word in f".{name}" for word in (".layers.", ".h.", ".layer.", ".block."))
                for name, one in model.named_parameters()}  # fmt: skip
    blocks = sum(size for name, size in sizes.items() if is_block[name] and "relative_attention_bias" not in name)
    assert (found.prunable, found.total) == (blocks, sum(sizes.values()))


def test_llama_2_7b_is_called_so_for_all_its_weights(tmp_path: Path) -> None:
    """6,738,415,616 weights, by its authors' own file."""
    config = {"model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
              "intermediate_size": 11008, "vocab_size": 32000}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = read_architecture(tmp_path / "config.json")
    assert found.total == 6_738_415_616
    assert found.prunable == 32 * (4 * 4096**2 + 3 * 4096 * 11008)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "has no model_type"),
        ('{"model_type": "mixtral"}', "a mixtral model, whose weights are not counted here"),
        ('{"model_type": "llama"}', "has no 'hidden_size'"),
        ('{"model_type": "gpt2", "n_embd": "a", "n_layer": 2, "n_positions": 3, "vocab_size": 9}', "no number"),
    ],
)
def test_other_files_are_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError, match=said):
        read_architecture(tmp_path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Cannot read"):
        read_architecture(tmp_path / "none.json")
