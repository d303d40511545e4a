"""Measure products with sparse weights against dense ones: time of y = W x (inference) and of a training step.

A training step is y = W x, the gradient dx = W' dy, and the gradient dW = dy x', which is dense but for a kernel that can compute
it at the non-zeros only. Conversion of the weights is not counted: masks change every hundred steps at most. Dense and sparse
products are timed in turns, and the fastest of each are compared, since other work on the machine can only add time.
"""

from __future__ import annotations

import platform
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import scipy
import scipy.sparse
import torch

from sparselaw.cost.machine import Hardware, Task, Timing, relative_time
from sparselaw.errors import first_line

SHAPES = ((1024, 1024), (4096, 1024))
BATCHES = (1, 16, 128)
SPARSITIES = (0.5, 0.75, 0.875, 0.9375, 0.984375)
ROUNDS = 7
TWO_FOUR = "torch 2:4"
COUNTED = (
    "products of one weight matrix with a batch of activations, memory traffic included; training adds the gradients of "
    "activations and weights; conversion of the weights, attention, embeddings and communication are not counted"
)

Step = Callable[[], object]
Product = Callable[[torch.Tensor], object]  # of a matrix [columns, batch]


@dataclass(frozen=True)
class Kernel:
    """A weight matrix W [rows, columns] ready to multiply: forward W x, backward W' dy, and dW = dy x'."""

    forward: Product
    backward: Product
    weight_gradient: Callable[[torch.Tensor, torch.Tensor], object]

    def step(self, task: Task, x: torch.Tensor, dy: torch.Tensor) -> Step:
        if task == "inference":
            return lambda: self.forward(x)
        return lambda: (self.forward(x), self.backward(dy), self.weight_gradient(dy, x))


