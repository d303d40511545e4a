"""Serving: two FLOPs a weight and token, hours and money by hand."""

import pytest

from sparselaw.cost import Gpu
from sparselaw.cost.serving import SERVED_DENSE, SERVED_SPARSE, gpu_of
from sparselaw.errors import UserError


def test_a_token_costs_two_flops_a_weight() -> None:
    assert SERVED_SPARSE.flops(0.75, 1e9, 1e6) == pytest.approx(2 * 1e9 * 1e6, rel=1e-15)
    assert SERVED_DENSE.flops(0.75, 1e9, 1e6) == pytest.approx(2 * 4e9 * 1e6, rel=1e-15)


def test_hours_are_flops_over_what_the_gpu_reaches() -> None:
    gpu = Gpu(0.4, 0.1, peak=1e15)
    assert gpu.training_hours(3.6e18) == pytest.approx(3.6e18 / (0.4e15 * 3600))
    assert gpu.inference_hours(3.6e18) == pytest.approx(3.6e18 / (0.1e15 * 3600))
    assert gpu.weight == 4


def test_without_a_peak_or_a_second_utilisation_there_is_no_gpu() -> None:
    assert gpu_of(None, 0.4, None, None) is None
    assert gpu_of(None, 0.4, 0.2, None) == Gpu(0.4, 0.2)
    assert gpu_of(1e15, 0.4, None, 2.0) == Gpu(0.4, 0.4, 1e15, 2.0)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((1e15, 0.0, None, None), "utilisation is 0"),
        ((1e15, 0.4, 1.5, None), "inference_utilisation is 1.5"),
        ((-1.0, 0.4, None, None), "peak is -1"),
        ((1e15, 0.4, None, float("nan")), "price is nan"),
        ((None, 0.4, None, 2.0), "price is of a GPU-hour; give peak"),
    ],
    ids=["utilisation", "share", "peak", "price", "no-peak"],
)
def test_impossible_gpus_are_one_sentence(numbers: tuple, expected: str) -> None:
    with pytest.raises(UserError, match=expected) as caught:
        gpu_of(*numbers)
    assert "--" not in str(caught.value)
    assert "--" in caught.value.on_command_line()
