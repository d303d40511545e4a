import numpy as np
import pytest
import torch

from sparselaw.errors import UserError
from sparselaw.train.optimizers import Adafactor, OptimizerConfig, make_optimizer


def _adafactor_in_numpy(w, gradients, lr):
    v = np.zeros_like(w)
    for t, g in enumerate(gradients, start=1):
        decay = 1 - t**-0.8
        v = decay * v + (1 - decay) * (g**2 + 1e-30)
        u = g / np.sqrt(v)
        alive = w != 0
        u_rms = np.sqrt(np.mean(u[alive] ** 2)) if alive.any() else 0.0
        w_rms = np.sqrt(np.mean(w[alive] ** 2)) if alive.any() else 0.0
        w = (w - lr * max(1e-3, w_rms) * u / max(1.0, u_rms)) * alive
    return w


@pytest.mark.parametrize("share_of_zeros", [0.0, 0.75, 1.0])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 100.0])
def test_adafactor_against_numpy(share_of_zeros, scale):
    rng = np.random.default_rng(0)
    start = rng.normal(size=(12, 20)) * scale * (rng.random((12, 20)) >= share_of_zeros)
    gradients = [rng.normal(size=start.shape) * rng.choice([1e-3, 1.0, 50.0]) for _ in range(15)]
    weight = torch.nn.Parameter(torch.from_numpy(start.copy()))
    mask = weight.detach() != 0
    optimizer = Adafactor([weight], lr=0.05)
    for gradient in gradients:
        weight.grad = torch.from_numpy(gradient)
        optimizer.step()
        with torch.no_grad():
            weight.mul_(mask)
    np.testing.assert_allclose(weight.detach().numpy(), _adafactor_in_numpy(start, gradients, 0.05), rtol=1e-10)


def test_adafactor_moves_survivors_as_if_the_zeros_were_not_there():
    survivors, gradient = torch.randn(16, generator=torch.manual_seed(0)), torch.randn(16)
    alone = torch.nn.Parameter(survivors.clone())
    among_zeros = torch.nn.Parameter(torch.cat([survivors, torch.zeros(48)]))
    alone.grad, among_zeros.grad = gradient, torch.cat([gradient, torch.randn(48)])
    for weight in (alone, among_zeros):
        Adafactor([weight], lr=0.1).step()
    torch.testing.assert_close(alone, among_zeros[:16])


def test_adamw_decays_matrices_only():
    model = torch.nn.Linear(4, 4)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = make_optimizer(model, OptimizerConfig(weight_decay=0.5))
    for group in optimizer.param_groups:
        group["lr"] = 0.1
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    torch.testing.assert_close(model.weight, before["weight"] * 0.95)
    assert torch.equal(model.bias, before["bias"])


@pytest.mark.parametrize("bad", [{"clip": -1.0}, {"weight_decay": -0.1}, {"betas": (0.9, 1.0)}])
def test_impossible_settings_are_refused(bad):
    with pytest.raises(UserError, match=next(iter(bad))):
        OptimizerConfig(**bad)
