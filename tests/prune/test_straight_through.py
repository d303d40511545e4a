import pytest
import torch
from torch import nn

from sparselaw.errors import UserError
from sparselaw.prune import Schedule, StraightThroughPruner

torch.set_num_threads(1)


def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(24, 48), nn.ReLU(), nn.LayerNorm(48), nn.Linear(48, 8))


def build(sparsity=0.75, num_steps=20, **options):
    model = mlp()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2, weight_decay=0.1)
    return model, StraightThroughPruner(model, optimizer, sparsity, num_steps, **options), optimizer


def loss_of(model, step):
    inputs = torch.randn(16, 24, generator=torch.Generator().manual_seed(step))
    return (model(inputs) - inputs[:, :8]).square().mean()


def train(model, pruner, optimizer, steps, *, after=None):
    for step in steps:
        optimizer.zero_grad()
        loss_of(model, step).backward()
        optimizer.step()
        pruner.step()
        if after:
            after(step + 1)


def top(weight, num_kept):
    keep = torch.zeros(weight.numel(), dtype=torch.bool)
    keep[weight.detach().abs().flatten().argsort(descending=True)[:num_kept]] = True
    return keep.view_as(weight)


class Reference(torch.autograd.Function):
    """Masking whose gradient is the identity, as the estimator is written down."""

    @staticmethod
    def forward(context, weight, num_kept):
        return weight * top(weight, num_kept)

    @staticmethod
    def backward(context, gradient):
        return gradient, None


def test_it_is_the_straight_through_estimator():
    """Against dense weights, masked in the forward pass by a function whose gradient is the identity."""
    dense = mlp()
    reference = torch.optim.AdamW(dense.parameters(), 1e-2, weight_decay=0.1)
    model, pruner, optimizer = build()
    for step in range(20):
        reference.zero_grad()
        masked = {f"{i}.weight": Reference.apply(dense[i].weight, n) for i, n in ((0, 288), (3, 96))}
        inputs = torch.randn(16, 24, generator=torch.Generator().manual_seed(step))
        (torch.func.functional_call(dense, masked, inputs) - inputs[:, :8]).square().mean().backward()
        reference.step()
        train(model, pruner, optimizer, [step])
        for i, num_kept in ((0, 288), (3, 96)):
            torch.testing.assert_close(model[i].weight, dense[i].weight * top(dense[i].weight, num_kept))


@pytest.mark.parametrize(
    ("options", "sparsity"),
    [({}, 0.75), ({"pattern": "1:4"}, 0.75), ({"schedule": Schedule()}, 0.5), ({"distribution": "global"}, 0.5)],
    ids=str,
)
def test_counts_are_exact_at_every_step_and_weights_return(options, sparsity):
    model, pruner, optimizer = build(sparsity, **options)
    schedule = options.get("schedule", Schedule.constant())
    seen, returned = {name: m.clone() for name, m in pruner.masks.items()}, 0

    def check(step):
        nonlocal returned
        fraction = schedule.fraction(step, 20)
        assert pruner.num_nonzero == sum(int(m.sum()) for m in pruner.masks.values())
        for name, mask in pruner.masks.items():
            if options.get("distribution") != "global":
                assert int((~mask).sum()) == round(fraction * round(sparsity * mask.numel()))
            if "pattern" in options:
                assert (mask.view(-1, 4).sum(1) == 1).all()
            assert (model.get_parameter(name)[~mask] == 0).all()
            returned += int((mask & ~seen[name]).sum())
            seen[name] = mask.clone()

    train(model, pruner, optimizer, range(20), after=check)
    assert returned > 0
    assert pruner.finished


@pytest.mark.parametrize("options", [{}, {"schedule": Schedule()}], ids=["constant", "ramp"])
@pytest.mark.parametrize("stop", [0, 1, 5, 12, 19])
def test_resume_continues_bit_for_bit(options, stop, resumed):
    resumed(lambda: build(**options), lambda parts, steps: train(*parts, steps), stop=stop, num_steps=20)


def test_a_step_that_the_optimiser_leaves_out_changes_nothing():
    model, pruner, optimizer = build()
    train(model, pruner, optimizer, range(5))
    weights, hidden = model[0].weight.clone(), pruner.state_dict()["hidden"]["0.weight"]
    pruner.step()
    assert model[0].weight.equal(weights)
    assert pruner.state_dict()["hidden"]["0.weight"].equal(hidden)
    assert hidden.count_nonzero() > 0


def test_a_state_without_what_is_hidden_is_refused():
    state = build()[1].state_dict()
    del state["hidden"]["3.weight"]
    with pytest.raises(UserError, match=r"damaged at 3\.weight"):
        build()[1].load_state_dict(state)
