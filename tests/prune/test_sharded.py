"""Two processes against one, bit for bit: DDP and FSDP2 over gloo on the CPU."""

import os
import subprocess
import sys

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Shard
from torch.nn.parallel import DistributedDataParallel

from sparselaw.errors import UserError
from sparselaw.prune import MagnitudePruner

CASES = {
    "uniform": {},
    "global": {"distribution": "global"},
    "erdos-renyi-kernel": {"distribution": "erdos-renyi-kernel"},
    "1:4": {"pattern": "1:4"},
    "1:4-global": {"pattern": "1:4", "distribution": "global"},
}
STEPS = 12


def build(*, tied_magnitudes):
    """Odd numbers of rows, so that shards differ in size; and one tensor of which the second rank has nothing."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(24, 33), nn.LayerNorm(33), nn.Linear(33, 1, bias=False), nn.Linear(1, 24), nn.Linear(24, 7)
    )
    if tied_magnitudes:
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_((8 * parameter).round() / 8)
    return model


def prunable(name, parameter):
    return name in ("0.weight", "2.weight", "4.weight")


def disturb(model, step):
    """A change of all weights that does not depend on how many processes there are."""
    with torch.no_grad():
        for i, parameter in enumerate(model.parameters()):
            noise = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(100 * step + i)).round(
                decimals=1
            )
            if isinstance(parameter, DTensor):
                pieces = noise.chunk(dist.get_world_size())
                rank = dist.get_rank()
                parameter.to_local().add_(pieces[rank] if rank < len(pieces) else noise[:0])
            else:
                parameter += noise


def pruned(model, options):
    if "pattern" in options:
        options = {**options, "prunable": lambda name, p: name in ("0.weight", "4.weight")}
    pruner = MagnitudePruner(model, 0.75, STEPS, update_every=2, **{"prunable": prunable, **options})
    for step in range(STEPS - 4):
        disturb(model, step)
        pruner.step()
    state = pruner.state_dict()
    pruner.load_state_dict(state)
    for step in range(STEPS - 4, STEPS):
        disturb(model, step)
        pruner.step()
    return pruner


def result(model, pruner):
    weights = {n: p.full_tensor() if isinstance(p, DTensor) else p for n, p in model.named_parameters()}
    return {n: w.detach().clone() for n, w in weights.items()}, pruner.state_dict()["masks"], str(pruner.report())


def shard_worker(rank, folder):
    start(rank, folder)
    for name, options in CASES.items():
        for tied in (False, True):
            model = build(tied_magnitudes=tied)
            fully_shard(model)
            pruner = pruned(model, options)
            torch.save(result(model, pruner), f"{folder}/{name}-{tied}-{rank}.pt")
    torch.save(
        [refusal(action) for action in (nan_on_one_rank, sharded_by_columns, inputs_in_rows)],
        f"{folder}/refusals-{rank}.pt",
    )
    dist.destroy_process_group()


def ddp_worker(rank, folder):
    start(rank, folder)
    for wrap in (lambda m: m, DistributedDataParallel):
        model = build(tied_magnitudes=False)
        wrapped = wrap(model)
        optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
        pruner = MagnitudePruner(wrapped, 0.75, STEPS, update_every=2)
        for step in range(STEPS):
            inputs = torch.randn(8, 24, generator=torch.Generator().manual_seed(step))
            optimizer.zero_grad()
            # The same batch on both ranks: the mean of two equal gradients is exact, so one process is the oracle.
            wrapped(inputs).square().mean().backward()
            optimizer.step()
            pruner.step()
        torch.save(result(model, pruner), f"{folder}/{type(wrapped).__name__}-{rank}.pt")
    dist.destroy_process_group()


def nan_on_one_rank():
    model = build(tied_magnitudes=False)
    fully_shard(model)
    with torch.no_grad():
        if dist.get_rank() == 1:
            model[0].weight.to_local()[0, 0] = torch.nan
    pruned(model, {})


def sharded_by_columns():
    model = nn.Sequential(nn.Linear(8, 8))
    fully_shard(model, shard_placement_fn=lambda parameter: Shard(parameter.ndim - 1))
    MagnitudePruner(model, 0.5, 1)


def inputs_in_rows():
    model = nn.Sequential(nn.ConvTranspose1d(8, 8, 3))
    fully_shard(model)
    MagnitudePruner(model, 0.5, 1, pattern="2:4")


def refusal(action):
    try:
        action()
    except UserError as error:
        return str(error)
    return "accepted"


def start(rank, folder):
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)


def two_processes(worker, folder):
    """Runs a function of this file in two fresh interpreters."""
    commands = [[sys.executable, __file__, worker.__name__, str(rank), str(folder)] for rank in range(2)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for command in commands]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    two_processes(shard_worker, folder)
    return folder


@pytest.mark.parametrize("tied", [False, True], ids=["distinct", "tied"])
@pytest.mark.parametrize("name", list(CASES))
def test_fully_sharded_models_are_pruned_as_one_process_prunes(shards, name, tied):
    torch.set_num_threads(1)
    model = build(tied_magnitudes=tied)
    expected = result(model, pruned(model, CASES[name]))
    for rank in range(2):
        weights, masks, report = torch.load(shards / f"{name}-{tied}-{rank}.pt")
        assert report == expected[2]
        for key, mask in expected[1].items():
            assert masks[key].equal(mask)
        for key, weight in expected[0].items():
            assert weights[key].equal(weight)


def test_every_rank_is_told_of_a_mistake_on_one(shards):
    for rank in range(2):
        nan, columns, inputs = torch.load(shards / f"refusals-{rank}.pt")
        assert "0.weight has NaN" in nan
        assert "shard dimension 0 over one mesh dimension" in columns
        assert "inputs of 0.weight are sharded over ranks" in inputs


def test_data_parallel_ranks_find_the_same_masks_without_talking(tmp_path):
    two_processes(ddp_worker, tmp_path)
    expected = torch.load(tmp_path / "Sequential-0.pt")
    for rank in range(2):
        weights, masks, report = torch.load(tmp_path / f"DistributedDataParallel-{rank}.pt")
        assert report == expected[2]
        assert all(masks[key].equal(mask) for key, mask in expected[1].items())
        assert all(weights[key].equal(weight) for key, weight in expected[0].items())


if __name__ == "__main__":
    {"shard_worker": shard_worker, "ddp_worker": ddp_worker}[sys.argv[1]](int(sys.argv[2]), sys.argv[3])
