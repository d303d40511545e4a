import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw.errors import UserError
from sparselaw.prune.schedules import Schedule


def test_cubic_ramp_against_the_closed_form_step_by_step():
    ramp = Schedule()
    for step in range(1001):
        u = min(max((step - 250) / 500, 0), 1)
        assert ramp.fraction(step, 1000) == pytest.approx(1 - (1 - u) ** 3, abs=1e-15)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Schedule(), 1 - 0.625 * 0.75),
        (Schedule(0, 1, 1), 1 - 0.5 * 0.75),
        (Schedule.constant(), 0.25),
        (Schedule.one_shot(0.9), 1 - 0.1 * 0.75),
    ],
    ids=["paper", "linear", "constant", "one-shot"],
)
def test_mean_density_is_the_mean_of_the_ramp(schedule, expected):
    steps = 100_000
    simulated = 1 - 0.75 * np.mean([schedule.fraction(t, steps) for t in range(steps)])
    assert schedule.mean_density(0.75) == pytest.approx(expected, abs=1e-12)
    assert schedule.mean_density(0.75) == pytest.approx(simulated, abs=2e-5)
    assert schedule.mean_density(np.array([0.0, 0.75])) == pytest.approx([1, expected])


@settings(deadline=None, max_examples=200)
@given(
    ends=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted),
    exponent=st.floats(0.2, 9),
    num_steps=st.integers(1, 500),
    update_every=st.integers(1, 600),
)
def test_every_ramp_only_rises_and_ends_with_an_update_at_its_target(ends, exponent, num_steps, update_every):
    ramp = Schedule(*ends, exponent)
    values = [ramp.fraction(t, num_steps) for t in range(num_steps + 1)]
    updates = [t for t in range(num_steps + 1) if ramp.is_update(t, num_steps, update_every=update_every)]
    assert values == sorted(values)
    assert updates[-1] == ramp.last_step(num_steps) <= num_steps
    assert ramp.fraction(updates[-1], num_steps) == values[-1] == 1.0
    assert all(t > ramp.first_step(num_steps) for t in updates[:-1])


def test_a_ramp_in_tenths_is_dense_before_and_done_after():
    ramp = Schedule(0.1, 0.7, 3)  # 0.7 * 10 is a little more than 7 in floating point
    assert [ramp.fraction(t, 10) for t in (0, 1, 7)] == [0, 0, 1]


@pytest.mark.parametrize("values", [(-0.1, 0.5), (0.6, 0.5), (0.5, 1.1), (0, 1, 0), (0, 1, float("nan"))], ids=str)
def test_impossible_ramps_are_refused(values):
    with pytest.raises(UserError, match="ramp"):
        Schedule(*values)


def test_schedules_do_not_import_torch():
    code = "import sys, sparselaw.prune.schedules, sparselaw.prune; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_run_holds_its_density_between_updates():
    """Against the steps one by one; 1000 steps with an update every 100 have a mean density of 0.567 at 75%, not 0.531."""
    for schedule, every in (
        (Schedule(), 100),
        (Schedule(0.1, 0.9, 1.0), 70),
        (Schedule.constant(), 100),
        (Schedule(), 1),
    ):
        held, total = schedule.fraction(0, 1000) if schedule.last_step(1000) == 0 else 0.0, 0.0
        for step in range(1000):
            if schedule.is_update(step, 1000, update_every=every):
                held = schedule.fraction(step, 1000)
            total += held
        assert schedule.mean_fraction(1000, update_every=every) == pytest.approx(total / 1000)
    assert 1 - 0.75 * Schedule().mean_fraction(1000, update_every=100) == pytest.approx(0.567, abs=5e-4)
    assert Schedule().mean_fraction(100_000, update_every=1) == pytest.approx(0.625, abs=1e-4)
