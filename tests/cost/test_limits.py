"""Limits that hold together, against their parts and finite differences."""

import numpy as np
import pytest

from sparselaw.cost import Memory, Storage
from sparselaw.cost.devices import TokenTime, open_device
from sparselaw.cost.limits import Limits

RTX = open_device("rtx4090")
BYTES_AND_TIME = Limits((Memory(4e9), TokenTime(4e-3, RTX)))
S = np.linspace(0, 0.99, 991)


def test_the_tighter_limit_decides_at_every_sparsity() -> None:
    parts = [part.nonzeros(S) for part in BYTES_AND_TIME.parts]
    assert {0, 1} == set(np.argmin(parts, axis=0))  # each of them somewhere
    np.testing.assert_array_equal(BYTES_AND_TIME.nonzeros(S), np.minimum(*parts))
    assert BYTES_AND_TIME.dense_params == min(4e9 / 2, 4e-3 * 1.01e12 / 2)


def test_growth_is_the_slope_between_the_kinks() -> None:
    u, step = np.linspace(0.01, 4, 500), 1e-6
    near_kink = np.abs(u[:, None] + np.log1p(-np.array(BYTES_AND_TIME.kinks))).min(1) < 2 * step
    log_N = [np.log(BYTES_AND_TIME.nonzeros(-np.expm1(-(u + h)))) for h in (-step, step)]
    slopes = (log_N[1] - log_N[0]) / (2 * step)
    np.testing.assert_allclose(BYTES_AND_TIME.growth(-np.expm1(-u))[~near_kink], slopes[~near_kink], atol=1e-6)


def test_limits_meet_at_kinks() -> None:
    parts = np.array([part.nonzeros(S) for part in BYTES_AND_TIME.parts])
    crossings = np.flatnonzero(np.diff(parts.argmin(0)))
    own = {kink for part in BYTES_AND_TIME.parts for kink in part.kinks}
    added = sorted(set(BYTES_AND_TIME.kinks) - own)
    assert len(added) == len(crossings) > 0
    for kink, k in zip(added, crossings, strict=True):
        assert S[k] <= kink <= S[k + 1]
        first, second = (float(part.nonzeros(kink)) for part in BYTES_AND_TIME.parts)
        assert first == pytest.approx(second, rel=1e-12)


def test_only_sparsities_of_both_are_left() -> None:
    two_four = Limits((Memory(4e9, Storage("2:4")), TokenTime(4e-3, RTX, pattern="2:4")))
    assert two_four.levels == (0.0, 0.5)
    assert two_four.kinks == ()
    dense = Limits((Memory(4e9, Storage("2:4")), TokenTime(4e-3, RTX, pattern="unstructured", precision="int4")))
    assert dense.levels == (0.0,)
