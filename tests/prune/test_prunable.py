"""Which parameters are pruned, under which names."""

import pytest
import torch
from torch import nn

from sparselaw.errors import UserError
from sparselaw.prune import MagnitudePruner, Schedule
from sparselaw.prune.patterns import parse_pattern
from sparselaw.prune.prunable import check_divisible, divides, find_slots, takes_pattern, unwrapped


class Model(nn.Module):
    """One of each kind of parameter; the head is tied to the embedding."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(32, 16)
        self.position_embeddings = nn.Parameter(torch.zeros(8, 16))
        self.cls_token = nn.Parameter(torch.zeros(1, 1, 16))
        self.norm = nn.LayerNorm(16)
        self.convolution = nn.Conv2d(6, 4, 3)
        self.head = nn.Linear(16, 32)
        self.head.weight = self.embed.weight


def names(slots):
    return [slot.name for slot in slots]


def test_matrices_are_pruned_and_nothing_else():
    slots = find_slots(Model())
    assert names(slots) == ["embed.weight", "convolution.weight"]
    assert [slot.is_embedding for slot in slots] == [True, False]
    assert [slot.tensor.size for slot in slots] == [512, 216]


def test_a_filter_takes_the_place_of_the_rule():
    assert names(find_slots(Model(), lambda name, p: name.endswith("bias"))) == [
        "norm.bias",
        "convolution.bias",
        "head.bias",
    ]


def test_a_slot_is_a_place_and_follows_what_is_put_there():
    model = Model()
    slot = find_slots(model)[1]
    model.convolution.weight = nn.Parameter(torch.ones(4, 6, 3, 3))
    assert slot.parameter is model.convolution.weight


@pytest.mark.parametrize("wrap", [nn.DataParallel, lambda model: torch.compile(model, backend="eager")])
def test_wrappers_add_nothing_to_names(wrap):
    model = Model()
    wrapped = wrap(model)
    assert unwrapped(wrapped) is model
    assert names(find_slots(wrapped)) == names(find_slots(model))


def test_groups_run_along_the_inputs():
    embedding, convolution = find_slots(Model())
    assert [divides(convolution, parse_pattern(text)) for text in ("2:4", "3:6")] == [False, True]
    assert not takes_pattern(embedding, [])
    assert [takes_pattern(convolution, named) for named in ([], ["convolution.weight"])] == [True, False]
    with pytest.raises(UserError, match=r"^The inputs of convolution\.weight do not divide by 4, which 2:4 needs"):
        check_divisible([convolution], parse_pattern("2:4"))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: nn.LayerNorm(4), "No parameter of the model is prunable"),
        (lambda: nn.Linear(0, 4, bias=False), "weight is empty"),
        (lambda: nn.Linear(4, 4).to(torch.float8_e5m2), "weight has the type torch.float8_e5m2"),
    ],
    ids=["none", "empty", "8 bits"],
)
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors:UserWarning")
def test_what_cannot_be_ranked_is_refused(make, sentence):
    with pytest.raises(UserError, match=f"^{sentence}"):
        find_slots(make())


def test_t5_leaves_relative_positions_dense():
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(
        vocab_size=64, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, feed_forward_proj="gated-gelu"
    )
    model = T5ForConditionalGeneration(config)
    pruner = MagnitudePruner(model, 0.75, 1, schedule=Schedule.constant())
    names = {name for name, p in model.named_parameters() if p.ndim >= 2 and "relative" not in name}
    assert set(pruner.masks) == names
    assert pruner.report().tensors[0].sparsity == 0.5  # the shared embedding
