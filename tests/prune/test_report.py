"""What a pruner says about its tensors."""

import torch
from torch import nn

from sparselaw.prune import MagnitudePruner, Schedule
from sparselaw.prune.report import PruningReport, TensorReport


def test_a_report_is_a_table_with_a_total():
    report = PruningReport(30, (TensorReport("wide", 1152, 288, 864), TensorReport("w", 384, 96, 0)))
    assert report.total == TensorReport("total", 1536, 384, 864)
    assert report.total.sparsity == 0.75
    assert str(report).splitlines() == [
        "after step 30   weights  non-zero  sparsity     flips",
        "wide              1.15K       288    75.00%       864",
        "w                   384        96    75.00%         0",
        "total             1.54K       384    75.00%       864",
    ]


def test_flips_are_those_of_the_latest_update():
    torch.manual_seed(0)
    model = nn.Linear(24, 48, bias=False)
    pruner = MagnitudePruner(model, 0.75, 2, update_every=1, schedule=Schedule(0, 1, 1))
    counts = []
    for _ in range(2):
        pruner.step()
        counts.append((pruner.report().total.num_nonzero, pruner.report().total.flips))
    assert counts == [(1152 - 432, 432), (288, 432)]
