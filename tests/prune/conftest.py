"""What every pruner must do: go on from its state as if nothing had happened."""

import io
from collections.abc import Callable
from typing import Any

import pytest
import torch

Parts = tuple[torch.nn.Module, Any, torch.optim.Optimizer]


@pytest.fixture
def resumed() -> Callable[..., Parts]:
    """Trains undisturbed, and with a stop, a save, a load into new objects; compares the two and gives the second."""

    def compare(
        build: Callable[[], Parts], train: Callable[[Parts, range], None], *, stop: int, num_steps: int
    ) -> Parts:
        undisturbed, first, second = (build() for _ in range(3))
        train(undisturbed, range(num_steps))
        train(first, range(stop))
        file = io.BytesIO()
        torch.save([part.state_dict() for part in first], file)
        file.seek(0)
        for part, state in zip(second, torch.load(file, weights_only=True), strict=True):
            part.load_state_dict(state)
        train(second, range(stop, num_steps))
        for name, mask in undisturbed[1].masks.items():
            assert second[1].masks[name].equal(mask)
            assert second[0].get_parameter(name).equal(undisturbed[0].get_parameter(name))
        assert second[1].num_nonzero == undisturbed[1].num_nonzero
        return second

    return compare
