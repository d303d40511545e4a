"""Times of a token: the roofline, measured times, and what runs where."""

import numpy as np
import pytest

from sparselaw.cost.devices import TokenTime, device_names, open_device, runtimes
from sparselaw.errors import UserError

RTX = open_device("rtx4090")


def test_a_dense_token_takes_its_bytes_over_the_bandwidth() -> None:
    """Llama-2-7B in 16 bits: 13.5 GB over 1.01 TB/s."""
    time = TokenTime(20e-3, RTX, "dense")
    assert float(time.seconds_per_token(0.0, 6.74e9)) == pytest.approx(2 * 6.74e9 / 1.01e12)
    assert time.dense_params == pytest.approx(20e-3 * 1.01e12 / 2)


@pytest.mark.parametrize(
    ("S", "share"), [(0.3, 0.9), (0.4, 0.778), (0.5, 0.675), (0.7, 0.441), (0.9, 0.261), (0.45, 0.7265)]
)
def test_an_unstructured_token_takes_the_measured_share(S: float, share: float) -> None:
    """MACKO on the RTX 4090, linear between its points."""
    time = TokenTime(20e-3, RTX)
    dense = float(time.seconds_per_token(0.0, 1e9))
    assert float(time.seconds_per_token(S, (1 - S) * 1e9)) == pytest.approx(share * dense)


def test_two_of_four_takes_nine_sixteenths_of_the_bytes() -> None:
    time = TokenTime(20e-3, RTX, "2:4")
    assert time.levels == (0.0, 0.5)
    assert float(time.seconds_per_token(0.5, 0.5e9)) == pytest.approx(9 / 16 * 2e9 / RTX.bandwidth)


def test_large_batches_are_bound_by_products() -> None:
    time = TokenTime(20e-3, RTX, "dense", batch=4096)
    assert float(time.seconds_per_token(0.0, 1e9)) == pytest.approx(2 * 4096 * 1e9 / RTX.peak)


@pytest.mark.parametrize("pattern", ["dense", "unstructured", "2:4"])
@pytest.mark.parametrize("device", device_names())
@pytest.mark.parametrize("batch", [1, 100, 10_000])
def test_the_limit_holds_the_weights_of_that_time(device: str, pattern: str, batch: int) -> None:
    time = TokenTime(5e-3, open_device(device), pattern, batch=batch)
    S = np.array(time.levels) if time.levels else np.linspace(0, 0.99, 300)
    assert time.seconds_per_token(S, time.nonzeros(S)) == pytest.approx(np.full(len(S), 5e-3))


@pytest.mark.parametrize("batch", [1, 200])
def test_growth_is_the_derivative(batch: int) -> None:
    time, step = TokenTime(5e-3, RTX, batch=batch), 1e-7
    S = np.array([0.1, 0.33, 0.47, 0.62, 0.78, 0.88, 0.95])
    u = -np.log1p(-S)
    ahead, behind = (np.log(time.nonzeros(-np.expm1(-(u + h)))) for h in (step, -step))
    assert time.growth(S) == pytest.approx((ahead - behind) / (2 * step), abs=1e-5)


def test_what_nothing_runs_has_no_time() -> None:
    assert TokenTime(1e-2, RTX, "unstructured", "int4").runtimes == ()
    assert TokenTime(1e-2, RTX, "unstructured", "int4").levels == (0.0,)
    assert runtimes("unstructured", "int4") == ("Core ML",)
    assert "vLLM" in runtimes("dense", "int4", "nvidia")


def test_every_device_has_its_source() -> None:
    for name in device_names():
        device = open_device(name)
        assert device.peak > 1e13
        assert device.bandwidth > 1e11
        assert device.source


def test_an_unknown_device_is_named() -> None:
    with pytest.raises(UserError, match="'rtx4080', which is not known; did you mean 'rtx4090'"):
        open_device("rtx4080")
