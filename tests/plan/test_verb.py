"""The verb: what a caller may give, and what is refused in one sentence."""

import pytest

from sparselaw.errors import UserError
from sparselaw.plan import plan


def test_gpu_hours_are_a_budget() -> None:
    flops = 5000 * 3600 * 989e12 * 0.4
    by_hours, by_flops = plan("t5-c4-refit", gpu="h100", gpu_hours=5000), plan("t5-c4-refit", flops=flops)
    assert by_hours.best.flops.value == pytest.approx(flops)
    assert by_hours.outcomes[0].loss.value == pytest.approx(by_flops.outcomes[0].loss.value)
    assert by_hours.gpu_hours is not None
    assert by_hours.gpu_hours["training"] == pytest.approx(5000)


MISTAKES = {
    "two limits": ({"memory": "8GB", "total": "1B", "flops": 1e21}, "Give one of nonzeros, memory, total or latency"),
    "a time without a device": ({"latency": "20ms", "flops": 1e21}, "latency needs a device"),
    "no such device": ({"latency": "20ms", "device": "h200", "flops": 1e21}, "did you mean 'h100'"),
    "no such time": ({"latency": "fast", "device": "h100", "flops": 1e21}, "'fast' is not a time"),
    "hours without a GPU": ({"total": "1B", "gpu_hours": 500}, "gpu_hours needs a GPU"),
    "two budgets": ({"total": "1B", "gpu": "h100", "gpu_hours": 500, "flops": 1e21}, "not both"),
    "an option": ({"total": "1B", "flops": 1e21, "options": ("lora",)}, "has 'lora'"),
    "a capacity": ({"total": "1B", "flops": 1e21, "capacity": {"int4": 1.5}}, "above 0 and at most 1"),
    "a precision": ({"total": "1B", "flops": 1e21, "capacity": {"int5": 0.9}}, "which is no precision"),
    "a sparsity": ({"total": "1B", "flops": 1e21, "sparsity": 1.0}, "from 0 to below 1"),
    "a batch": ({"latency": "20ms", "device": "h100", "batch": 0, "flops": 1e21}, "give 1 or more"),
    "a time and a count": (
        {"latency": "20ms", "device": "h100", "total": "1B", "flops": 1e21}, "memory and latency alone may hold together"),
    "a ramp": ({"nonzeros": "1B", "flops": 1e21, "ramp": "0.5"}, "ramp is '0.5'; give the shares of training"),
    "a ramp that ends before it starts": ({"nonzeros": "1B", "flops": 1e21, "ramp": (0.5, 0.2)}, "give the shares"),
    "bytes that reach the loss in fewer bits": (
        {"memory": "1MB", "loss": 2.8}, "give more, ask for a higher loss, or give precision int8, which reaches it"),
    "bytes that reach it in no precision": ({"memory": "10KB", "loss": 2.8}, "give more, or ask for a higher loss"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_one_sentence(case: str) -> None:
    asked, said = MISTAKES[case]
    with pytest.raises(UserError, match=said):
        plan("t5-c4-refit", **asked)
