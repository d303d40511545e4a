"""Three kinds of transformer with width as the dial at fixed depth, and the rules from size to width.

N counts the non-zeros of the BODY: the matrices inside the transformer's blocks, which grow as width^2. For L layers of
width d they are
    decoder (GPT-NeoX, arXiv 2204.06745)      12 L d^2
    vit     (arXiv 2010.11929)                12 L d^2
    t5      (v1.1: gated GELU, d_ff ~ 8d/3)   28 L d^2: L encoder layers of 12 d^2, L decoder layers of 16 d^2
A model of sparsity S and N non-zeros thus has width d sqrt(1/(1-S)) where the dense one has d, rounded to a multiple of
the heads (and of m for the pattern n:m). Matrices at the ends (embeddings, output head, patch projection) grow as
width, so sparsity 1 - sqrt(1-S) keeps their non-zeros equal to the dense model's, too. They do not count in N. Norms,
biases, and position embeddings stay dense. (Source: Frantar et al., arXiv 2309.08520, section 2.)
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
"""Body parameters of a layer in units of width^2; a layer of T5 is one of the encoder and one of the decoder."""
MODEL_TYPES = {"decoder": "gpt_neox", "t5": "t5", "vit": "vit"}


@dataclass(frozen=True)
class ModelConfig:
    """The model of a run.

    Attributes:
        kind: `decoder`, `t5` (encoder-decoder) or `vit`.
        width: width of the model; or give `nonzeros`.
        nonzeros: number of non-zeros N that the model should have at the run's sparsity; the width follows.
        layers: number of blocks (for `t5`, in the encoder and in the decoder each).
        heads: attention heads; the width is a multiple of them.
        patch_size: side of a patch in pixels (`vit`).
        parametrization: `standard`, or `sparse-mup`, which keeps the best learning rate the same at every width and
            density; it needs learning_rate.reference_width.
        init: checkpoint of the same kind to start from, which then decides the shape: folder of a run or of a Hugging
            Face model, or a model's name on the hub.
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
        """Refuses shapes that no model can have."""
        if sum(map(bool, (self.width, self.nonzeros, self.init))) != 1:
            raise UserError(
                "The model's size must be given by exactly one of model.width, model.nonzeros and model.init."
            )
        for name, least in {"width": 0, "nonzeros": 0, "layers": 1, "heads": 1, "patch_size": 1}.items():
            if not least <= getattr(self, name) < math.inf:
                raise UserError(f"model.{name} is {getattr(self, name)}; give {least} or more.")
        if self.width % self.heads:
            raise UserError(f"model.width {self.width} does not divide by model.heads {self.heads}; give a multiple.")


def width_for(
    nonzeros: float, *, kind: Kind, layers: int, heads: int, sparsity: float, pattern: str = "unstructured"
) -> int:
    """The width for which the body's non-zeros at this sparsity come nearest to `nonzeros`.

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
    """The `transformers` configuration of a model that fits the data, for a run of this sparsity and pattern.

    Raises:
        UserError: if the data is of the wrong sort for this kind of model, or the checkpoint to start from is.
    """
    if (data.vocab_size is None) != (model.kind == "vit"):
        wanted = "images" if model.kind == "vit" else "text"
        raise UserError(f"A {model.kind} cannot be trained on {data.unit}; choose a data.source of {wanted}.")
    if model.init:
        return _stored_architecture(model, data)
    width = model.width or width_for(
        model.nonzeros, kind=model.kind, layers=model.layers, heads=model.heads, sparsity=sparsity, pattern=pattern
    )
    return {"decoder": _decoder, "t5": _t5, "vit": _vit}[model.kind](model, data, width)


def build_model(model: ModelConfig, config: "PreTrainedConfig") -> Any:
    """The model, freshly drawn from PyTorch's random state, or read from `init` (safetensors only), in float32."""
    if not model.init:
        return new_model(model.kind, config)
    from transformers.utils import logging

    place = _checkpoint(model.init)
    logging.disable_progress_bar()
    try:
        return _family(model.kind).from_pretrained(
            place, config=config, use_safetensors=True, local_files_only=Path(place).exists(), dtype="float32"
        )
    except Exception as error:  # whatever the reader raised, the checkpoint is what the user can change
        raise UserError(
            f"{model.init} cannot be read as a checkpoint ({first_line(error)}); give one with safetensors weights."
        ) from error


def new_model(kind: Kind, config: "PreTrainedConfig") -> Any:
    """A model of this kind and shape, freshly drawn, in float32."""
    model = _family(kind)(config)
    return _untied(model) if kind == "t5" else model


def _family(kind: Kind) -> Any:
    import transformers

    classes = {"decoder": "GPTNeoXForCausalLM", "t5": "T5ForConditionalGeneration", "vit": "ViTForImageClassification"}
    return getattr(transformers, classes[kind])


def width_of(config: "PreTrainedConfig") -> int:
    """Width of the model that a configuration describes."""
    return config.hidden_size


def body_parameters(model: "nn.Module") -> dict[str, "nn.Parameter"]:
    """The matrices whose non-zeros are N, by name."""
    return {name: p for name, p in _matrices(model).items() if _in_block(name)}


def output_head(model: Any) -> Any:
    """The linear layer that gives logits; None where it shares the embeddings' weights."""
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
    # Nguyen and Salazar 2019 (arXiv 1910.05895): the usual 0.02 is this at width 1000, and too small for narrow models.
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
    """T5 v1.1 ties the two embeddings but not the head; `transformers` ties all or none, and starts the head too large."""
    from torch import nn

    model.set_input_embeddings(model.shared)
    nn.init.normal_(model.lm_head.weight, std=model.config.d_model**-0.5)
    return model


def _vit(model: ModelConfig, data: "Data", width: int) -> "PreTrainedConfig":
    from transformers import AutoConfig

    assert data.image_size is not None, "images have a size"
    if data.image_size % model.patch_size:
        raise UserError(
            f"Images of {data.image_size} pixels do not divide into patches of {model.patch_size}; change model.patch_size."
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
        raise UserError(f"{model.init} is not a checkpoint folder with a config.json; give model.init such a folder.")
    try:
        config = AutoConfig.from_pretrained(str(place), local_files_only=place.exists())
    except (OSError, ValueError) as error:
        raise UserError(
            f"{model.init} is neither a folder nor a model that the Hugging Face hub gives ({first_line(error)}); "
            "check model.init."
        ) from error
    if config.model_type != MODEL_TYPES[model.kind]:
        raise UserError(
            f"{model.init} holds a {config.model_type} model; a {model.kind} starts from {MODEL_TYPES[model.kind]}."
        )
    _check_fits(model.init, config, data)
    return config


def _checkpoint(init: str) -> str:
    """The newest checkpoint of a run's folder; any other folder or name is one itself."""
    steps = sorted((Path(init) / "checkpoint").glob("step-*"))
    return str(steps[-1]) if steps else init


def _check_fits(folder: str, config: "PreTrainedConfig", data: "Data") -> None:
    if data.vocab_size is not None and config.vocab_size < data.vocab_size:
        raise UserError(
            f"{folder} knows {config.vocab_size} tokens but the data has {data.vocab_size}; use the checkpoint's tokenizer."
        )
    if data.num_classes is not None and (config.num_labels, config.image_size) != (data.num_classes, data.image_size):
        raise UserError(
            f"{folder} is for {config.num_labels} classes of {config.image_size}-pixel images, but the data has "
            f"{data.num_classes} of {data.image_size}; choose data that agrees."
        )
