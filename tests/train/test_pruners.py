import os
import signal
from math import sqrt

import pytest
import torch

from sparselaw.errors import UserError
from sparselaw.train import run
from sparselaw.train.config import PruningConfig
from sparselaw.train.models import body_parameters, end_parameters
from sparselaw.train.processes import Processes
from sparselaw.train.pruners import recipe_of, schedule_of
from sparselaw.train.run_folder import prepare

ALONE = Processes(torch.device("cpu"))
METHODS = {
    "one-shot": {"start": 0.5, "end": 0.5},
    "static": {"start": 0, "end": 0, "distribution": "erdos-renyi-kernel"},
    "straight-through": {"method": "straight-through", "start": 0, "end": 0},
    "rigl": {"method": "rigl"},
    "set": {"method": "set", "distribution": "erdos-renyi-kernel"},
}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("kind", ["decoder", "vit"])
def test_each_method_trains_to_its_sparsity_and_goes_on_where_it_was(name, kind, tiny, tmp_path):
    config = tiny(kind, pruning=METHODS[name])
    undisturbed = run(config, tmp_path / "undisturbed")
    assert undisturbed["sparsity"] == 0.75
    assert undisturbed["nonzero_params"] * 4 == undisturbed["dense_params"]
    assert undisturbed["recipe"].startswith(name)

    def terminate(line):
        if line["step"] == 10:
            os.kill(os.getpid(), signal.SIGTERM)

    assert run(config, tmp_path / "stopped", hook=terminate)["status"] == "interrupted"
    assert run(config, tmp_path / "stopped")["loss"] == undisturbed["loss"]


@pytest.mark.parametrize("method", ["gradual", "straight-through", "rigl", "set"])
@pytest.mark.parametrize("kind", ["decoder", "t5", "vit"])
def test_ends_keep_the_square_root_of_the_density(method, kind, tiny):
    training = prepare(tiny(kind, pruning={"method": method, "start": 0, "end": 0}), ALONE)
    masks = training.pruner.masks
    assert masks.keys() == {*end_parameters(training.model), *body_parameters(training.model)}
    for name, weight in end_parameters(training.model).items():
        assert int((~masks[name]).sum()) == round((1 - sqrt(0.25)) * weight.numel())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"sparsity": 0.0, "method": "rigl"}, "dense"),
        ({}, "gradual"),
        ({"end": 0.9}, "gradual 0.25 to 0.9"),
        ({"start": 0, "end": 0}, "static"),
        ({"start": 0.5, "end": 0.5, "distribution": "global"}, "one-shot at 0.5, global"),
        ({"method": "straight-through", "start": 0, "end": 0}, "straight-through"),
        ({"method": "straight-through"}, "straight-through, gradual"),
        ({"method": "set", "distribution": "erdos-renyi-kernel"}, "set, erdos-renyi-kernel"),
    ],
    ids=str,
)
def test_words_for_a_method(settings, words):
    assert recipe_of(PruningConfig(**({"sparsity": 0.75} | settings))) == words


def test_moving_weights_cost_their_density_from_the_start():
    assert schedule_of(PruningConfig(0.75, "rigl")).mean_density(0.75) == 0.25
    assert schedule_of(PruningConfig(0.75)).mean_density(0.75) == 1 - 0.625 * 0.75


def test_moving_weights_have_no_groups():
    with pytest.raises(UserError, match=r"pattern is '2:4', but rigl moves single weights; set it to 'unstructured'"):
        PruningConfig(0.5, "rigl", pattern="2:4")


def test_matrices_that_do_not_divide_may_stay_dense(tiny):
    """T5 of width 12 and 2 heads has inner projections of 12 inputs, and 32 in the feed-forward part."""
    changes = {"model": {"width": 12, "heads": 2}, "pruning": {"pattern": "2:8", "start": 0, "end": 0}}
    with pytest.raises(UserError, match=r"inputs of .*Attention.* do not divide by 8, .* indivisible = 'dense'"):
        prepare(tiny("t5", **changes), ALONE)
    changes["pruning"]["indivisible"] = "dense"
    training = prepare(tiny("t5", **changes), ALONE)
    pruned = {name for name in training.pruner.masks if name in body_parameters(training.model)}
    assert pruned == {name for name, p in body_parameters(training.model).items() if p.shape[1] % 8 == 0}
    assert pruned
    assert training.num_nonzero == training.num_dense - sum(
        3 * p.numel() // 4 for name, p in body_parameters(training.model).items() if name in pruned
    )
