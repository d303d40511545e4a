"""The training loop: forward, backward, update, prune; at intervals log, evaluate and save."""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from sparselaw.train.checkpoint import load_checkpoint, save_checkpoint
from sparselaw.train.config import RunConfig
from sparselaw.train.data.stream import Batch, Data
from sparselaw.train.metrics import MetricsLog
from sparselaw.train.models import body_parameters
from sparselaw.train.parametrization import parametrization_of
from sparselaw.train.processes import Processes

if TYPE_CHECKING:
    from sparselaw.prune import MagnitudePruner

DIVERGENCE = 2.0
"""A run has diverged if its mean training loss since the last line of metrics exceeds this multiple of its first loss."""

_EVALUATION_PARTS = 4  # times a part of a training batch: without gradients, activations are not kept


@dataclass(frozen=True)
class Training:
    """The parts of a run."""

    config: RunConfig
    data: Data
    model: Any  # a PreTrainedModel; its outputs have no common type
    optimizer: torch.optim.Optimizer
    pruner: "MagnitudePruner | None"
    processes: Processes

    @property
    def num_steps(self) -> int:
        """Optimiser steps of the whole run."""
        return self.config.num_steps(self.data.units_per_example)

    @property
    def num_nonzero(self) -> int:
        """Non-zero weights of the body now, N, counted from the masks."""
        masks = self.pruner.masks if self.pruner else {}
        body = body_parameters(self.model)
        return sum(int(masks[name].count_nonzero()) if name in masks else p.numel() for name, p in body.items())

    @property
    def num_dense(self) -> int:
        """Weights of the body, including zeros."""
        return sum(p.numel() for p in body_parameters(self.model).values())

    @property
    def units_per_step(self) -> int:
        """Tokens or images per step, over all processes."""
        return self.config.batch_size * self.data.units_per_example


@dataclass
class LoopState:
    """What the loop needs to resume, besides model, optimiser and masks.

    Attributes:
        step: optimiser steps done.
        seconds: training time, summed over restarts.
        first_loss: training loss of the first step.
        window_loss: sum of the training losses since the last line of metrics.
        window_steps: number of steps in this sum.
        metrics_bytes: length of metrics.jsonl at the checkpoint.
    """

    step: int = 0
    seconds: float = 0.0
    first_loss: float = math.nan
    window_loss: float = 0.0
    window_steps: int = 0
    metrics_bytes: int = 0

    def add(self, loss: float) -> None:
        """Counts a step with this training loss."""
        if self.step == 0:
            self.first_loss = loss
        self.step += 1
        self.window_loss += loss
        self.window_steps += 1

    def close_window(self) -> float:
        """The mean training loss since the last call."""
        mean = self.window_loss / self.window_steps
        self.window_loss, self.window_steps = 0.0, 0
        return mean


@contextmanager
def stop_on_sigterm() -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether SIGTERM has come, which clusters send before they kill a job."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # Python delivers signals to the main thread only
        yield asked.is_set
        return
    before = signal.signal(signal.SIGTERM, lambda *_: asked.set())
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGTERM, before)


def train(
    training: Training, state: LoopState, *, folder: Path, log: MetricsLog, publish: Callable[[], None] = lambda: None
) -> str:
    """Trains from `state` to the end of the run.

    Args:
        training: the parts of the run.
        state: where to start; updated in place.
        folder: folder for checkpoints.
        log: receives the metrics.
        publish: called after each checkpoint.

    Returns:
        `finished`, `diverged`, or `interrupted` if SIGTERM came and a checkpoint was written.
    """
    config, size = training.config, training.processes.size
    replica = nn.parallel.DistributedDataParallel(training.model) if size > 1 else training.model
    training.model.train()
    clock = _Clock(state.seconds, state.step)
    with stop_on_sigterm() as stop_asked:
        while state.step < training.num_steps:
            loss, norm, stop = _forward_backward(training, replica, step=state.step, stop=stop_asked())
            state.seconds = clock.seconds()
            if not math.isfinite(loss + norm):
                return "diverged"
            rate = _update(training, state.step)
            state.add(loss)
            if state.step % config.log_every == 0:
                line = _measure(training, state, clock) | {"learning_rate": rate, "gradient_norm": norm}
                log.write(line)
                if line["loss"] > DIVERGENCE * state.first_loss:
                    return "diverged"
            if config.eval_every and state.step % config.eval_every == 0 and state.step < training.num_steps:
                log.write({"step": state.step, "heldout_loss": evaluate(training)})
            if stop or _is_checkpoint(training, state.step):
                state.seconds = clock.seconds()
                save(training, state, folder=folder, log=log)
                publish()
            if stop and state.step < training.num_steps:
                return "interrupted"
    return "finished"


