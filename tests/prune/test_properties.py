"""Whatever the shape, pattern, ramp and ties: exact counts, nested masks, whole groups, the same masks every time."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sparselaw.prune import MagnitudePruner, Schedule

NUM_STEPS = 12


@st.composite
def cases(draw):
    length = draw(st.integers(1, 9))
    kept = draw(st.integers(1, length))
    start, end = sorted(draw(st.tuples(st.floats(0, 1), st.floats(0, 1))))
    layers = draw(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 6)), min_size=1, max_size=3))
    return {
        "pattern": draw(st.sampled_from(["unstructured", f"{kept}:{length}"])),
        "sparsity": 1 - kept / length,
        "group": (kept, length),
        "shapes": [(groups * length, rows) for groups, rows in layers],
        "schedule": Schedule(start, end, draw(st.floats(0.1, 10))),
        "update_every": draw(st.integers(1, NUM_STEPS)),
        "distribution": draw(st.sampled_from(["uniform", "global"])),
        "num_values": draw(st.integers(1, 5)),  # of weights' magnitudes, so that most are tied
        "seed": draw(st.integers(0, 99)),
    }


@given(cases())
def test_masks_of_any_case(case):
    first, again = (_masks(case) for _ in range(2))
    sizes = [mask.numel() for mask in first[0]]
    wholes = [round(case["sparsity"] * size) for size in sizes]
    if case["distribution"] == "global":
        sizes, wholes = [sum(sizes)], [round(case["sparsity"] * sum(sizes))]
    schedule, before = case["schedule"], None
    expected = 0.0 if schedule.last_step(NUM_STEPS) else 1.0
    for step, (masks, same) in enumerate(zip(first, again, strict=True)):
        if step and schedule.is_update(step, NUM_STEPS, update_every=case["update_every"]):
            expected = schedule.fraction(step, NUM_STEPS)
        zeros = [int((~mask).sum()) for mask in masks]
        zeros = [sum(zeros)] if case["distribution"] == "global" else zeros
        assert zeros == [round(expected * whole) for whole in wholes]
        assert all(mask.equal(other) for mask, other in zip(masks, same, strict=True))
        assert before is None or not any((mask & ~old).any() for mask, old in zip(masks, before, strict=True))
        before = masks
    if case["pattern"] != "unstructured" and expected == 1:
        kept, length = case["group"]
        assert all((mask.view(-1, length).sum(1) == kept).all() for mask in first[-1])


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5))
def test_of_equal_weights_the_first_are_kept(kept, more, num_groups):
    length = kept + more
    layer = nn.Linear(num_groups * length, 1, bias=False)
    nn.init.constant_(layer.weight, -0.5)
    MagnitudePruner(layer, more / length, 1, schedule=Schedule.constant(), pattern=f"{kept}:{length}")
    assert layer.weight.view(-1, length).ne(0).int().tolist() == [[1] * kept + [0] * more] * num_groups


def _masks(case):
    """After no step and after each."""
    torch.manual_seed(case["seed"])
    model = nn.Sequential(*(nn.Linear(inputs, rows, bias=False) for inputs, rows in case["shapes"]))
    _change(model, case["num_values"])
    names = ("schedule", "update_every", "distribution", "pattern")
    pruner = MagnitudePruner(model, case["sparsity"], NUM_STEPS, **{name: case[name] for name in names})
    masks = [[mask.clone() for mask in pruner.masks.values()]]
    for _ in range(NUM_STEPS):
        _change(model, case["num_values"])
        pruner.step()
        masks.append([mask.clone() for mask in pruner.masks.values()])
    return masks


@torch.no_grad()
def _change(model, num_values):
    for layer in model:
        layer.weight.copy_(torch.randint(-num_values, num_values, layer.weight.shape))
