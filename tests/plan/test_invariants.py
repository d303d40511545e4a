"""What must hold whatever the law's values, the size, the budget and the machine."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw.cost import Cost, RelativeTime
from sparselaw.laws import PAPER, chinchilla_flops, optimal_sparsity
from sparselaw.laws.free_size import best_per_flop
from sparselaw.laws.optimum import loss_on_budget

COMPUTE = np.geomspace(1e-2, 1e5, 61)  # multiples of Chinchilla's
ROUNDING = 1e-7

parameters = st.tuples(
    st.floats(1, 1e3), st.floats(0.1, 3), st.floats(0, 1e3), st.floats(0.1, 0.8), st.floats(1e7, 1e10),
    st.floats(0.1, 1.2), st.floats(0, 5),
).map(np.array)  # fmt: skip


@st.composite
def machines(draw: st.DrawFn, *, jumps: bool) -> RelativeTime:
    """A relative time t(s) between dense 1 and ideal 1 - s, of non-zero saving 1 - t per zero that does not fall."""
    sparsity = sorted(draw(st.lists(st.floats(0.05, 0.99), min_size=1, max_size=5, unique=True)))
    shares = sorted(draw(st.lists(st.floats(0, 1), min_size=len(sparsity), max_size=len(sparsity))))
    time = [1 - share * s for share, s in zip(shares, sparsity, strict=True)]
    if jumps:
        sparsity, time = [sparsity[0], *sparsity], [1.0, *time]
    return RelativeTime("machine", (0.0, *sparsity), (1.0, *time))


@given(values=parameters, N=st.floats(1e5, 1e11), time=st.one_of(machines(jumps=False), machines(jumps=True)))
@settings(deadline=None, max_examples=40)
def test_more_compute_never_lowers_sparsity(values: np.ndarray, N: float, time: RelativeTime) -> None:
    C = COMPUTE * chinchilla_flops(PAPER, values, N, Cost())
    for cost in (Cost(), Cost(sparse=True), Cost(measured=time)):
        assert (np.diff(optimal_sparsity(PAPER, values, N, C, cost)) >= -ROUNDING).all()


@given(values=parameters, N=st.floats(1e5, 1e11), time=st.one_of(machines(jumps=False), machines(jumps=True)))
@settings(deadline=None, max_examples=40)
def test_a_faster_machine_never_gives_a_worse_loss(values: np.ndarray, N: float, time: RelativeTime) -> None:
    C = COMPUTE * chinchilla_flops(PAPER, values, N, Cost())
    dense, measured, free = (
        loss_on_budget(PAPER, values, optimal_sparsity(PAPER, values, N, C, cost), N, C, cost)
        for cost in (Cost(), Cost(measured=time), Cost(sparse=True))
    )
    assert (dense >= measured * (1 - 1e-12)).all()
    assert (measured >= free * (1 - 1e-12)).all()


@given(values=parameters, N=st.floats(1e5, 1e11), share=st.floats(0, 1))
@settings(deadline=None, max_examples=40)
def test_measured_between_dense_and_ideal_gives_a_sparsity_between(values: np.ndarray, N: float, share: float) -> None:
    """A machine on which a share of every zero is saved: its c_mul rises with S more than ideal and less than dense."""
    C = COMPUTE * chinchilla_flops(PAPER, values, N, Cost())
    time = RelativeTime("machine", (0.0, 1.0), (1.0, 1 - share))
    dense, between, free = (
        optimal_sparsity(PAPER, values, N, C, cost) for cost in (Cost(), Cost(measured=time), Cost(sparse=True))
    )
    assert (dense <= between + ROUNDING).all()
    assert (between <= free + ROUNDING).all()
    least, middle, most = (best_per_flop(PAPER, values, c) for c in (Cost(), Cost(measured=time), Cost(sparse=True)))
    assert least - ROUNDING <= middle <= most + ROUNDING


@given(values=parameters, N=st.floats(1e5, 1e11), time=st.one_of(machines(jumps=False), machines(jumps=True)))
@settings(deadline=None, max_examples=40)
def test_a_dense_fallback_keeps_measured_sparsity_above_dense(values: np.ndarray, N: float, time: RelativeTime) -> None:
    """t never rises with S, so against dense cost every machine is on the side of more sparsity; how far is not bounded by the
    ideal where t falls faster than 1 - s, as just past break-even."""
    C = COMPUTE * chinchilla_flops(PAPER, values, N, Cost())
    dense, measured = (optimal_sparsity(PAPER, values, N, C, cost) for cost in (Cost(), Cost(measured=time)))
    assert (dense <= measured + ROUNDING).all()


@pytest.mark.parametrize("S", [0.3, 0.6])
def test_a_machine_may_want_more_sparsity_than_free_zeros(S: float) -> None:
    """Why `between` needs a machine that saves evenly: one with no gain before 90% pulls the optimum to 90%."""
    values = np.array([2.94e2, 0.821, 4.68e2, 0.392, 2.37e8, 0.890, 4.517])
    cliff = RelativeTime("cliff", (0.0, 0.9, 0.9), (1.0, 1.0, 0.1001))
    C = np.geomspace(1e16, 1e22, 400)
    free = optimal_sparsity(PAPER, values, 2e7, C, Cost(sparse=True))
    measured = optimal_sparsity(PAPER, values, 2e7, C, Cost(measured=cliff))
    budget = np.abs(free - S).argmin()
    assert measured[budget] <= free[budget] or measured[budget] >= 0.9
    assert ((measured > free + 1e-3) & (free < 0.9)).any()