@torch.no_grad()
def evaluate(training: Training) -> float:
    """The mean loss on all held-out examples, in nats."""
    config, processes = training.config, training.processes
    size = _EVALUATION_PARTS * config.batch_size // (config.accumulation * processes.size)
    total = torch.zeros((), dtype=torch.float64, device=processes.device)
    count = 0
    training.model.eval()
    for number, batch in enumerate(training.data.validation(size)):
        if number % processes.size == processes.rank:
            num_examples = len(batch["labels"])
            with _autocast(training):
                total += training.model(**_to(batch, processes.device)).loss.double() * num_examples
            count += num_examples
    training.model.train()
    loss, num_examples = processes.total(total.item(), count)
    return loss / num_examples


def save(training: Training, state: LoopState, *, folder: Path, log: MetricsLog) -> None:
    """Writes a checkpoint from the first process; all processes wait for it."""
    if training.processes.is_first:
        state.metrics_bytes = log.sync()
        rest = {
            "loop": asdict(state),
            "optimizer": training.optimizer.state_dict(),
            "pruner": training.pruner.state_dict() if training.pruner else None,
            "random": torch.get_rng_state(),
        }
        save_checkpoint(folder, training.model, state=rest, step=state.step)
    training.processes.wait()


def restore(training: Training, *, folder: Path) -> LoopState:
    """Loads the newest checkpoint into model, optimiser and masks; without one, leaves them unchanged.

    Raises:
        UserError: if the checkpoint belongs to another model.
    """
    stored = load_checkpoint(folder, training.model)
    if stored is None:
        return LoopState()
    training.optimizer.load_state_dict(stored["optimizer"])
    if training.pruner:
        training.pruner.load_state_dict(stored["pruner"])
    torch.set_rng_state(stored["random"])
    return LoopState(**stored["loop"])


class _Clock:
    """Seconds of training, summed over restarts, and the current speed."""

    def __init__(self, earlier: float, step: int) -> None:
        self._start = time.perf_counter() - earlier
        self._lap = (time.perf_counter(), step)

    def seconds(self) -> float:
        return time.perf_counter() - self._start

    def steps_per_second(self, step: int) -> float:
        (before, first), now = self._lap, time.perf_counter()
        self._lap = (now, step)
        return (step - first) / (now - before)


def _forward_backward(training: Training, replica: Any, *, step: int, stop: bool) -> tuple[float, float, bool]:
    """Leaves the step's gradients in the model; returns the loss, the gradient norm, and whether any process must stop."""
    config, processes = training.config, training.processes
    batch = training.data.batch(step, config.batch_size, rank=processes.rank, world_size=processes.size)
    loss = torch.zeros((), device=processes.device)
    for number in range(config.accumulation):
        part = {key: x.chunk(config.accumulation)[number] for key, x in _to(batch, processes.device).items()}
        is_last = number == config.accumulation - 1
        with nullcontext() if is_last or processes.size == 1 else replica.no_sync():
            with _autocast(training):
                part_loss = replica(**part).loss / config.accumulation
            part_loss.backward()
        loss += part_loss.detach()
    norm = nn.utils.clip_grad_norm_(training.model.parameters(), config.optimizer.clip or math.inf)
    loss_here, norm_here = torch.stack([loss, norm]).tolist()  # the only synchronisation with the device in a step
    total, stops = processes.total(loss_here, stop)
    return total / processes.size, norm_here, stops > 0


def _update(training: Training, step: int) -> float:
    parametrization = parametrization_of(training.config, training.model, training.num_steps)
    for group in training.optimizer.param_groups:
        group["lr"] = parametrization.rate(group.get("role", "rest"), step)
    training.optimizer.step()
    training.optimizer.zero_grad(set_to_none=True)
    if training.pruner:
        training.pruner.step()
    return parametrization.rate("body", step)


def _measure(training: Training, state: LoopState, clock: _Clock) -> dict[str, Any]:
    return {
        "step": state.step,
        "data": state.step * training.units_per_step,
        "loss": state.close_window(),
        "sparsity": 1 - training.num_nonzero / training.num_dense,
        f"{training.data.unit}_per_second": clock.steps_per_second(state.step) * training.units_per_step,
        "seconds": clock.seconds(),
    }


def _is_checkpoint(training: Training, step: int) -> bool:
    every = training.config.checkpoint_every
    return step == training.num_steps or (every > 0 and step % every == 0)


def _autocast(training: Training) -> torch.autocast:
    is_mixed = training.config.dtype == "bfloat16"
    return torch.autocast(training.processes.device.type, dtype=torch.bfloat16, enabled=is_mixed)


def _to(batch: Batch, device: torch.device) -> Batch:
    return {key: x.to(device, non_blocking=True) for key, x in batch.items()}
