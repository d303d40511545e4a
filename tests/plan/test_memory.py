"""Planning at equal bytes: against brute force over a fine grid, the optimum at equal non-zeros, and by hand."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sparselaw.cost import Cost, Memory, Storage, open_hardware
from sparselaw.errors import UserError
from sparselaw.fit import Fit
from sparselaw.fit import open_fit as read_fit
from sparselaw.fit.result import Bootstrap
from sparselaw.laws import (
    AVERAGE_PARAMS,
    PAPER,
    chinchilla_flops,
    free_multiplier,
    near_optimal_range,
    optimal_sparsity,
)
from sparselaw.laws.inverse import least_flops, required_data
from sparselaw.laws.optimum import loss_on_budget, numerical_optimum
from sparselaw.laws.search import MAX_SPARSITY
from sparselaw.plan import plan
from sparselaw.plan.verdict import part

MEASURED = open_hardware("epyc-csr").training_cost(units_per_datum=1.0)
COSTS = (Cost(), Cost(sparse=True), Cost(sparse=True, units_per_datum=196), MEASURED)
FORMATS = ("dense", "bitmask", "csr", "csr64", "coo", "delta", "delta4", "entropy", "ideal")
SOURCES = ("vit-jft", "t5-c4-refit", "t5-c4-published")
GRID = np.unique(np.concatenate([np.linspace(0, MAX_SPARSITY, 4_001), 1 - np.geomspace(1, 1e-3, 4_001)]))
VIT = np.array((2.94e2, 0.821, 4.68e2, 0.392, 2.37e8, 0.890, 4.517))
formats = st.sampled_from(FORMATS)
precisions = st.sampled_from(["fp32", "bf16", "int8", "int4"])
powers = st.floats(-1.5, 4).map(lambda power: 10.0**power)


open_fit = cache(read_fit)


def budget(fitted: Fit, memory: Memory, times: float, cost: Cost) -> float:
    return float(times * chinchilla_flops(fitted.law, fitted.values, memory.dense_params, cost))


def brute_force(fitted: Fit, memory: Memory, C: float, cost: Cost) -> tuple[float, float]:
    """S and loss of the best of a fine grid, and of a finer one around it: N from bytes, D from N, written out."""
    storage, S = memory.storage, GRID
    for _ in range(2):
        dense = storage.value_bits / 8 / (1 - S)
        N = memory.bytes / np.minimum(storage.bytes_per_nonzero(S), dense)
        losses = fitted.law.predict(fitted.values, S, N, C / (6 * cost.units_per_datum * N * cost.multiplier(S)))
        best, lowest = float(S[losses.argmin()]), float(losses.min())
        S = np.unique(np.clip(best + np.linspace(-5e-4, 5e-4, 4001), 0, MAX_SPARSITY))
    return best, lowest


@given(
    st.sampled_from(SOURCES),
    formats,
    precisions,
    st.floats(4, 12).map(lambda p: 10.0**p),
    powers,
    st.sampled_from(COSTS),
)
@example("vit-jft", "ideal", "fp32", 1e4, 10**0.125, Cost())  # sparsity just pays: between 0 and the next point tried
@settings(deadline=None, max_examples=60)
def test_nothing_on_a_fine_grid_is_better(source, format, precision, size, times, cost) -> None:
    fitted, memory = open_fit(source), Memory(size, Storage(format, precision))
    C = budget(fitted, memory, times, cost)
    found = optimal_sparsity(fitted.law, fitted.values, memory, C, cost)
    loss = float(loss_on_budget(fitted.law, fitted.values, found, memory, C, cost))
    _, lowest = brute_force(fitted, memory, C, cost)
    assert loss == pytest.approx(lowest, abs=1e-6 * max(1, lowest))


@pytest.mark.parametrize("cost", COSTS, ids=lambda c: f"{c.name}-{c.units_per_datum}")
@pytest.mark.parametrize("format", FORMATS)
def test_answers_are_those_of_the_grid(format: str, cost: Cost) -> None:
    fitted, memory = open_fit("vit-jft"), Memory(85e6, Storage(format))
    fitted = replace(fitted, bootstrap=None)
    for times in (0.3, 5.0, 200.0):
        C = budget(fitted, memory, times, cost)
        answer = plan(fitted, memory=memory, flops=C, cost=cost)
        best, lowest = brute_force(fitted, memory, C, cost)
        S = answer.optimal_sparsity.value
        assert answer.best.loss.value == pytest.approx(lowest, abs=1e-6)
        assert abs(S - best) < 1e-4
        assert answer.best.nonzero_params.value == pytest.approx(memory.nonzeros(S), rel=1e-12)
        assert answer.best.data.value == pytest.approx(
            C / (6 * cost.units_per_datum * answer.best.nonzero_params.value * cost.multiplier(S))
        )


@given(
    values=st.integers(0, 999),
    precision=precisions,
    N=st.floats(1e4, 1e12),
    times=powers,
    cost=st.sampled_from(COSTS),
)
@settings(deadline=None, max_examples=60)
def test_with_free_positions_equal_bytes_are_equal_nonzeros(values, precision, N, times, cost) -> None:
    fitted, storage = open_fit("vit-jft"), Storage("ideal", precision)
    memory, parameters = Memory(N * storage.value_bits / 8, storage), fitted.draws[values % len(fitted.draws)]
    C = times * chinchilla_flops(PAPER, parameters, N, cost)
    at_nonzeros = optimal_sparsity(PAPER, parameters, N, C, cost)
    assert optimal_sparsity(PAPER, parameters, memory, C, cost) == pytest.approx(at_nonzeros, abs=1e-8)


def test_whole_answers_agree_when_positions_are_free() -> None:
    fitted, C = open_fit("vit-jft"), 1e18
    in_bytes = plan(fitted, memory=Memory(85e6, Storage("ideal")), flops=C).to_json()
    in_nonzeros = plan(fitted, nonzeros=42.5e6, flops=C).to_json()
    for name in (
        "optimal_sparsity",
        "interval",
        "near_optimal",
        "loss_interval",
        "gain_interval",
        "multiplier",
        "data",
        "pays_from",
        "pays_from_interval",
    ):
        assert in_bytes[name] == pytest.approx(in_nonzeros[name], abs=1e-7, rel=1e-7)
    assert in_bytes["dense_params"] == in_nonzeros["dense_params"] == 42.5e6


def test_draws_are_answered_one_by_one() -> None:
    fitted = open_fit("vit-jft")
    few = replace(fitted, bootstrap=Bootstrap(fitted.draws[:25], "run", 25, 0))
    memory = Memory(85e6)
    together = optimal_sparsity(few.law, few.draws, memory, 1e18, Cost())
    alone = [float(optimal_sparsity(few.law, draw, memory, 1e18, Cost())) for draw in few.draws]
    assert together == pytest.approx(alone, abs=1e-12)
    low, high = np.quantile(alone, [0.025, 0.975])
    assert plan(few, memory=memory, flops=1e18).optimal_sparsity.bounds == pytest.approx([low, high])


@pytest.mark.parametrize("cost", COSTS[:2], ids=lambda c: c.name)
@pytest.mark.parametrize("format", ["bitmask", "entropy", "delta", "csr"])
def test_near_optimal_range_holds_nothing_worse(format: str, cost: Cost) -> None:
    fitted, memory, tolerance = open_fit("vit-jft"), Memory(85e6, Storage(format)), 2e-3
    for times in (1.5, 4.0, 20.0):
        C = budget(fitted, memory, times, cost)
        low, high = near_optimal_range(fitted.law, fitted.values, memory, C, cost, tolerance=tolerance)
        losses, (_, lowest) = (
            loss_on_budget(fitted.law, fitted.values, GRID, memory, C, cost),
            brute_force(fitted, memory, C, cost),
        )
        inside = (low <= GRID) & (high >= GRID)
        assert (losses[inside] <= lowest + tolerance + 1e-9).all()
        for end in (low, high):
            if 0 < end < MAX_SPARSITY * 0.9999:
                at_end = loss_on_budget(fitted.law, fitted.values, end, memory, C, cost)
                assert at_end == pytest.approx(lowest + tolerance, abs=1e-8)


@pytest.mark.parametrize("cost", COSTS, ids=lambda c: f"{c.name}-{c.units_per_datum}")
@pytest.mark.parametrize("format", ["bitmask", "delta", "csr", "2:4"])
def test_least_flops(format: str, cost: Cost) -> None:
    fitted, memory = open_fit("vit-jft"), Memory(85e6, Storage(format))
    target = float(fitted.predict(0.3, memory.nonzeros(0.3), 1e40)) * 1.02
    C = float(least_flops(fitted.law, fitted.values, memory, target, cost))
    S = np.array(memory.levels or GRID)
    N = memory.nonzeros(S)
    brute = cost.flops(S, N, required_data(fitted.law, fitted.values, S, N, target))
    assert brute.min() == pytest.approx(C, rel=1e-6)
    assert brute.min() >= C * (1 - 1e-9)
    assert plan(fitted, memory=memory, loss=target, cost=cost).best.loss.value == pytest.approx(target, rel=1e-6)


@pytest.mark.parametrize("cost", COSTS[:2], ids=lambda c: c.name)
@pytest.mark.parametrize("format", ["bitmask", "delta", "csr", "entropy", "2:4"])
def test_sparsity_pays_from_the_budget_that_is_said(format: str, cost: Cost) -> None:
    fitted, memory = replace(open_fit("vit-jft"), bootstrap=None), Memory(85e6, Storage(format))
    since = plan(fitted, memory=memory, times_chinchilla=1.0, cost=cost).pays_from.value
    if since == 0:  # with free zeros, where the smaller N saves more FLOPs than pruning late costs
        assert cost.sparse
        smallest = plan(fitted, memory=memory, times_chinchilla=1e-3, cost=cost)
        assert smallest.optimal_sparsity.value > 0
        said = part(smallest, "whether")
        assert smallest.gain.value < smallest.tolerance or "pays with any" in said or "pays here" in said
        return
    below, above = (plan(fitted, memory=memory, times_chinchilla=since * f, cost=cost) for f in (0.999, 1.001))
    assert below.optimal_sparsity.value == 0 < above.optimal_sparsity.value
    assert f"stored as {format} pays from {since:.3g} times." in part(below, "whether")


def test_a_pattern_is_chosen_or_left() -> None:
    fitted, memory = open_fit("vit-jft"), Memory(85e6, Storage("2:4"))
    chosen = [plan(fitted, memory=memory, times_chinchilla=times) for times in (0.5, 20)]
    assert [answer.optimal_sparsity.value for answer in chosen] == [0.0, 0.5]
    for answer in chosen:
        S = answer.optimal_sparsity.value
        losses = [
            float(loss_on_budget(PAPER, fitted.values, s, memory, answer.best.flops.value, Cost())) for s in (0.0, 0.5)
        ]
        assert answer.best.loss.value == min(losses)
        assert answer.near_optimal == (S, S)
        assert any("unstructured" in sentence for sentence in answer.warnings)


def test_laws_of_single_sparsities() -> None:
    fitted = open_fit("vit-jft")
    law = free_multiplier((0.0, 0.5, 0.75, 0.875))
    names, values = law.names, (762, 640, 560, 520, 0.392, 2.37e8, 0.890, 4.517)
    levels = replace(fitted, law=law, parameters=dict(zip(names, values, strict=True)), bootstrap=None)
    found = {plan(levels, memory=Memory(85e6), times_chinchilla=t).optimal_sparsity.value for t in (0.1, 5, 100, 1e4)}
    assert {0.0} < found <= {0.0, 0.5, 0.75, 0.875}
    at = plan(levels, memory=Memory(85e6, Storage("2:8")), times_chinchilla=100)
    assert at.optimal_sparsity.value == 0.75
    with pytest.raises(UserError, match="knows only the fitted sparsities, and not that of 2:3"):
        plan(levels, memory=Memory(85e6, Storage("2:3")), times_chinchilla=100)


def test_another_law() -> None:
    values, memory = np.array((7.6e2, 0.392, 2.37e8, 0.890, 4.517)), Memory(85e6)
    for C in (1e17, 1e19, 1e21):
        S = numerical_optimum(AVERAGE_PARAMS, values, memory, np.asarray(C), Cost())
        losses = loss_on_budget(AVERAGE_PARAMS, values, GRID, memory, C, Cost())
        assert loss_on_budget(AVERAGE_PARAMS, values, S, memory, C, Cost()) == pytest.approx(losses.min(), abs=1e-9)


def test_what_a_dense_model_of_the_bytes_is() -> None:
    fitted, memory = open_fit("vit-jft"), Memory(85e6, Storage("bitmask", "fp32"))
    answer = plan(fitted, memory=memory, data=1e9)
    assert answer.dense.nonzero_params.value == 85e6 / 4
    assert answer.best.flops.value == pytest.approx(6 * 85e6 / 4 * 1e9)
    assert answer.dense.data.value == pytest.approx(1e9)
    assert answer.dense_loss.value == pytest.approx(float(fitted.predict(0.0, 85e6 / 4, 1e9)))
    assert answer.gain.value == pytest.approx(answer.dense_loss.value - answer.best.loss.value)
    record = plan(fitted, memory=memory, times_chinchilla=7.0).to_json()
    assert record["times_chinchilla"] == pytest.approx(7.0)
    assert (record["memory"], record["format"], record["precision"]) == (85e6, "bitmask", "fp32")


@pytest.mark.parametrize("times", [0.3, 5.0])
def test_too_few_flops_to_fill_the_memory_are_told(times: float) -> None:
    fitted, memory = open_fit("vit-jft"), Memory(85e6)
    answer = plan(fitted, memory=memory, times_chinchilla=times)
    S, C = answer.optimal_sparsity.value, answer.best.flops.value
    smaller = loss_on_budget(PAPER, fitted.values, S, answer.best.nonzero_params.value * 0.99, C, Cost())
    told = any("a smaller model would reach a lower loss" in sentence for sentence in answer.warnings)
    assert told == (smaller < answer.best.loss.value)
    assert told == (times < 1)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (
            {"memory": Memory(1500.0), "flops": 1e18},
            r"1\.5 KB hold 750 weights of bf16, less than one layer; check the unit",
        ),
        ({"memory": Memory(float("nan")), "flops": 1e18}, "memory is nan; give a positive number"),
        ({"memory": Memory(1e50), "flops": 1e18}, "check its unit"),
        ({"memory": Memory(8e9), "nonzeros": 1e9, "flops": 1e18}, "Give one of"),
        ({"memory": Memory(8e9)}, r"Give two of a size"),
        ({"memory": Memory(8e9), "flops": 1e18, "loss": 5.0}, r"Give two of a size"),
        ({"memory": Memory(8e4), "loss": 4.8}, "out of reach with 40K weights"),
    ],
    ids=["small", "nan", "large", "both", "no budget", "two questions", "unreachable"],
)
def test_mistakes_are_one_sentence(question: dict, expected: str) -> None:
    with pytest.raises(UserError, match=expected) as caught:
        plan(open_fit("vit-jft"), **question)
    assert "\n" not in str(caught.value)
