"""Mask updates and masked training steps against PyTorch's own means.

Ratios of medians from one run, everything on PyTorch's default threads (ours takes one of them for masks).

python benchmarks/bench_prune.py
"""

import copy
import statistics
import time
import tracemalloc
from collections.abc import Callable

import torch
from torch import nn
from torch.nn.utils import prune

from sparselaw.prune import MagnitudePruner, Schedule
from sparselaw.prune.patterns import GroupPattern, keep_groups
from sparselaw.prune.ranking import Ranked
from sparselaw.prune.thresholds import prune_together

SIDE = 4096
SPARSITY = 0.75


def seconds(*actions: Callable[[], object], rounds: int = 5) -> list[float]:
    """Median seconds of each action, taken in turns so that a busy machine is unfair to none."""
    times: list[list[float]] = [[] for _ in actions]
    for action in actions:
        action()
    for _ in range(rounds):
        for action, taken in zip(actions, times, strict=True):
            start = time.perf_counter()
            action()
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in times]


def compare(title: str, bar: str, ratio: float, *, ours: float, other: float) -> None:
    """Prints a line: what, the ratio, the bar it should meet, and both times."""
    print(f"{title:<54} {ratio:8.2f}x  (bar {bar:<8}) {1e3 * ours:.1f} ms against {1e3 * other:.1f} ms")


def one_matrix() -> None:
    """A mask at 75% of a 4096 x 4096 matrix, exact."""
    weights = torch.randn(SIDE, SIDE)
    num_zeros = round(SPARSITY * weights.numel())
    mask = torch.ones(weights.numel(), dtype=torch.bool)

    def by_torch() -> None:
        prune.L1Unstructured(num_zeros).compute_mask(weights, default_mask=torch.ones_like(weights))

    def by_kthvalue() -> None:
        magnitudes = weights.abs().flatten()
        torch.gt(magnitudes, magnitudes.kthvalue(num_zeros).values)

    room, above = torch.empty_like(weights), torch.empty_like(weights, dtype=torch.bool)

    def by_one_pass() -> None:  # into memory at hand: the bound, without the price of fresh pages
        torch.gt(torch.abs(weights, out=room), 0.5, out=above)

    ours, one_pass, kth, peer = seconds(
        lambda: prune_together([Ranked(weights.view(-1), mask)], num_zeros),
        by_one_pass,
        by_kthvalue,
        by_torch,
    )
    compare("mask update, faster than torch.nn.utils.prune", ">= 40", peer / ours, ours=ours, other=peer)
    compare("mask update, faster than torch.kthvalue", ">= 5", kth / ours, ours=ours, other=kth)
    compare("mask update, of one abs + compare pass", "<= 4", ours / one_pass, ours=ours, other=one_pass)
    pattern = GroupPattern(2, 4)
    square = mask.fill_(True).view(SIDE, SIDE)
    groups, one_pass = seconds(lambda: keep_groups(weights, pattern, mask=square, dim=-1), by_one_pass)
    compare("2:4 mask, of one abs + compare pass", "<= 4", groups / one_pass, ours=groups, other=one_pass)


def whole_model() -> None:
    """One threshold over 37.7M weights."""
    model = nn.Sequential(*[nn.Linear(1024, 1024, bias=False) for _ in range(36)])
    num_weights = sum(p.numel() for p in model.parameters())
    tensors = [Ranked(p.detach().view(-1), torch.ones(p.numel(), dtype=torch.bool)) for p in model.parameters()]
    num_zeros = round(SPARSITY * num_weights)
    twin = copy.deepcopy(model)
    start = time.perf_counter()
    prune.global_unstructured([(layer, "weight") for layer in twin], prune.L1Unstructured, amount=SPARSITY)
    peer = time.perf_counter() - start
    (ours,) = seconds(lambda: prune_together(tensors, num_zeros))
    compare("global mask update, faster than global_unstructured", ">= 50", peer / ours, ours=ours, other=peer)
    tracemalloc.start()  # NumPy reports its buffers to it, and this path allocates nothing else of size
    prune_together(tensors, num_zeros)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"global mask update, largest temporary: {peak / 1e6:.1f} MB of a model of {4 * num_weights / 1e6:.0f} MB")


def training_step() -> None:
    """A step of AdamW on 3.15M masked weights, with and without the pruner."""
    dense = nn.Sequential(
        nn.Linear(512, 2048), nn.GELU(), nn.Linear(2048, 512), nn.Linear(512, 2048), nn.Linear(2048, 10)
    )
    masked = copy.deepcopy(dense)
    inputs = torch.randn(512, 512)
    pruner = MagnitudePruner(masked, SPARSITY, 1000, schedule=Schedule.constant())
    optimizers = {id(m): torch.optim.AdamW(m.parameters(), 1e-4) for m in (dense, masked)}

    def step(model: nn.Module) -> None:
        optimizers[id(model)].zero_grad()
        model(inputs).square().mean().backward()
        optimizers[id(model)].step()

    def masked_step() -> None:
        step(masked)
        pruner.step()

    plain, ours = seconds(lambda: step(dense), masked_step, rounds=30)
    compare("masked training step, of the dense step", "<= 1.03", ours / plain, ours=ours, other=plain)
    (alone,) = seconds(pruner.step, rounds=30)
    compare("the same, with pruner.step() timed alone", "<= 1.03", 1 + alone / plain, ours=alone, other=plain)


if __name__ == "__main__":
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    one_matrix()
    whole_model()
    training_step()
