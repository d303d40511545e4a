"""A pruner's state on disk: packed bits, and refusals of what is another pruner's."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sparselaw.errors import UserError
from sparselaw.prune import MagnitudePruner, Schedule
from sparselaw.prune.states import pack, unpack


def mlp(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(24, 48), nn.ReLU(), nn.LayerNorm(48), nn.Linear(48, 8))


def test_masks_are_saved_as_bits():
    model = nn.Linear(100, 81, bias=False)
    state = MagnitudePruner(model, 0.5, 10).state_dict()
    assert state["masks"]["weight"].numel() == -(-8100 // 8)


def test_a_state_survives_a_save_after_a_load():
    model = mlp()
    first = MagnitudePruner(model, 0.5, 10, schedule=Schedule.constant())
    second = MagnitudePruner(mlp(1), 0.5, 10, schedule=Schedule.constant())
    second.load_state_dict(first.state_dict())
    again = second.state_dict()["masks"]
    assert all(again[name].equal(mask) for name, mask in first.state_dict()["masks"].items())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: {"step": 1}, "not the state of a pruner"),
        (lambda s: {**s, "masks": {**s["masks"], "0.weight": s["masks"]["0.weight"][:-1]}}, "damaged at 0.weight"),
        (lambda s: {**s, "masks": {}}, "damaged at 0.weight"),
        (
            lambda s: {**s, "shapes": {"0.weight": [24, 48], "3.weight": [8, 48]}},
            r"another model: 0.weight is \[24, 48\]",
        ),
        (lambda s: {**s, "shapes": {**s["shapes"], "4.weight": [8, 8]}}, "4.weight is .* and absent here"),
        (lambda s: {**s, "settings": {**s["settings"], "sparsity": 0.5}}, "saved with sparsity 0.5, not 0.75"),
    ],
    ids=["foreign", "truncated", "missing", "shape", "extra", "settings"],
)
def test_the_state_of_another_model_is_refused(change, message):
    pruner = MagnitudePruner(mlp(), 0.75, 10)
    before = {name: mask.clone() for name, mask in pruner.masks.items()}
    with pytest.raises(UserError, match=message):
        pruner.load_state_dict(change(pruner.state_dict()))
    assert all(pruner.masks[name].equal(mask) for name, mask in before.items())


@settings(deadline=None, max_examples=50)
@given(shape=st.lists(st.integers(0, 9), min_size=1, max_size=3).map(tuple), seed=st.integers(0, 2**32 - 1))
def test_any_mask_survives_packing(shape, seed):
    mask = torch.from_numpy(np.random.default_rng(seed).random(shape) < 0.5)
    state = pack({"w": mask}, step=3, settings={"sparsity": 0.5})
    assert state["masks"]["w"].numel() == -(-mask.numel() // 8)
    assert unpack(state, shapes={"w": shape}, settings={"sparsity": 0.5})["w"].equal(mask)


def test_the_first_entry_is_in_the_highest_bit():
    state = pack({"w": torch.tensor([True, False, True])}, step=0, settings={})
    assert state["masks"]["w"].tolist() == [0b10100000]
