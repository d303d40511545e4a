import copy
import itertools

import pytest
import torch
from torch import nn

from sparselaw.errors import UserError
from sparselaw.prune import MagnitudePruner, Schedule

torch.set_num_threads(1)


class TiedModel(nn.Module):
    """Embedding and head share their weight."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(32, 16)
        self.norm = nn.LayerNorm(16)
        self.hidden = nn.Linear(16, 16)
        self.head = nn.Linear(16, 32, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens):
        return self.head(self.norm(self.hidden(self.embed(tokens))))


def mlp(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(24, 48), nn.ReLU(), nn.LayerNorm(48), nn.Linear(48, 8))


def train(model, pruner, steps, *, optimizer=None, seed=1, after=None):
    optimizer = optimizer or torch.optim.AdamW(model.parameters(), 1e-2, weight_decay=0.1)
    for step in range(steps):
        generator = torch.Generator().manual_seed(1000 * seed + step)
        optimizer.zero_grad()
        model(torch.randn(16, 24, generator=generator)).square().mean().backward()
        optimizer.step()
        pruner.step()
        if after:
            after(step + 1)


def zeros(model):
    return {name: int((p == 0).sum()) for name, p in model.named_parameters() if p.ndim >= 2}


@pytest.mark.parametrize("update_every", [1, 7, 100, 1000])
@pytest.mark.parametrize("num_steps", [1, 2, 5, 40, 101])
def test_the_target_is_met_exactly_at_the_end_of_the_ramp(num_steps, update_every):
    model = mlp()
    pruner = MagnitudePruner(model, 0.75, num_steps, update_every=update_every)
    end = round(0.75 * num_steps)

    def check(step):
        assert pruner.finished == (step >= end)
        if step >= end:
            assert zeros(model) == {"0.weight": 864, "3.weight": 288}
            assert pruner.current_sparsity == 0.75
        if step <= round(0.25 * num_steps) and step < end:
            assert pruner.current_sparsity == 0

    train(model, pruner, num_steps, after=check)


@pytest.mark.parametrize("pattern", ["unstructured", "1:4", "2:8"])
def test_sparsity_follows_the_ramp_and_masks_are_nested(pattern):
    model = mlp()
    pruner = MagnitudePruner(model, 0.75, 100, update_every=1, pattern=pattern)
    before = {name: mask.clone() for name, mask in pruner.masks.items()}

    def check(step):
        u = min(max((step - 25) / 50, 0), 1)
        for name, mask in pruner.masks.items():
            assert int((~mask).sum()) == round(0.75 * (1 - (1 - u) ** 3) * mask.numel())
            assert not (mask & ~before[name]).any()
            before[name] = mask.clone()

    train(model, pruner, 100, after=check)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
        lambda p: torch.optim.AdamW(p, 0.05, weight_decay=0.3),
        lambda p: torch.optim.Adam(p, 0.05, weight_decay=0.3),
        lambda p: torch.optim.RMSprop(p, 0.01, momentum=0.9),
    ],
    ids=["sgd-momentum", "adamw", "adam", "rmsprop"],
)
def test_nothing_revives_a_pruned_weight(make):
    model = mlp()
    pruner = MagnitudePruner(model, 0.5, 30, update_every=2)
    pruned = {name: torch.zeros_like(mask) for name, mask in pruner.masks.items()}

    def check(step):
        for name, mask in pruner.masks.items():
            weight = model.get_parameter(name)
            assert (weight[pruned[name]] == 0).all()
            assert (weight[~mask] == 0).all()
            pruned[name] |= ~mask

    train(model, pruner, 30, optimizer=make(model.parameters()), after=check)
    assert sum(int(p.sum()) for p in pruned.values()) == pruner.num_prunable - pruner.num_nonzero > 0


def test_an_infinite_update_of_a_pruned_weight_is_undone():
    model = mlp()
    pruner = MagnitudePruner(model, 0.5, 10, schedule=Schedule.constant())
    with torch.no_grad():
        model[0].weight[~pruner.masks["0.weight"]] = torch.nan
        model[3].weight[~pruner.masks["3.weight"]] = -torch.inf
    pruner.step()
    assert zeros(model) == {"0.weight": 576, "3.weight": 192}
    assert not torch.signbit(model[3].weight[~pruner.masks["3.weight"]]).any()


@pytest.mark.parametrize(
    ("options", "counts"),
    [
        ({}, {"0.weight": 864, "3.weight": 288}),
        ({"distribution": {"3.weight": 0.25}}, {"0.weight": 864, "3.weight": 96}),
        ({"prunable": lambda name, p: name == "3.weight"}, {"0.weight": 0, "3.weight": 288}),
        ({"pattern": "1:4"}, {"0.weight": 864, "3.weight": 288}),
        ({"pattern": "2:8", "distribution": {"3.weight": 0.25}}, {"0.weight": 864, "3.weight": 96}),
    ],
    ids=["uniform", "map", "filter", "1:4", "2:8-map"],
)
def test_zeros_by_distribution(options, counts):
    model = mlp()
    pruner = MagnitudePruner(model, 0.75, 20, update_every=3, **options)
    train(model, pruner, 20)
    assert zeros(model) == counts
    report = pruner.report()
    assert {t.name: t.size - t.num_nonzero for t in report.tensors if t.size > t.num_nonzero} == {
        name: n for name, n in counts.items() if n
    }
    assert report.total.num_nonzero == pruner.num_nonzero


@pytest.mark.parametrize("distribution", ["global", "erdos-renyi-kernel"])
def test_shared_distributions_meet_the_total(distribution):
    model = mlp()
    train(model, MagnitudePruner(model, 0.75, 20, distribution=distribution), 20)
    assert sum(zeros(model).values()) == 1152


def test_global_prunes_the_smallest_of_all():
    model = mlp()
    everything = torch.cat([model[0].weight.flatten(), model[3].weight.flatten()]).detach().abs()
    pruner = MagnitudePruner(model, 0.75, 1, schedule=Schedule.constant(), distribution="global")
    kept = torch.cat([mask.flatten() for mask in pruner.masks.values()])
    assert kept.equal(everything > everything.sort().values[1151])


def test_gradual_nm_keeps_the_pattern_first_and_ends_in_it():
    model = mlp()
    pruner = MagnitudePruner(model, 0.5, 40, update_every=1, pattern="2:4")
    seen = []

    def check(step):
        weights, mask = model[0].weight.detach(), pruner.masks["0.weight"]
        assert (mask.view(-1, 4).sum(1) >= 2).all()
        best = weights.abs().view(-1, 4).topk(2).values
        assert best.gt(0).all()
        dropped = mask.numel() - int(mask.sum())
        assert dropped == round(0.5 * Schedule().fraction(step, 40) * mask.numel()) if step >= 10 else dropped == 0
        seen.append(dropped)

    train(model, pruner, 40, after=check)
    assert (
        max(b - a for a, b in itertools.pairwise(seen)) <= 0.5 * Schedule().fraction(11, 40) * 1152 + 1
    )  # the first is largest
    assert (pruner.masks["0.weight"].view(-1, 4).sum(1) == 2).all()


def test_tied_weights_are_pruned_once_on_both_sides():
    model = TiedModel()
    pruner = MagnitudePruner(model, 0.75, 1, schedule=Schedule.constant())
    assert list(pruner.masks) == ["embed.weight", "hidden.weight"]
    assert model.head.weight is model.embed.weight
    assert (model.head.weight == 0).sum() == 256  # 1 - sqrt(1 - 0.75) of 512
    assert pruner.num_prunable == 512 + 256


@pytest.mark.parametrize(("option", "count"), [("sqrt", 256), ("dense", 0), ("target", 384)])
def test_embeddings_by_option(option, count):
    model = TiedModel()
    MagnitudePruner(model, 0.75, 1, schedule=Schedule.constant(), embeddings=option)
    assert (model.embed.weight == 0).sum() == count


def test_the_model_stays_an_ordinary_model():
    model, dense = TiedModel(), TiedModel()
    pruner = MagnitudePruner(model, 0.5, 1, schedule=Schedule.constant())
    model(torch.arange(4)).sum().backward()
    pruner.step()
    twin = copy.deepcopy(model)
    assert list(twin.state_dict()) == list(model.state_dict()) == list(dense.state_dict())
    assert twin.head.weight is twin.embed.weight
    dense.load_state_dict(model.state_dict())
    assert zeros(dense) == zeros(model)


def test_a_compiled_model_is_pruned_under_its_own_names():
    model = mlp()
    compiled = torch.compile(model, backend="eager")
    pruner = MagnitudePruner(compiled, 0.75, 10, update_every=3)
    train(compiled, pruner, 10)
    assert list(pruner.masks) == ["0.weight", "3.weight"]
    assert zeros(model) == {"0.weight": 864, "3.weight": 288}
    inputs = torch.randn(4, 24)
    assert compiled(inputs).equal(model(inputs))


def test_weights_replaced_by_assignment_are_still_pruned():
    model = mlp()
    pruner = MagnitudePruner(model, 0.5, 1, schedule=Schedule.constant())
    model.load_state_dict({name: torch.ones_like(p) for name, p in model.state_dict().items()}, assign=True)
    pruner.step()
    assert zeros(model) == {"0.weight": 576, "3.weight": 192}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64], ids=str)
def test_other_float_types(dtype):
    model = mlp().to(dtype)
    pruner = MagnitudePruner(model, 0.75, 1, schedule=Schedule.constant(), pattern="1:4")
    pruner.step()
    assert zeros(model) == {"0.weight": 864, "3.weight": 288}


def test_channels_last_convolutions():
    plain = nn.Conv2d(8, 12, 3)
    last = copy.deepcopy(plain).to(memory_format=torch.channels_last)
    for pattern, sparsity in (("unstructured", 0.7), ("2:4", 0.5)):
        pruners = [
            MagnitudePruner(m, sparsity, 1, schedule=Schedule.constant(), pattern=pattern) for m in (plain, last)
        ]
        assert pruners[0].masks["weight"].equal(pruners[1].masks["weight"])
        assert plain.weight.equal(last.weight)


def test_a_score_of_the_parameter_ranks_instead_of_magnitude():
    model = nn.Linear(4, 2, bias=False)
    scores = torch.tensor([[8.0, 1, 2, 7], [3, 6, 5, -4]])
    pruner = MagnitudePruner(model, 0.5, 1, schedule=Schedule.constant(), score=lambda parameter: scores)
    assert pruner.masks["weight"].tolist() == [[True, False, False, True], [False, True, True, False]]


@pytest.mark.parametrize("options", [{}, {"distribution": "global"}, {"pattern": "1:4"}], ids=str)
@pytest.mark.parametrize("stop", [0, 5, 10, 11, 13, 17, 20, 24, 29, 30, 39])
def test_resume_continues_bit_for_bit(stop, options, resumed):
    def build():
        model = mlp()
        return (
            model,
            MagnitudePruner(model, 0.75, 40, update_every=3, **options),
            torch.optim.AdamW(model.parameters(), 1e-2),
        )

    def steps(parts, span):
        model, pruner, optimizer = parts
        for step in span:
            train(model, pruner, 1, optimizer=optimizer, seed=step)

    assert resumed(build, steps, stop=stop, num_steps=40)[1].num_nonzero == 288 + 96


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sparsity": 1.0}, "target sparsity is 1.0"),
        ({"sparsity": -0.1}, "target sparsity is -0.1"),
        ({"sparsity": float("nan")}, "target sparsity is nan"),
        ({"num_steps": 0}, "num_steps is 0"),
        ({"update_every": 0}, "update_every is 0"),
        ({"pattern": "5:4"}, "5:4 keeps 5 of each 4"),
        ({"pattern": "2:4"}, "2:4 has sparsity 0.5, not 0.75"),
        (
            {"pattern": "2:4", "sparsity": 0.5, "distribution": "erdos-renyi-kernel"},
            "2:4 gives every tensor the same sparsity",
        ),
        ({"pattern": "3:9", "sparsity": 2 / 3}, "inputs of 0.weight, 3.weight do not divide by 9"),
        ({"distribution": {"1.weight": 0.5}}, "names 1.weight, not among the prunable"),
        ({"prunable": lambda name, p: False}, "No parameter of the model is prunable"),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(value),
)
def test_mistakes_are_told_in_one_sentence(arguments, message):
    with pytest.raises(UserError, match=message) as error:
        MagnitudePruner(mlp(), **{"sparsity": 0.75, "num_steps": 10, **arguments})
    assert len(str(error.value).splitlines()) == 1


def test_nan_weights_are_refused_at_an_update():
    model = mlp()
    pruner = MagnitudePruner(model, 0.75, 2, schedule=Schedule.one_shot(0.5))
    with torch.no_grad():
        model[3].weight[2, 2] = torch.nan
    with pytest.raises(UserError, match=r"3\.weight has NaN weights or scores at step 1"):
        pruner.step()


def test_masks_are_only_sought_when_due(monkeypatch):
    from sparselaw.prune import pruner as module

    calls = []
    original = module.prune_together
    monkeypatch.setattr(module, "prune_together", lambda *a: calls.append(1) or original(*a))
    model = mlp()
    train(model, MagnitudePruner(model, 0.75, 100, update_every=10), 100)
    assert len(calls) == 2 * 6  # two tensors, at steps 30, 40, 50, 60, 70 and 75