def measure(
    *,
    shapes: Sequence[tuple[int, int]] = SHAPES,
    batches: Sequence[int] = BATCHES,
    sparsities: Sequence[float] = SPARSITIES,
    rounds: int = ROUNDS,
    threads: int | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Hardware:
    """Time every kernel this machine has; training at the largest batch, inference at all.

    Args:
        shapes: (rows, columns) of weight matrices; larger than the caches, if those of the model are.
        batches: tokens in one product.
        sparsities: at which unstructured kernels are timed.
        rounds: how often each product is timed.
        threads: of PyTorch; as many as it takes by default if None.
        progress: told what is being measured.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.filterwarnings("ignore", message=".*(beta state|prototype stage).*")
            timings, skipped = _measure(shapes, batches, sparsities, rounds, progress)
        return _hardware(timings, skipped, torch.get_num_threads())
    finally:
        torch.set_num_threads(before)


def _measure(
    shapes: Sequence[tuple[int, int]],
    batches: Sequence[int],
    sparsities: Sequence[float],
    rounds: int,
    progress: Callable[[str], None],
) -> tuple[list[Timing], dict[str, str]]:
    timings, skipped = [], dict(_missing())
    for rows, columns in shapes:
        tasks: list[tuple[Task, int]] = [("training", max(batches)), *(("inference", batch) for batch in batches)]
        for task, batch in tasks:
            progress(f"{task}, {rows} x {columns}, batch {batch}")
            for S in sparsities:
                timings += _time(("torch CSR", "SciPy CSR"), task, rows, columns, batch, S, rounds, skipped)
            timings += _time((TWO_FOUR,), task, rows, columns, batch, 0.5, rounds, skipped)
    return timings, skipped


def _missing() -> Iterator[tuple[str, str]]:
    """The kernels that this machine cannot have, each with the reason."""
    if not torch.cuda.is_available():
        yield TWO_FOUR, "needs an NVIDIA GPU of compute capability 8.0 or higher, and PyTorch sees none"
        return
    yield "SciPy CSR", "computes on the CPU, and this is the speed of a GPU"
    if torch.cuda.get_device_capability() < (8, 0):
        yield TWO_FOUR, f"needs compute capability 8.0, and {torch.cuda.get_device_name()} has less"


def _time(
    kernels: Sequence[str],
    task: Task,
    rows: int,
    columns: int,
    batch: int,
    S: float,
    rounds: int,
    skipped: dict[str, str],
) -> list[Timing]:
    """Time kernels on the same matrix; one that this build or device does not have goes to `skipped`, with the reason."""
    device, dtype = _device(), _dtype()
    random = torch.Generator(device).manual_seed(0)
    w, x, dy = (
        torch.randn(shape, generator=random, device=device, dtype=dtype)
        for shape in ((rows, columns), (columns, batch), (rows, batch))
    )
    w *= _two_four(w) if TWO_FOUR in kernels else torch.rand(w.shape, generator=random, device=device) >= S
    steps = {"dense": _dense(w).step(task, x, dy)}
    for kernel in (k for k in kernels if k not in skipped):
        try:
            step = KERNELS[kernel](w).step(task, x, dy)
            step()
        except RuntimeError as error:
            skipped[kernel] = first_line(error)
        else:
            steps[kernel] = step
    if len(steps) == 1:
        return []
    turns = [[_seconds(step) for step in steps.values()] for _ in range(rounds)]
    dense, *others = zip(*turns, strict=True)
    times = [(median(taken), median(dense), min(taken) / min(dense)) for taken in others]
    names = list(steps)[1:]
    return [Timing(task, name, rows, columns, batch, S, *time) for name, time in zip(names, times, strict=True)]


def _seconds(step: Step) -> float:
    # On one thread the processor's own time, in which waiting for other work does not count.
    clock = time.thread_time if torch.get_num_threads() == 1 and _device() == "cpu" else time.perf_counter
    _wait()
    start = clock()
    step()
    _wait()
    return clock() - start


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def _dtype() -> torch.dtype:
    return torch.float16 if torch.cuda.is_available() else torch.float32


def _two_four(w: torch.Tensor) -> torch.Tensor:
    """A 2:4 mask, in both directions: the gradient of activations multiplies by the transpose."""
    row, column = (torch.arange(size, device=w.device) for size in w.shape)
    return ((row[:, None] + column) % 4 < 2).to(w.dtype)


def _dense_gradient(dy: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return dy @ x.T


def _dense(w: torch.Tensor) -> Kernel:
    return Kernel(w.matmul, w.T.matmul, _dense_gradient)


def _torch_csr(w: torch.Tensor) -> Kernel:
    csr, transposed = w.to_sparse_csr(), w.T.to_sparse_csr()
    return Kernel(
        csr.matmul, transposed.matmul, lambda dy, x: torch.sparse.sampled_addmm(csr, dy, x.T.contiguous(), beta=0.0)
    )


def _scipy_csr(w: torch.Tensor) -> Kernel:
    csr, transposed = (scipy.sparse.csr_array(m.numpy()) for m in (w, w.T))
    return Kernel(lambda x: csr @ x.numpy(), lambda dy: transposed @ dy.numpy(), _dense_gradient)


def _torch_two_four(w: torch.Tensor) -> Kernel:
    sparse, transposed = (torch.sparse.to_sparse_semi_structured(m.contiguous()) for m in (w, w.T))
    return Kernel(lambda x: torch.mm(sparse, x), lambda dy: torch.mm(transposed, dy), _dense_gradient)


KERNELS = {"torch CSR": _torch_csr, "SciPy CSR": _scipy_csr, TWO_FOUR: _torch_two_four}


def _hardware(timings: Sequence[Timing], skipped: dict[str, str], threads: int) -> Hardware:
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else _processor()
    training, inference = (
        relative_time([t for t in timings if t.task == task], name) for task in ("training", "inference")
    )
    return Hardware(
        name=name,
        kind="measured",
        source=(f"measured on {platform.node()}, {platform.platform()}",),
        counted=COUNTED,
        training=training,
        inference=inference,
        versions={"torch": torch.__version__, "scipy": scipy.__version__, "numpy": np.__version__},
        threads=threads,
        dtype=str(_dtype()).removeprefix("torch."),
        skipped=skipped,
        timings=tuple(timings),
    )


def _processor() -> str:
    """The processor's name; on Linux from /proc/cpuinfo, since `platform` does not tell it there."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        lines = []
    return lines[0] if lines else platform.processor() or platform.machine()
