import copy
import math

import pytest
import torch
from torch import nn

from sparselaw.errors import UserError
from sparselaw.prune import DynamicPruner

torch.set_num_threads(1)


def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(24, 48), nn.ReLU(), nn.LayerNorm(48), nn.Linear(48, 8))


def build(num_steps=40, **options):
    model = mlp()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    return model, DynamicPruner(model, optimizer, 0.75, num_steps, **({"update_every": 3} | options)), optimizer


def train(model, pruner, optimizer, steps, *, after=None):
    for step in steps:
        inputs = torch.randn(16, 24, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        (model(inputs) - inputs[:, :8]).square().mean().backward()
        optimizer.step()
        pruner.step()
        if after:
            after(step + 1)


@pytest.mark.parametrize("growth", ["gradient", "random"])
@pytest.mark.parametrize("distribution", ["uniform", "erdos-renyi-kernel", "global", {"3.weight": 0.25}], ids=str)
def test_counts_never_change_while_places_do(growth, distribution):
    model, pruner, optimizer = build(growth=growth, distribution=distribution)
    counts = {t.name: t.num_nonzero for t in pruner.report().tensors}
    total, moves, before = sum(counts.values()), [], {name: m.clone() for name, m in pruner.masks.items()}

    def check(step):
        moved = 0
        for name, mask in pruner.masks.items():
            assert (model.get_parameter(name)[~mask] == 0).all()
            moved += int((mask & ~before[name]).sum())
            before[name] = mask.clone()
        found = {t.name: t.num_nonzero for t in pruner.report().tensors}
        assert sum(found.values()) == total == pruner.num_nonzero
        assert distribution == "global" or found == counts
        # Masks move in the update after `step` is divisible, as long as less than 75% of the run is done.
        assert bool(moved) <= ((step - 1) % 3 == 0 and 0 < step - 1 < 30)
        assert pruner.finished == (step >= 30)
        moves.append(moved)

    train(model, pruner, optimizer, range(40), after=check)
    assert sum(moves) > 0


def test_rigl_by_hand():
    """Of 8 weights 4 live; a drop of one half gives up the two smallest and grows the two of largest gradient."""
    model = nn.Linear(8, 1, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    pruner = DynamicPruner(model, optimizer, 0.5, 100, update_every=2, drop=0.5)
    mask = torch.tensor([[1, 1, 1, 1, 0, 0, 0, 0]], dtype=torch.bool)
    pruner.masks["weight"].copy_(mask)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[4.0, -0.1, 3, 0.2, 0, 0, 0, 0]]))
    pruner._step = 2
    gradient = torch.tensor([[0.0, 9, 0, 1, 2, -8, 3, 4]])
    model.weight.grad = gradient.clone()
    optimizer.step()
    # round(cos-share of 4 x 0.5) = 2 dropped (places 1 and 3); grown: 1 (just dropped, |9|) and 5 (|-8|)
    assert pruner.masks["weight"].int().tolist() == [[1, 1, 1, 0, 0, 1, 0, 0]]
    assert model.weight.tolist() == [[4, 0, 3, 0, 0, 0, 0, 0]]
    assert model.weight.grad.equal(gradient * pruner.masks["weight"])


def test_the_share_that_moves_falls_as_a_cosine():
    model, pruner, optimizer = build(400, update_every=1, growth="random", drop=0.4)
    num_live, moved = pruner.num_nonzero, []

    def note(step):
        moved.append(pruner.report().total.flips)

    train(model, pruner, optimizer, range(400), after=note)
    shares = [0.2 * (1 + math.cos(math.pi * step / 300)) for step in range(1, 300)]
    # A drop and a growth are two flips, unless the dropped place grows again.
    assert all(flips <= 2 * share * num_live + 4 for flips, share in zip(moved[1:], shares, strict=False))
    assert sum(moved[1:300]) > sum(shares) * num_live


def test_first_masks_are_random_and_of_the_seed():
    first, again, other = (build(seed=seed)[1].masks["0.weight"] for seed in (0, 0, 1))
    assert first.equal(again)
    overlap = int((first & other).sum())
    assert abs(overlap - 288 / 4) < 5 * math.sqrt(288 * 0.25 * 0.75)
    magnitudes = mlp()[0].weight.abs()
    kept_largest = magnitudes[first].mean() > magnitudes[~first].mean() * 1.2
    assert not kept_largest


@pytest.mark.parametrize("growth", ["gradient", "random"])
@pytest.mark.parametrize("stop", [0, 1, 7, 9, 30, 39])
def test_resume_continues_bit_for_bit(growth, stop, resumed):
    resumed(lambda: build(growth=growth), lambda parts, steps: train(*parts, steps), stop=stop, num_steps=40)


def test_moments_of_dead_weights_fade():
    model, pruner, optimizer = build(update_every=7)
    train(model, pruner, optimizer, range(6))
    dead = ~pruner.masks["0.weight"]
    before = copy.deepcopy(optimizer.state[model[0].weight]["exp_avg"])
    train(model, pruner, optimizer, range(6, 7))
    after = optimizer.state[model[0].weight]["exp_avg"]
    assert torch.allclose(after[dead], 0.9 * before[dead], atol=1e-12)


def test_a_frozen_tensor_stays_as_it_was():
    model = mlp()
    model[3].weight.requires_grad_(False)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.1)
    pruner = DynamicPruner(model, optimizer, 0.75, 40, update_every=1)
    weight = model[3].weight.clone()
    train(model, pruner, optimizer, range(10))
    assert model[3].weight.count_nonzero() <= 96
    assert (model[3].weight[model[3].weight != 0] == weight[model[3].weight != 0]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stop": 1.5}, "stop is 1.5"),
        ({"drop": 1.0}, r"drop 1.0; give stop in \[0, 1\]"),
        ({"update_every": 0}, "update_every is 0"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        build(**options)


def test_the_state_of_other_settings_is_refused():
    with pytest.raises(UserError, match="saved with growth gradient, not random"):
        build(growth="random")[1].load_state_dict(build()[1].state_dict())
