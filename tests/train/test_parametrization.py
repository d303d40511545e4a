"""Sparse muP against its table, and by what it is for: activations that change alike at every width."""

import os
import signal
from math import sqrt

import pytest
import torch

from sparselaw.errors import UserError
from sparselaw.train import run
from sparselaw.train.parametrization import parametrization_of, roles
from sparselaw.train.processes import Processes
from sparselaw.train.run_folder import prepare

ALONE = Processes(torch.device("cpu"))
REFERENCE = 32
STATIC = {"start": 0, "end": 0}


@pytest.fixture
def made(tiny):
    """Makes the training of a tiny model of some width and sparsity."""

    def make(width, sparsity=0.0, *, kind="decoder", parametrization="sparse-mup", **pruning):
        model = {"width": width, "parametrization": parametrization}
        config = tiny(
            kind,
            model=model,
            pruning={"sparsity": sparsity} | pruning,
            learning_rate={"reference_width": REFERENCE, "peak": 0.01, "warmup": 0},
        )
        return prepare(config, ALONE)

    return make


def rates(training, step):
    """The learning rate of each role, as multiples of an embedding's."""
    found = parametrization_of(training.config, training.model, training.num_steps)
    return {role: found.rate(role, step) / found.rate("rest", step) for role in ("body", "head", "rest")}


@pytest.mark.parametrize("kind", ["decoder", "vit"])
def test_roles_follow_the_table(kind, made):
    found = roles(made(16, kind=kind).model)
    by_role = {role: sorted(name for name in found if found[name] == role) for role in ("body", "head", "rest")}
    assert by_role["head"] == {"decoder": ["lm_head.weight"], "vit": ["classifier.weight"]}[kind]
    assert len(by_role["body"]) == {"decoder": 4, "vit": 6}[kind]
    assert not [name for name in by_role["body"] if "norm" in name or name.endswith("bias")]


@pytest.mark.parametrize("kind", ["decoder", "vit"])
@pytest.mark.parametrize("sparsity", [0.0, 0.75])
@pytest.mark.parametrize("width", [32, 64, 128])
def test_initial_standard_deviations_are_those_of_the_table(width, sparsity, kind, made):
    training = made(width, sparsity, kind=kind, **STATIC)
    masks = training.pruner.masks if training.pruner else {}
    dense, m = sqrt(2 / (5 * REFERENCE)), width / REFERENCE
    rho = {"body": 1 - sparsity, "head": sqrt(1 - sparsity)}
    factor = {"body": (m * rho["body"]) ** -0.5, "head": 1 / (m * rho["head"]), "rest": 1.0}
    for name, role in roles(training.model).items():
        weight = training.model.get_parameter(name).detach()
        if weight.ndim >= 2 and weight.numel() > 2000 and name not in masks:
            assert weight.std().item() == pytest.approx(factor[role] * dense, rel=0.08), name
        elif weight.ndim >= 2 and weight.numel() > 2000:  # of magnitude pruning the survivors are the largest
            variance = weight.square().mean().item()
            assert variance == pytest.approx((factor[role] * dense) ** 2 * kept_variance(masks[name]), rel=0.15), name


def kept_variance(mask):
    """The part of a standard normal variable's variance that its largest magnitudes hold."""
    normal = torch.distributions.Normal(0.0, 1.0)
    cut = normal.icdf(1 - mask.double().mean() / 2)
    return (2 * (cut * normal.log_prob(cut).exp() + 1 - normal.cdf(cut))).item()


@pytest.mark.parametrize("sparsity", [0.0, 0.75])
@pytest.mark.parametrize("width", [32, 64, 128])
def test_learning_rates_are_those_of_the_table(width, sparsity, made):
    m = width / REFERENCE
    found = rates(made(width, sparsity, **STATIC), 5)
    assert found == pytest.approx({"body": 1 / (m * (1 - sparsity)), "head": 1 / (m * sqrt(1 - sparsity)), "rest": 1.0})


def test_learning_rates_follow_the_density_as_it_falls(made):
    training = made(64, 0.75)
    early, late = rates(training, 0), rates(training, training.num_steps)
    assert early == pytest.approx({"body": 0.5, "head": 0.5, "rest": 1})
    assert late == pytest.approx({"body": 2.0, "head": 1.0, "rest": 1})


@pytest.mark.parametrize("kind", ["decoder", "vit"])
def test_a_dense_model_of_the_reference_width_is_the_standard_one(kind, made):
    ours, usual = (made(REFERENCE, kind=kind, parametrization=name) for name in ("sparse-mup", "standard"))
    assert all(torch.equal(p, q) for p, q in zip(ours.model.parameters(), usual.model.parameters(), strict=True))
    pairs = [parametrization_of(one.config, one.model, 20) for one in (ours, usual)]
    for role in ("body", "head", "rest"):
        assert [pairs[0].rate(role, t) for t in range(20)] == pytest.approx([pairs[1].rate(role, t) for t in range(20)])


def change_of_activations(training, num_steps=4):
    """Root mean square of what a few steps of Adam add to the last hidden state, as a share of the state itself."""
    ids = training.data.batch(0, 8)["input_ids"]
    found = parametrization_of(training.config, training.model, training.num_steps)

    def hidden():
        with torch.no_grad():
            return training.model(input_ids=ids, output_hidden_states=True).hidden_states[-2]

    before = hidden()
    for step in range(num_steps):
        training.model(input_ids=ids, labels=ids).loss.backward()
        for group in training.optimizer.param_groups:
            group["lr"] = found.rate(group["role"], step)
        training.optimizer.step()
        training.optimizer.zero_grad()
        if training.pruner:
            training.pruner.step()
    return ((hidden() - before).square().mean() / before.square().mean()).sqrt().item()


@pytest.mark.parametrize("sparsity", [0.0, 0.75])
def test_activations_change_alike_at_every_width(sparsity, made):
    changes = [change_of_activations(made(width, sparsity, **STATIC)) for width in (32, 64, 128)]
    assert max(changes) < 1.1 * min(changes), changes


def test_a_run_goes_on_where_it_was(tiny, tmp_path):
    model, rate = {"width": 32, "parametrization": "sparse-mup"}, {"reference_width": 16}
    config = tiny(model=model, learning_rate=rate)
    undisturbed = run(config, tmp_path / "undisturbed")

    def terminate(line):
        if line["step"] == 10:
            os.kill(os.getpid(), signal.SIGTERM)

    assert run(config, tmp_path / "stopped", hook=terminate)["status"] == "interrupted"
    assert run(config, tmp_path / "stopped")["loss"] == undisturbed["loss"]
    assert undisturbed["loss"] != run(tiny(model={"width": 32}, learning_rate=rate), tmp_path / "standard")["loss"]


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("decoder", {"optimizer": {"name": "adafactor"}}),
        ("decoder", {"pruning": {"distribution": "global"}}),
        ("decoder", {"model": {"init": "somewhere", "width": 0}}),
        ("t5", {}),
    ],
    ids=["adafactor", "global", "checkpoint", "t5"],
)
def test_what_sparse_mup_is_not_for_is_refused(kind, changes, tiny):
    changes = changes | {"model": {"parametrization": "sparse-mup"} | changes.get("model", {})}
    with pytest.raises(UserError, match=r"'sparse-mup', which is only for decoders .* set it to 'standard'\."):
        tiny(kind, learning_rate={"reference_width": 16}, **changes)


def test_sparse_mup_needs_a_reference_width(tiny):
    with pytest.raises(UserError, match=r"needs a reference width; set learning_rate\.reference_width"):
        tiny(model={"parametrization": "sparse-mup"})
