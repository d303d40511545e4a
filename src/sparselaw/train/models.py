"""Three kinds of transformer, sized by their width at fixed depth.

N counts the non-zeros of the BODY: the matrices inside the transformer's blocks, which grow as width^2. For L layers of
width d they have
    decoder (GPT-NeoX, arXiv 2204.06745)      12 L d^2
    vit     (arXiv 2010.11929)                12 L d^2
    t5      (v1.1: gated GELU, d_ff ~ 8d/3)   28 L d^2: L encoder layers of 12 d^2, L decoder layers of 16 d^2
weights. If the dense model with N weights has width d, the model of sparsity S with N non-zeros has width
d sqrt(1/(1-S)), rounded to a multiple of the heads (and of m for the pattern n:m). The matrices at the ends (embeddings,
output head, patch projection) grow as width, so sparsity 1 - sqrt(1-S) gives them as many non-zeros as in the dense
model; N does not count them. Norms, biases and position embeddings stay dense. (Source: Frantar et al., arXiv 2309.08520,
section 2.)
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sparselaw.errors import UserError, first_line

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedConfig

    from sparselaw.train.data.stream import Data

Kind = Literal["decoder", "t5", "vit"]
BODY_PER_LAYER = {"decoder": 12, "t5": 28, "vit": 12}
"""Body parameters per layer in units of width^2; for T5, of one encoder layer and one decoder layer together."""
MODEL_TYPES = {"decoder": "gpt_neox", "t5": "t5", "vit": "vit"}


@dataclass(frozen=True)
class ModelConfig:
    """The model of a run; its size is given by one of `width`, `nonzeros` and `init`.

    Attributes:
        kind: `decoder`, `t5` (encoder-decoder) or `vit`.
        width: width of the model.
        nonzeros: number of non-zeros N at the final sparsity of the run, from which the width follows.
        layers: number of blocks (for `t5`, in the encoder and in the decoder each).
        heads: attention heads; the width is a multiple of this number.
        patch_size: side of a patch in pixels (`vit`).
        parametrization: `standard`, or `sparse-mup`, which keeps the best learning rate the same at every width and
            density; it needs learning_rate.reference_width.
        init: checkpoint of the same kind to start from, which sets the shape: the folder of a run or of a Hugging Face
            model, or the name of a model on the Hub.
    """

    kind: Kind = "decoder"
    width: int = 0
    nonzeros: float = 0
    layers: int = 2
    heads: int = 2
    patch_size: int = 4
    parametrization: Literal["standard", "sparse-mup"] = "standard"
    init: str = ""

    def __post_init__(self) -> None:
        if sum(map(bool, (self.width, self.nonzeros, self.init))) != 1:
            raise UserError(
                f"model.width is {self.width}, model.nonzeros is {self.nonzeros:g} and model.init is {self.init!r}; "
                "give exactly one of them."
            )
        for name, least in {"width": 0, "nonzeros": 0, "layers": 1, "heads": 1, "patch_size": 1}.items():
            if not least <= getattr(self, name) < math.inf:
                raise UserError(f"model.{name} is {getattr(self, name)}; give {least} or more.")
        if self.width % self.heads:
            raise UserError(f"model.width {self.width} does not divide by model.heads {self.heads}; give a multiple.")


def width_for(
    nonzeros: float, *, kind: Kind, layers: int, heads: int, sparsity: float, pattern: str = "unstructured"
) -> int:
    """The width at which the body has as nearly as possible `nonzeros` non-zeros at this sparsity.

    It is a multiple of the heads, and of m for the pattern n:m.
    """
    from sparselaw.prune.patterns import parse_pattern

    group = parse_pattern(pattern)
    unit = math.lcm(heads, group.length if group else 1)
    exact = math.sqrt(nonzeros / (1 - sparsity) / (BODY_PER_LAYER[kind] * layers))
    low = max(1, math.floor(exact / unit)) * unit
    return min((low, low + unit), key=lambda width: abs(width**2 - exact**2))


def architecture(
    model: ModelConfig, data: "Data", *, sparsity: float, pattern: str = "unstructured"
) -> "PreTrainedConfig":
    """The `transformers` configuration of a model for this data, sparsity and pattern.

    Raises:
        UserError: if the data or the checkpoint `init` does not suit this kind of model.
    """
    if (data.vocab_size is None) != (model.kind == "vit"):
        wanted = "images" if model.kind == "vit" else "text"
        raise UserError(
            f"model.kind {model.kind!r} cannot be trained on {data.unit}; choose a data.source of {wanted}."
        )
    if model.init:
        return _stored_architecture(model, data)
    width = model.width or width_for(
        model.nonzeros, kind=model.kind, layers=model.layers, heads=model.heads, sparsity=sparsity, pattern=pattern
    )
    return {"decoder": _decoder, "t5": _t5, "vit": _vit}[model.kind](model, data, width)


def build_model(model: ModelConfig, config: "PreTrainedConfig") -> Any:
    """The model in float32, drawn from PyTorch's random state or read from the checkpoint `init`.

    Raises:
        UserError: if the checkpoint cannot be read or is not in safetensors format.
    """
    if not model.init:
        return new_model(model.kind, config)
    from transformers.utils import logging

    place = _checkpoint(model.init)
    logging.disable_progress_bar()
    try:
        return _family(model.kind).from_pretrained(
            place, config=config, use_safetensors=True, local_files_only=Path(place).exists(), dtype="float32"
        )
    except Exception as error:  # the readers have no common type of error
        raise UserError(
            f"{model.init} cannot be read as a checkpoint ({first_line(error)}); give one with safetensors weights."
        ) from error


def new_model(kind: Kind, config: "PreTrainedConfig") -> Any:
    """A model of this kind and shape in float32, drawn from PyTorch's random state."""
    model = _family(kind)(config)
    return _untied(model) if kind == "t5" else model


