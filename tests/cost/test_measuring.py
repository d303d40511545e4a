"""Measuring: kernels compute what the dense one computes, and a small measurement is whole. Never how fast."""

import pytest

torch = pytest.importorskip("torch")

from sparselaw.cost import measuring  # noqa: E402
from sparselaw.cost.measuring import KERNELS, TWO_FOUR, measure  # noqa: E402

ON_CPU = [name for name in KERNELS if name != TWO_FOUR]
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="2:4 kernels need an NVIDIA GPU")


def matrices(
    device: str = "cpu", dtype: torch.dtype = torch.float32
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator(device).manual_seed(1)
    w, x, dy = (
        torch.randn(shape, generator=random, device=device, dtype=dtype) for shape in ((128, 64), (64, 32), (128, 32))
    )
    return w * measuring._two_four(w), x, dy


def as_tensor(product: object) -> torch.Tensor:
    tensor = product if isinstance(product, torch.Tensor) else torch.from_numpy(product)
    return tensor.to_dense() if tensor.layout != torch.strided else tensor


@pytest.mark.filterwarnings("ignore:.*(beta state|prototype stage).*")
@pytest.mark.parametrize("name", [*ON_CPU, pytest.param(TWO_FOUR, marks=needs_gpu)])
def test_kernels_compute_the_products(name: str) -> None:
    gpu = name == TWO_FOUR
    w, x, dy = matrices(*(("cuda", torch.float16) if gpu else ()))
    kernel, close = KERNELS[name](w), {"rtol": 1e-2, "atol": 0.1} if gpu else {"rtol": 1e-4, "atol": 1e-4}
    with torch.inference_mode():
        torch.testing.assert_close(as_tensor(kernel.forward(x)), w @ x, **close)
        torch.testing.assert_close(as_tensor(kernel.backward(dy)), w.T @ dy, **close)
        gradient = as_tensor(kernel.weight_gradient(dy, x))
        torch.testing.assert_close(gradient * (w != 0), (dy @ x.T) * (w != 0), **close)


def test_the_mask_is_two_of_four_in_both_directions() -> None:
    mask = measuring._two_four(torch.empty(16, 32))
    assert (mask.reshape(16, 8, 4).sum(-1) == 2).all()
    assert (mask.T.reshape(32, 4, 4).sum(-1) == 2).all()


def test_a_small_measurement_is_whole() -> None:
    threads, told = torch.get_num_threads(), []
    machine = measure(
        shapes=[(64, 32), (32, 64)], batches=[1, 4], sparsities=[0.5, 0.9], rounds=2, threads=1, progress=told.append
    )
    assert torch.get_num_threads() == threads
    assert len(told) == 2 * 3
    kernels = [name for name in KERNELS if name not in machine.skipped]
    assert kernels
    expected = {
        (task, kernel, shape, batch, S)
        for kernel in kernels
        for shape in ((64, 32), (32, 64))
        for task, batch in (("training", 4), ("inference", 1), ("inference", 4))
        for S in ((0.5,) if kernel == TWO_FOUR else (0.5, 0.9))
    }
    assert {(t.task, t.kernel, (t.rows, t.columns), t.batch, t.sparsity) for t in machine.timings} == expected
    assert all(t.seconds > 0 and t.dense_seconds > 0 and t.relative > 0 for t in machine.timings)
    assert machine.kind == "measured"
    assert {"torch", "scipy", "numpy"} <= set(machine.versions)
    assert machine.threads == 1
    assert machine.training is not None
    assert machine.inference is not None


@pytest.mark.skipif(torch.cuda.is_available(), reason="about machines without a GPU")
def test_what_is_missing_says_why() -> None:
    machine = measure(shapes=[(32, 32)], batches=[1], sparsities=[0.5], rounds=1)
    assert "NVIDIA GPU" in machine.skipped[TWO_FOUR]


def test_a_kernel_that_fails_is_skipped_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(w: torch.Tensor) -> measuring.Kernel:
        raise RuntimeError("no such product\nin this build")

    monkeypatch.setitem(KERNELS, "torch CSR", fails)
    machine = measure(shapes=[(32, 32)], batches=[1], sparsities=[0.5], rounds=1)
    assert machine.skipped["torch CSR"] == "no such product"
    assert {t.kernel for t in machine.timings} <= {"SciPy CSR", TWO_FOUR}
