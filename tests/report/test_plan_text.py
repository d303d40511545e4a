"""Answers printed: they hold every number and sentence, at any width, and no line ends in blanks."""

import numpy as np
import pytest

from sparselaw.cost import Memory, Storage, open_hardware
from sparselaw.cost.serving import SERVED_SPARSE
from sparselaw.fit import Fit, open_fit
from sparselaw.plan.contours import budget_contours, lifetime_contours
from sparselaw.plan.verb import plan
from sparselaw.report import plan_text, text


@pytest.mark.parametrize("width", [80, 120])
def test_plan(vit: Fit, width: int, printed, words) -> None:
    answer = plan(vit, nonzeros=425e6, flops=5e22)
    shown = printed(plan_text.answer_text(answer), width)
    assert f"Best sparsity {answer.optimal_sparsity.value:.1%}" in shown
    assert answer.best.loss.low is not None
    assert answer.best.loss.high is not None
    digits = 1 - int(np.floor(np.log10((answer.best.loss.high - answer.best.loss.low) / 2)))
    assert f"{answer.best.loss.value:.{digits}f}" in shown
    assert answer.warnings
    for sentence in answer.warnings:
        assert sentence in words(shown)
    assert max(map(len, shown.splitlines())) <= width


@pytest.mark.parametrize("width", [80, 120])
def test_plan_in_a_memory(vit: Fit, width: int, printed, words) -> None:
    answer = plan(vit, memory=Memory(85e6, Storage("2:4", "int8")), times_chinchilla=20)
    shown = printed(plan_text.answer_text(answer), width)
    for part in ("85 MB of int8 weights as 2:4", "equal bytes and FLOPs", "the matrices of the blocks", "50.0% sparse"):
        assert part in words(shown)
    assert f"by {answer.gain.value:.2g} nats" in words(shown)
    assert max(map(len, shown.splitlines())) <= width


@pytest.mark.parametrize("width", [80, 120])
def test_a_lifetime(width: int, printed, words) -> None:
    question = {"inference_cost": "sparse", "peak": 1e15, "price": 2.5}
    answer = plan("t5-c4-refit", loss=1.7, inference=1e12, **question)
    shown = printed(plan_text.answer_text(answer), width)
    assert f"Train it {answer.optimal_sparsity.value:.1%} sparse" in shown
    assert answer.money is not None
    assert f"{answer.money['total']:,.0f}" in shown
    for sentence in (*answer.advice, *answer.warnings):
        assert sentence in words(shown)
    assert max(map(len, shown.splitlines())) <= width


@pytest.mark.parametrize("width", [80, 120])
def test_hardware(width: int, printed, words) -> None:
    machine = open_hardware("epyc-csr")
    shown = printed(plan_text.hardware_text(machine), width)
    for timing in machine.timings:
        assert f"{timing.relative:.2f}" in shown
    assert machine.skipped["torch 2:4"] in words(shown)
    assert machine.counted in words(shown)
    assert max(map(len, shown.splitlines())) <= width


def test_lifetime_contours(printed) -> None:
    found = lifetime_contours(open_fit("vit-jft"), (1e9, 1e12), inference_cost=SERVED_SPARSE, grid=7)
    shown = printed(plan_text.lifetime_contours_text(found), 80)
    for S in found.sparsity.ravel():
        assert text.percent(S) in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_advice_is_printed_with_the_costs(vit: Fit, printed, words) -> None:
    answer = plan(vit, nonzeros=42.5e6, times_chinchilla=5)
    shown = words(printed(plan_text.answer_text(answer), 80))
    for sentence in answer.advice:
        assert sentence in shown
    dense, free = (f"{answer.costs[name]:.1%}" for name in ("dense", "sparse"))
    assert f"if zeros cost compute {dense}; if sparse kernels skipped them for free {free}" in shown


def test_dense_is_called_dense(vit: Fit, printed) -> None:
    assert "Train it dense" in printed(plan_text.answer_text(plan(vit, nonzeros=42.5e6, times_chinchilla=0.5)))


def test_contours(vit: Fit, printed) -> None:
    found = budget_contours(vit, grid=9, levels=(0.5,))
    shown = printed(plan_text.contours_text(found))
    assert "50%" in shown
    for budget in found.lines[0]:
        assert text.flops(budget) in shown