def _family(kind: Kind) -> Any:
    import transformers

    classes = {"decoder": "GPTNeoXForCausalLM", "t5": "T5ForConditionalGeneration", "vit": "ViTForImageClassification"}
    return getattr(transformers, classes[kind])


def width_of(config: "PreTrainedConfig") -> int:
    """Width of the model that a configuration describes, of any kind."""
    return config.hidden_size


def body_parameters(model: "nn.Module") -> dict[str, "nn.Parameter"]:
    """The matrices inside the blocks, whose non-zeros are N, by name."""
    return {name: p for name, p in _matrices(model).items() if _in_block(name)}


def output_head(model: Any) -> Any:
    """The linear layer that computes the logits; None if it shares the weights of the embeddings."""
    head = getattr(model, "classifier", None) or model.get_output_embeddings()
    embeddings = model.get_input_embeddings()
    return None if head.weight is getattr(embeddings, "weight", None) else head


def end_parameters(model: "nn.Module") -> dict[str, "nn.Parameter"]:
    """Embeddings, output head and patch projection: the matrices that grow as width, by name."""
    return {name: p for name, p in _matrices(model).items() if not _in_block(name)}


def _matrices(model: "nn.Module") -> dict[str, "nn.Parameter"]:
    from sparselaw.prune.prunable import is_matrix

    return {name: p for name, p in model.named_parameters() if is_matrix(name, p)}


def _in_block(name: str) -> bool:
    return ".layers." in name or ".block." in name


def _initial_scale(width: int) -> float:
    # Nguyen and Salazar 2019 (arXiv 1910.05895). At width 1000 it is the usual 0.02, which is too small for narrow models.
    return math.sqrt(2 / (5 * width))


def _decoder(model: ModelConfig, data: "Data", width: int) -> "PreTrainedConfig":
    from transformers import AutoConfig

    return AutoConfig.for_model(
        "gpt_neox",
        vocab_size=data.vocab_size,
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=model.layers,
        num_attention_heads=model.heads,
        max_position_embeddings=data.units_per_example,
        initializer_range=_initial_scale(width),
        use_cache=False,
        bos_token_id=None,
        eos_token_id=None,
    )


def _t5(model: ModelConfig, data: "Data", width: int) -> "PreTrainedConfig":
    from transformers import AutoConfig

    config = AutoConfig.for_model(
        "t5",
        vocab_size=data.vocab_size,
        d_model=width,
        d_kv=width // model.heads,
        d_ff=max(1, round(width / 3)) * 8,
        num_layers=model.layers,
        num_heads=model.heads,
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
        tie_word_embeddings=False,
        decoder_start_token_id=0,
        use_cache=False,
    )
    config.tie_word_embeddings = False  # the constructor overrules its own argument
    return config


def _untied(model: Any) -> Any:
    """Ties the two embeddings but not the head, as in T5 v1.1; `transformers` ties all or none and draws the head too large."""
    from torch import nn

    model.set_input_embeddings(model.shared)
    nn.init.normal_(model.lm_head.weight, std=model.config.d_model**-0.5)
    return model


def _vit(model: ModelConfig, data: "Data", width: int) -> "PreTrainedConfig":
    from transformers import AutoConfig

    assert data.image_size is not None, "images have a size"
    if data.image_size % model.patch_size:
        raise UserError(
            f"model.patch_size is {model.patch_size}, but images of {data.image_size} pixels do not divide into patches of "
            f"{model.patch_size}; give a divisor of {data.image_size}."
        )
    return AutoConfig.for_model(
        "vit",
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=model.layers,
        num_attention_heads=model.heads,
        image_size=data.image_size,
        patch_size=model.patch_size,
        num_channels=data.num_channels,
        num_labels=data.num_classes,
        initializer_range=_initial_scale(width),
        problem_type="single_label_classification",
    )


def _stored_architecture(model: ModelConfig, data: "Data") -> "PreTrainedConfig":
    from transformers import AutoConfig

    place = Path(_checkpoint(model.init))
    if place.exists() and not (place / "config.json").is_file():
        raise UserError(f"model.init {model.init} is not a checkpoint folder; give a folder with a config.json.")
    try:
        config = AutoConfig.from_pretrained(str(place), local_files_only=place.exists())
    except (OSError, ValueError) as error:
        raise UserError(
            f"model.init {model.init} is neither a folder nor a model on the Hugging Face Hub ({first_line(error)}); "
            "correct it."
        ) from error
    if config.model_type != MODEL_TYPES[model.kind]:
        raise UserError(
            f"model.init {model.init} holds a {config.model_type} model; for model.kind {model.kind!r} give one of type "
            f"{MODEL_TYPES[model.kind]}."
        )
    _check_fits(model.init, config, data)
    return config


def _checkpoint(init: str) -> str:
    """The newest checkpoint in the folder of a run; any other folder or name unchanged."""
    steps = sorted((Path(init) / "checkpoint").glob("step-*"))
    return str(steps[-1]) if steps else init


def _check_fits(folder: str, config: "PreTrainedConfig", data: "Data") -> None:
    if data.vocab_size is not None and config.vocab_size < data.vocab_size:
        raise UserError(
            f"{folder} has {config.vocab_size} tokens, but the data has {data.vocab_size}; set data.tokenizer to that of "
            "the checkpoint."
        )
    if data.num_classes is not None and (config.num_labels, config.image_size) != (data.num_classes, data.image_size):
        raise UserError(
            f"{folder} is for {config.num_labels} classes and images of {config.image_size} pixels, but the data has "
            f"{data.num_classes} classes and images of {data.image_size} pixels; choose matching data."
        )
