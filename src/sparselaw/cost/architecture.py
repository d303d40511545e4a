"""How many weights of a Hugging Face model are prunable, and how many are embeddings and the rest, from its configuration alone.

N of the law counts the matrices of the blocks. What people call a 7B model counts everything: embeddings, the output head, norms
and biases too. The counts follow the layouts in `transformers`; nothing is downloaded and no weight is read.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparselaw.errors import UserError, choice

Config = dict[str, Any]


@dataclass(frozen=True)
class Architecture:
    """Weights of a model before pruning.

    Attributes:
        name: of its family, such as `llama`.
        prunable: matrices of the blocks.
        embeddings: of tokens, positions and patches, and the output head.
        rest: norms and biases.
    """

    name: str
    prunable: int
    embeddings: int
    rest: int

    @property
    def total(self) -> int:
        """All weights: the size that a model goes by."""
        return self.prunable + self.embeddings + self.rest

    @property
    def kept(self) -> int:
        """What is not pruned."""
        return self.embeddings + self.rest


def read_architecture(path: str | Path) -> Architecture:
    """The counts of a configuration: `config.json`, or the folder that has one.

    Raises:
        UserError: no such file, not JSON, or a family or value that is not known.
    """
    path = Path(path)
    path = path / "config.json" if path.is_dir() else path
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            f"Cannot read {path} ({error.strerror}); give a config.json or the folder of a model."
        ) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON; give the config.json of a Hugging Face model.") from error
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise UserError(f"{path} has no model_type; give the config.json of a Hugging Face model.")
    kind = config["model_type"]
    if kind not in _FAMILIES:
        raise UserError(
            f"{path} is a {kind} model, whose weights are not counted here; {choice(kind, tuple(_FAMILIES))}"
        )
    try:
        prunable, embeddings, rest = _FAMILIES[kind](config)
    except KeyError as error:
        raise UserError(f"{path} has no {error.args[0]!r}, which a {kind} model needs; add it.") from error
    except TypeError as error:
        raise UserError(f"{path} has a value that is no number where a {kind} model needs one; check it.") from error
    return Architecture(kind, prunable, embeddings, rest)


Counts = tuple[int, int, int]


def _llama(config: Config) -> Counts:
    """Llama and its like: grouped queries, a gated product, RMS norms."""
    h, layers, ffn = config["hidden_size"], config["num_hidden_layers"], config["intermediate_size"]
    heads = config["num_attention_heads"]
    size = config.get("head_dim") or h // heads
    queries, keys = heads * size, (config.get("num_key_value_heads") or heads) * size
    kind = config["model_type"]
    biased = kind == "qwen2" or config.get("attention_bias", False)
    biases = (queries + 2 * keys + (0 if kind == "qwen2" else h)) * biased + (2 * ffn + h) * config.get(
        "mlp_bias", False
    )
    norms = 2 * h + (2 * size if kind == "qwen3" else 0)
    matrices = 2 * h * queries + 2 * h * keys + 3 * h * ffn
    return layers * matrices, _tokens(config, h, tied=False), layers * (norms + biases) + h


def _gpt2(config: Config) -> Counts:
    h, layers = config["n_embd"], config["n_layer"]
    ffn = config.get("n_inner") or 4 * h
    embeddings = _tokens(config, h, tied=True) + config["n_positions"] * h
    return layers * (4 * h * h + 2 * h * ffn), embeddings, layers * (9 * h + ffn) + 2 * h


def _opt(config: Config) -> Counts:
    h, layers, ffn = config["hidden_size"], config["num_hidden_layers"], config["ffn_dim"]
    narrow = config.get("word_embed_proj_dim") or h
    positions = (config["max_position_embeddings"] + 2) * h
    projections = 2 * narrow * h if narrow != h else 0
    final = 2 * h if config.get("do_layer_norm_before", True) and not config.get("_remove_final_layer_norm") else 0
    rest = layers * (9 * h + ffn) + final
    return layers * (4 * h * h + 2 * h * ffn), _tokens(config, narrow, tied=True) + positions + projections, rest


def _gpt_neox(config: Config) -> Counts:
    h, layers, ffn = config["hidden_size"], config["num_hidden_layers"], config["intermediate_size"]
    rest = layers * (4 * h + (4 * h) * config.get("attention_bias", True) + ffn + h) + 2 * h
    return layers * (4 * h * h + 2 * h * ffn), _tokens(config, h, tied=False), rest


def _vit(config: Config) -> Counts:
    """Without a classifier, whose size is that of the task."""
    h, layers, ffn = config["hidden_size"], config["num_hidden_layers"], config["intermediate_size"]
    patch, side = config["patch_size"], config["image_size"] // config["patch_size"]
    embeddings = config.get("num_channels", 3) * patch * patch * h + (side * side + 2) * h
    rest = layers * (6 * h + 3 * h * config.get("qkv_bias", True) + ffn) + 3 * h
    return layers * (4 * h * h + 2 * h * ffn), embeddings, rest


def _t5(config: Config) -> Counts:
    h, inner, ffn = config["d_model"], config["num_heads"] * config["d_kv"], config["d_ff"]
    layers, others = config["num_layers"], config.get("num_decoder_layers") or config["num_layers"]
    gated = "gated" in config.get("feed_forward_proj", "relu")
    products = (3 if gated else 2) * h * ffn
    prunable = layers * (4 * h * inner + products) + others * (8 * h * inner + products)
    relative = 2 * config["relative_attention_num_buckets"] * config["num_heads"]
    return prunable, _tokens(config, h, tied=True) + relative, (2 * layers + 3 * others + 2) * h


def _tokens(config: Config, width: int, *, tied: bool) -> int:
    """The token embedding, and the output head if it is not the same."""
    return config["vocab_size"] * width * (1 if config.get("tie_word_embeddings", tied) else 2)


_FAMILIES: dict[str, Callable[[Config], Counts]] = {
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3"), _llama),
    "gpt2": _gpt2,
    "opt": _opt,
    "gpt_neox": _gpt_neox,
    "vit": _vit,
    "t5": _t5,
}
