"""2:4 weights for sparse tensor cores: recognised anywhere, turned and run where there is CUDA."""

import pytest
import torch
from torch import nn

from sparselaw.errors import UserError
from sparselaw.prune import MagnitudePruner, Schedule
from sparselaw.prune.semi_structured import is_two_four, to_semi_structured

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="sparse tensor cores need a CUDA device")


def two_four_layer() -> nn.Linear:
    torch.manual_seed(0)
    layer = nn.Linear(128, 64)
    MagnitudePruner(layer, sparsity=0.5, num_steps=1, schedule=Schedule.constant(), pattern="2:4")
    return layer


def test_the_pattern_is_recognised() -> None:
    weight = two_four_layer().weight.detach()
    assert is_two_four(weight)
    assert is_two_four(torch.zeros(2, 4))
    assert not is_two_four(weight + 1.0)
    assert not is_two_four(weight[:, :-1])
    assert not is_two_four(weight.flatten())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_cuda_it_is_said() -> None:
    with pytest.raises(UserError, match="need a CUDA device"):
        to_semi_structured(two_four_layer())


@needs_cuda
def test_a_layer_computes_the_same() -> None:
    model = nn.Sequential(two_four_layer()).half().cuda()
    inputs = torch.randn(64, 128, device="cuda", dtype=torch.float16)
    with torch.no_grad():
        expected = model(inputs)
        assert to_semi_structured(model) == ["0.weight"]
        assert torch.allclose(model(inputs), expected, atol=1e-2)


@needs_cuda
def test_nothing_to_turn_is_said() -> None:
    with pytest.raises(UserError, match="No linear layer"):
        to_semi_structured(nn.Linear(128, 64).half().cuda())
