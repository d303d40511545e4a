"""Tables of runs and of sweeps to come: every run, its state, the totals."""

import io

from rich.console import Console, RenderableType

from sparselaw.report.sweep_text import preview_text, runs_text
from sparselaw.runs.folders import RunState
from sparselaw.sweep.preview import Preview

FACTS = {
    "nonzero_params": 13824,
    "data": 2e6,
    "dense_params": 27648,
    "sparsity": 0.5,
    "flops": 3e11,
    "flops_sparse": 2e11,
}


def printed(content: RenderableType) -> str:
    out = io.StringIO()
    Console(file=out, width=120).print(content)
    return out.getvalue()


def test_runs_are_listed_with_state_loss_and_reason() -> None:
    finished = {"nonzero_params": 1e6, "data": 1e9, "sparsity": 0.875, "loss": 2.5, "seconds": 300.0}
    states = [
        RunState("good", "finished", finished),
        RunState("[red]bad[/red]", "failed", {"reason": "the disk is full"}),
        RunState("going", "unfinished"),
    ]
    shown = printed(runs_text(states))
    for part in (
        "good",
        "87.5%",
        "2.5",
        "5 min",
        "[red]bad[/red]: the disk is full",
        "1 finished, 1 failed, 1 unfinished",
    ):
        assert part in shown
    assert "no runs" in printed(runs_text([]))


def test_a_sweep_to_come_adds_up() -> None:
    runs = [Preview(f"run{k}", FACTS, seconds=120.0, memory=5e6, problem="") for k in range(3)]
    bad = Preview("odd", {}, seconds=0.0, memory=0.0, problem="the width does not divide")
    shown = printed(preview_text([*runs, bad], workers=2))
    assert "3 runs, 9e11 FLOPs, 6 min one by one, about 3 min with 2 at a time" in shown
    assert "impossible: odd: the width does not divide" in shown
    assert shown.count("13.8K") == 3
