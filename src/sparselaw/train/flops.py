"""Training FLOPs by formula: the matrix products, at two FLOPs for each multiplication and addition.

A matrix of p weights costs 2p FLOPs per position. Attention costs 4 d per (query, key) pair, for the scores and the
weighted sum; causal masking saves nothing. The backward pass costs twice the forward pass. For a wide decoder this
approaches the usual 6 N per token. Embedding look-ups are free.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

BACKWARD_AND_FORWARD = 3


@dataclass(frozen=True)
class ForwardFlops:
    """FLOPs of one example's forward pass.

    Attributes:
        body: matrices inside the blocks, which N counts.
        ends: output head and patch projection.
        attention: products of activations, which weight sparsity does not reduce.
    """

    body: float
    ends: float
    attention: float

    @property
    def total(self) -> float:
        """Sum of the three parts."""
        return self.body + self.ends + self.attention

    def training(self) -> float:
        """FLOPs of training on one example if zeros cost compute."""
        return BACKWARD_AND_FORWARD * self.total

    def sparse_training(self, sparsity: float, mean_fraction: float) -> float:
        """FLOPs of training on one example if zeros are free: weights cost their mean density over the run.

        Args:
            sparsity: final sparsity S of the body; that of the ends is 1 - sqrt(1-S).
            mean_fraction: of S, over the steps of the run; see `Schedule.mean_fraction`.
        """
        ends_sparsity = 1 - (1 - sparsity) ** 0.5
        weights = self.body * (1 - sparsity * mean_fraction) + self.ends * (1 - ends_sparsity * mean_fraction)
        return BACKWARD_AND_FORWARD * (weights + self.attention)


def forward_flops(config: "PreTrainedConfig", *, input_length: int, target_length: int = 0) -> ForwardFlops:
    """FLOPs of one example's forward pass.

    Args:
        config: configuration of a GPT-NeoX, T5 or ViT model.
        input_length: tokens of the input (of the encoder for T5); not used for images.
        target_length: tokens of the decoder's target (T5 only).
    """
    if config.model_type == "t5":
        return _t5(config, input_length, target_length)
    if config.model_type == "vit":
        return _vit(config)
    width, layers = config.hidden_size, config.num_hidden_layers
    body, attention = _block(width, config.intermediate_size, input_length)
    return ForwardFlops(layers * body, 2 * config.vocab_size * width * input_length, layers * attention)


def _block(width: int, d_ff: int, length: int) -> tuple[float, float]:
    return 2 * (4 * width**2 + 2 * width * d_ff) * length, 4 * width * length**2


def _vit(config: "PreTrainedConfig") -> ForwardFlops:
    patches = (config.image_size // config.patch_size) ** 2
    body, attention = _block(config.hidden_size, config.intermediate_size, patches + 1)
    projection = config.num_channels * config.patch_size**2 * config.hidden_size
    ends = 2 * (projection * patches + config.hidden_size * config.num_labels)
    return ForwardFlops(config.num_hidden_layers * body, ends, config.num_hidden_layers * attention)


def _t5(config: "PreTrainedConfig", inputs: int, targets: int) -> ForwardFlops:
    inner = config.num_heads * config.d_kv
    projection = 2 * config.d_model * inner
    feed_forward = 2 * (3 if config.is_gated_act else 2) * config.d_model * config.d_ff
    encoder = (4 * projection + feed_forward) * inputs
    # Cross-attention: queries and output on the targets, keys and values on the inputs.
    decoder = (6 * projection + feed_forward) * targets + 2 * projection * inputs
    body = config.num_layers * encoder + config.num_decoder_layers * decoder
    attention = 4 * inner * (config.num_layers * inputs**2 + config.num_decoder_layers * targets * (targets + inputs))
    return ForwardFlops(body, 2 * config.vocab_size * config.d_model * targets, attention)
