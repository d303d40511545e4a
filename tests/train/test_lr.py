import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw.errors import UserError
from sparselaw.train.lr import LearningRate, learning_rate

COSINE = LearningRate(peak=2.0, warmup=0.1, final=0.2)
COOLDOWN = LearningRate("constant", peak=2.0, warmup=0.0, cooldown=0.25)


@pytest.mark.parametrize(
    ("config", "step", "expected"),
    [
        (COSINE, 0, 0.02),
        (COSINE, 49, 1.0),
        (COSINE, 99, 2.0),
        (COSINE, 100, 2.0),
        (COSINE, 550, 2.0 * (0.2 + 0.8 * 0.5)),
        (COSINE, 1000, 0.4),
        (COOLDOWN, 0, 2.0),
        (COOLDOWN, 750, 2.0),
        (COOLDOWN, 750 + 250 // 4, 2.0 * (1 - math.sqrt(62 / 250))),
        (COOLDOWN, 1000, 0.0),
        (LearningRate("rsqrt", peak=1.0), 0, 0.01),
        (LearningRate("rsqrt", peak=1.0), 10_000, 0.01),
        (LearningRate("rsqrt", peak=1.0), 1_000_000, 0.001),
        (LearningRate("rsqrt", peak=3.0, hold=4), 16, 0.75),
    ],
)
def test_closed_forms(config, step, expected):
    assert learning_rate(step, 1000, config=config, width=64) == pytest.approx(expected, abs=1e-12)


def test_the_peak_falls_as_one_over_width():
    config = LearningRate("rsqrt", peak=1.0, hold=1, reference_width=64)
    assert learning_rate(1, 10, config=config, width=256) == 0.25


@settings(deadline=None, max_examples=100)
@given(
    shape=st.sampled_from(["cosine", "rsqrt", "constant"]),
    warmup=st.floats(0, 1),
    final=st.floats(0, 1),
    cooldown=st.floats(0, 1),
    num_steps=st.integers(1, 500),
)
def test_rates_are_never_negative_nor_above_the_peak(shape, warmup, final, cooldown, num_steps):
    config = LearningRate(shape, peak=1.0, warmup=warmup, final=final, cooldown=cooldown)
    rates = [learning_rate(step, num_steps, config=config, width=8) for step in range(num_steps)]
    assert all(0 <= rate <= 1 for rate in rates)
    assert max(rates) > 0


@pytest.mark.parametrize("bad", [{"peak": 0.0}, {"peak": math.nan}, {"warmup": 1.5}, {"final": -0.1}, {"hold": 0}])
def test_impossible_rates_are_refused(bad):
    with pytest.raises(UserError, match=next(iter(bad))):
        LearningRate(**bad)
