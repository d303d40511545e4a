"""The screen of `inspect`: one screen, in plain English, with numbers counted by hand."""

import numpy as np
import pytest

from sparselaw.fit.inspection import inspect
from sparselaw.fit.questions import Finding
from sparselaw.report.inspect_text import answers, inspect_text
from sparselaw.report.text import printed
from sparselaw.runs import Runs


@pytest.fixture
def sweep(simulated) -> Runs:
    """64 runs: 4 sizes, 4 sparsities, 4 durations."""
    return simulated.runs


def test_a_full_sweep(sweep, words) -> None:
    shown = printed(inspect_text(inspect(sweep)), 100)
    assert shown.startswith("simulated, 64 runs\n")
    for part in (
        "non-zero weights N 1M to 64M (4 sizes)",
        "sparsity S 0% to 87.5% (4 sparsities)",
        "data D 1B to 64B tokens (4 durations)",
        "training FLOPs 6e15 to 1.97e20 (6 x weights before pruning x tokens)",
        "0% 16 1M 16 1B 16",
        "4 sizes x 4 sparsities x 4 durations: all 64 combinations have runs",
        "repeats none: no two runs have the same size, sparsity and data",
        "laws to fit paper, capped, free-multiplier, density-power, no-floor, average-params, dense, multipliers",
        "These runs can say what a sparsity is worth (size multipliers), which sparsity is best for a budget and",
        "and which dense model is best for a budget.",
        "They cannot say how much the loss differs between repeats of a run, because no run is repeated.",
    ):
        assert part in words(shown)
    assert "laws refused" not in shown


def test_gaps_repeats_and_refusals(sweep, words) -> None:
    """Without sparse runs of the largest size 52 combinations are left, and 3 of 16 pairs of size and sparsity go."""
    some = sweep.select(np.repeat(np.flatnonzero((sweep.nonzero_params < 6e7) | (sweep.sparsity == 0)), 2))
    some.table["lr"] = [0.1, 0.2] * 52
    shown = words(printed(inspect_text(inspect(some)), 100))
    assert "52 of 64 combinations have runs sizes x sparsities: 13 of 16, sizes x durations: all 16" in shown
    assert (
        "all 52 settings of size, sparsity and data have several runs, up to 2, with 1 seed; they differ in lr" in shown
    )
    dense = words(printed(inspect_text(inspect(sweep.select(sweep.sparsity == 0))), 100))
    assert "4 sizes x 1 sparsity x 4 durations: all 16 combinations have runs" in dense
    assert "laws to fit dense laws refused paper, capped, " in dense
    assert "multipliers: all runs are dense, and say nothing about sparsity" in dense


def test_what_was_read_is_told_as_it_is(sweep, words) -> None:
    frame = sweep.table.rename(columns={"loss": "val_loss"}).assign(data_unit="[b]bytes[/b]", run=np.arange(64) // 2)
    shown = words(printed(inspect_text(inspect(Runs.from_frame(frame, name="[red]x[/red]", where="sparsity > 0")))))
    assert shown.startswith("[red]x[/red], 48 runs reading 16 of 64 rows are left out")
    assert "val_loss is taken for loss" in shown
    assert "64B [b]bytes[/b]" in shown
    assert "checkpoints the rows are checkpoints of 24 trainings, up to 2 each" in shown


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("number", [1, 64])
def test_it_fits_the_width_and_a_screen(sweep, number: int, width: int) -> None:
    shown = printed(inspect_text(inspect(sweep.select(range(number)))), width)
    assert max(map(len, shown.splitlines())) <= width
    assert len(shown.splitlines()) < 40
    assert not any(word in shown.split() for word in ("inf", "nan", "None", "-"))


def test_one_run_is_one(sweep, words) -> None:
    shown = words(printed(inspect_text(inspect(sweep.select([0]))), 100))
    assert shown.startswith("simulated, 1 run ")
    assert "grid 1 size x 1 sparsity x 1 duration repeats" in shown
    assert "laws to fit none" in shown


def test_answers_are_grouped_by_reason() -> None:
    found = [
        Finding("a", "no", "r"),
        Finding("b", "yes"),
        Finding("c", "roughly", "q"),
        Finding("d", "no", "r"),
        Finding("e", "no", "s"),
        Finding("f", "yes"),
        Finding("g", "yes"),
    ]
    assert answers(found) == [
        "These runs can say b, f and g.",
        "They can say only roughly c, because q.",
        "They cannot say a or d, because r.",
        "They cannot say e, because s.",
    ]
    assert answers(found[:1]) == ["These runs cannot say a, because r."]
