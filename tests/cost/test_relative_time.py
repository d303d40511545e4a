"""Relative times against numerical integration and differences; the optimum under kinks and jumps against brute force."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from sparselaw.cost import Cost, RelativeTime
from sparselaw.cost.relative_time import DENSE_TIME, SPARSE_TIME, average
from sparselaw.fit import open_fit
from sparselaw.laws import near_optimal_range, optimal_sparsity
from sparselaw.laws.inverse import least_flops, required_data, smallest_nonzeros
from sparselaw.laws.optimum import loss_on_budget
from sparselaw.laws.search import MAX_SPARSITY
from sparselaw.prune.schedules import Schedule

CSR = RelativeTime("csr", (0.0, 0.7, 0.9, 0.98), (1.0, 1.0, 0.45, 0.2))
TWO_FOUR = RelativeTime("2:4", (0.0, 0.5, 0.5), (1.0, 1.0, 0.8))
BOTH = average([CSR, TWO_FOUR], "both")
FITS = {name: open_fit(name) for name in ("vit-jft", "t5-c4-refit")}
TIMES = (CSR, TWO_FOUR, BOTH)
GRID = np.unique(np.concatenate([np.linspace(0, MAX_SPARSITY, 40_001), 1 - np.geomspace(1, 1e-3, 20_001)]))

schedules = st.builds(
    lambda start, length, exponent: Schedule(start, min(1.0, start + length), exponent),
    st.floats(0.0, 0.6),
    st.floats(0.05, 0.4),
    st.floats(0.5, 5.0),
)


@st.composite
def measured(draw: st.DrawFn) -> RelativeTime:
    """A time between dense and ideal, with kinks and perhaps a jump; a fall within rounding is no slope but a jump."""
    sparsity = sorted(k / 1024 for k in draw(st.lists(st.integers(51, 1013), min_size=1, max_size=5, unique=True)))
    shares = draw(st.lists(st.floats(0, 1), min_size=len(sparsity), max_size=len(sparsity)))
    # Above the chord of free zeros and at most dense: t = 1 - share * s with shares that do not fall.
    time = [1 - share * s for share, s in zip(sorted(shares), sparsity, strict=True)]
    if draw(st.booleans()):
        sparsity.insert(0, sparsity[0])
        time.insert(0, 1.0)
    return RelativeTime("machine", (0.0, *sparsity), (1.0, *time))


def at_points(time: RelativeTime, s: float) -> float:
    """t by plain interpolation, without bends."""
    k = int(np.searchsorted(time.sparsity, s, side="right"))
    if k == len(time.sparsity):
        return time.time[-1]
    low, high = time.sparsity[k - 1], time.sparsity[k]
    return time.time[k - 1] + (time.time[k] - time.time[k - 1]) * (s - low) / (high - low)


@given(time=measured(), schedule=schedules, S=st.floats(0.0, 0.99))
@settings(deadline=None, max_examples=40)
def test_mean_over_training_is_the_integral(time: RelativeTime, schedule: Schedule, S: float) -> None:
    def instant(x: float) -> float:
        u = np.clip((x - schedule.start) / (schedule.end - schedule.start), 0, 1)
        return at_points(time, S * (1 - (1 - u) ** schedule.exponent))

    kinks = [1 - (1 - k / S) ** (1 / schedule.exponent) for k in time.kinks if k < S]
    points = [schedule.start + u * (schedule.end - schedule.start) for u in (0, *kinks, 1)]
    mean = quad(instant, 0, schedule.end, points=points, limit=400)[0] + (1 - schedule.end) * at_points(time, S)
    assert time.over_training(S, schedule) == pytest.approx(mean, abs=2e-6)


@pytest.mark.parametrize("time", [*TIMES, SPARSE_TIME], ids=lambda t: t.name)
@pytest.mark.parametrize("schedule", [Schedule(), Schedule(0.1, 0.9, 2.0), Schedule.constant()], ids=str)
def test_slope_is_the_derivative_between_kinks(time: RelativeTime, schedule: Schedule) -> None:
    S, h = np.linspace(0.0123, 0.9871, 60), 1e-6
    difference = (time.over_training(S + h, schedule) - time.over_training(S - h, schedule)) / (2 * h)
    assert time.slope_over_training(S, schedule) == pytest.approx(difference, abs=1e-5)


def test_ideal_times_are_the_old_formulas() -> None:
    S = np.linspace(0, 0.999, 101)
    assert SPARSE_TIME.over_training(S, Schedule()) == pytest.approx(1 - 0.625 * S, abs=1e-15)
    assert (DENSE_TIME.over_training(S, Schedule()) == 1).all()
    assert DENSE_TIME.kinks == SPARSE_TIME.kinks == ()


def test_two_four_counts_the_share_of_training_at_half_sparsity() -> None:
    # At the end of the ramp, 25% of training; at 75% the ramp passes 50% at u = 1 - (1/3)^(1/3).
    assert TWO_FOUR.over_training(0.5, Schedule()) == pytest.approx(1 - 0.2 * 0.25, abs=1e-15)
    assert TWO_FOUR.over_training(0.4999, Schedule()) == 1
    assert TWO_FOUR.over_training(0.75, Schedule()) == pytest.approx(1 - 0.2 * (0.25 + 0.5 * 3 ** (-1 / 3)), abs=1e-15)


def test_average_is_the_mean_everywhere() -> None:
    assert BOTH(GRID) == pytest.approx((CSR(GRID) + TWO_FOUR(GRID)) / 2, abs=1e-12)


@pytest.mark.parametrize(
    ("sparsity", "time"),
    [((), ()), ((0.1,), (1.0,)), ((0.0, 0.5), (1.0, 1.2)), ((0.0, 0.5), (1.0, 0.0)), ((0.0, 0.5, 0.4), (1.0, 0.9, 0.8)),
     ((0.0, 0.5), (1.0,)), ((0.0, 0.5), (1.0, float("nan")))],
    ids=["empty", "start", "rises", "zero", "order", "lengths", "nan"],
)  # fmt: skip
def test_what_is_no_relative_time(sparsity: tuple[float, ...], time: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="relative time"):
        RelativeTime("x", sparsity, time)


@given(
    time=measured(),
    times=st.floats(-2, 4).map(lambda power: 10.0**power),
    source=st.sampled_from(sorted(FITS)),
)
@example(  # the lowest point is beside a kink at which the loss still falls
    time=RelativeTime(
        "x", (0.0, 0.25, 0.322265625, 0.75, 0.875), (1.0, 0.85546875, 0.813690185546875, 0.54296875, 0.125)
    ),
    times=10**0.859375,
    source="t5-c4-refit",
)
@settings(deadline=None, max_examples=60)
def test_optimum_under_kinks_is_not_beaten_on_a_fine_grid(time: RelativeTime, times: float, source: str) -> None:
    fitted, N, cost = FITS[source], 2e7, Cost(measured=time)
    C = times * 6 * N * 20 * N
    S = optimal_sparsity(fitted.law, fitted.values, N, C, cost)
    grid = np.union1d(GRID, cost.kinks)
    assert loss_on_budget(fitted.law, fitted.values, S, N, C, cost) <= loss_on_budget(
        fitted.law, fitted.values, grid, N, C, cost
    ).min() * (1 + 1e-6)


@pytest.mark.parametrize("time", TIMES, ids=lambda t: t.name)
@pytest.mark.parametrize("source", ["vit-jft", "t5-c4-refit"])
def test_inverse_questions_under_kinks(source: str, time: RelativeTime) -> None:
    fitted, N, cost = open_fit(source), 2e7, Cost(measured=time)
    law, values = fitted.law, fitted.values
    for room in (1.05, 1.3, 3.0):
        loss = float(fitted.predict(0.5, N, 1e40)) * (1 + 0.02 * room)
        C = float(least_flops(law, values, N, loss, cost))
        brute = cost.flops(GRID, N, required_data(law, values, GRID, N, loss)).min()
        assert brute * (1 - 1e-6) <= C <= brute * (1 + 1e-9)
        smallest = float(smallest_nonzeros(law, values, C, loss, cost))
        assert smallest <= N * (1 + 1e-9)
        S = optimal_sparsity(law, values, smallest, C, cost)
        assert loss_on_budget(law, values, S, smallest, C, cost) == pytest.approx(loss, rel=1e-9)
        fewer = smallest * np.geomspace(0.1, 0.9999, 50)
        losses = loss_on_budget(law, values, optimal_sparsity(law, values, fewer, C, cost), fewer, C, cost)
        assert (losses > loss).all()


@given(
    time=measured(),
    times=st.floats(-2, 4).map(lambda power: 10.0**power),
    source=st.sampled_from(sorted(FITS)),
)
@settings(deadline=None, max_examples=60)
def test_near_optimal_range_is_near_optimal(time: RelativeTime, times: float, source: str) -> None:
    fitted, N, cost = FITS[source], 2e7, Cost(measured=time)
    C = times * 6 * N * 20 * N
    best = optimal_sparsity(fitted.law, fitted.values, N, C, cost)
    allowed = float(loss_on_budget(fitted.law, fitted.values, best, N, C, cost)) + 0.003
    low, high = near_optimal_range(fitted.law, fitted.values, N, C, cost, tolerance=0.003)
    assert low <= best <= high
    inside = np.linspace(low, high, 101)
    assert (loss_on_budget(fitted.law, fitted.values, inside, N, C, cost) <= allowed * (1 + 1e-6)).all()
