"""The cost of a sweep before it starts: sizes and FLOPs by formula, memory and time from a short probe.

The probe trains each distinct model for a few steps on this machine. The time is that of one run on an otherwise idle
machine of this kind. The memory is that of tensors: weights, gradients, optimiser state, masks, and the activations kept
for one backward pass; the libraries themselves are not included.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch

from sparselaw.counts import format_count
from sparselaw.errors import UserError
from sparselaw.prune.patterns import parse_pattern
from sparselaw.sweep.grid import PlannedRun
from sparselaw.train.config import RunConfig
from sparselaw.train.data import DataConfig, open_data
from sparselaw.train.data.stream import Data
from sparselaw.train.loop import Training
from sparselaw.train.models import ModelConfig, architecture, new_model
from sparselaw.train.processes import open_processes
from sparselaw.train.run_folder import prepare, summary

_WARM_UP_STEPS, _TIMED_STEPS = 2, 4
_FORWARD_SHARE = 1 / 3  # of the work of a training step


@dataclass(frozen=True)
class Preview:
    """A run before it is trained.

    Attributes:
        name: name of the run.
        facts: N, S, D, FLOPs and so on, as in result.json; empty if the model cannot be built.
        problem: why the run cannot be trained; empty if it can.
        seconds: expected training time, from the probe.
        memory: bytes of tensors, from the probe.
    """

    name: str
    facts: dict[str, Any]
    problem: str = ""
    seconds: float = 0.0
    memory: int = 0


def preview(runs: Sequence[PlannedRun], *, threads: int, probe: bool = True) -> list[Preview]:
    """The size and cost of each run, or why the run is impossible.

    Args:
        runs: the runs of the sweep.
        threads: processor threads per run.
        probe: measure time and memory.
    """
    torch.set_num_threads(threads)
    opened, measured = cache(open_data), cache(_measure)

    @cache
    def built(model: ModelConfig, data: DataConfig, sparsity: float, pattern: str) -> Any:
        with torch.device("meta"):
            return new_model(model.kind, architecture(model, opened(data), sparsity=sparsity, pattern=pattern))

    return [_preview(run, opened, built, measured if probe else None) for run in runs]


def _preview(run: PlannedRun, opened: Any, built: Any, measured: Any) -> Preview:
    config, pruning, facts = run.config, run.config.pruning, {}
    source = replace(config.data, seed=0)
    try:
        data = opened(source)
        facts = summary(config, data, built(config.model, source, pruning.sparsity, pruning.pattern))
        _check(config, data, facts)
        step, memory = measured(_shape(config, facts["width"])) if measured else (0.0, 0)
    except UserError as error:
        return Preview(run.name, facts, str(error))
    num_batches = facts["steps"] + _FORWARD_SHARE * data.num_heldout / config.batch_size
    return Preview(run.name, facts, "", step * num_batches, memory)


def _check(config: RunConfig, data: Data, facts: dict[str, Any]) -> None:
    """Finds problems that would otherwise show, or spoil the result, only after hours of training."""
    width, sparsity = facts["width"], facts["sparsity"]
    pattern = parse_pattern(config.pruning.pattern) if sparsity else None
    if pattern and width % pattern.length and config.pruning.indivisible == "refuse":
        raise UserError(
            f"width {width} of {config.model.init} does not divide into groups of {pattern.length}; choose another "
            "pattern or set pruning.indivisible = 'dense'"
        )
    if width * (1 - sparsity) < 1:
        raise UserError(
            f"only {width * (1 - sparsity):.2g} non-zeros would be left in a row of {width}; increase nonzeros"
        )
    if data.num_unique is not None and facts["data"] > data.num_unique:
        raise UserError(
            f"the run needs {format_count(facts['data'])} {data.unit}, but the data has {format_count(data.num_unique)} "
            "unique ones; reduce data"
        )


def _shape(config: RunConfig, width: int) -> RunConfig:
    """The configuration without settings that affect neither the time nor the memory of a step."""
    sparsity = 0.5 if config.pruning.sparsity else 0.0
    return replace(
        config,
        model=config.model if config.model.init else replace(config.model, width=width, nonzeros=0),
        data=replace(config.data, seed=0),
        pruning=replace(config.pruning, sparsity=sparsity, pattern="unstructured"),
        budget=0,
        steps=1000,
        seed=0,
    )


def _measure(config: RunConfig) -> tuple[float, int]:
    """Seconds per training step, and bytes of tensors during training."""
    training = prepare(config, open_processes(config.device))
    training.model.train()
    batch = training.data.batch(0, config.batch_size)
    part = {key: x.chunk(config.accumulation)[0].to(training.processes.device) for key, x in batch.items()}
    kept = _bytes_kept(training, part)
    for _ in range(_WARM_UP_STEPS):
        _step(training, part)
    start = time.perf_counter()
    for _ in range(_TIMED_STEPS):
        _step(training, part)
    return (time.perf_counter() - start) / _TIMED_STEPS, kept + _bytes_held(training)


def _step(training: Training, part: dict[str, torch.Tensor]) -> None:
    losses = []
    for _ in range(training.config.accumulation):
        losses.append(training.model(**part).loss)
        losses[-1].backward()
    training.optimizer.step()
    training.optimizer.zero_grad()
    if training.pruner:
        training.pruner.step()
    losses[-1].item()  # waits for the device


def _bytes_kept(training: Training, part: dict[str, torch.Tensor]) -> int:
    """Bytes that one forward pass keeps for its backward pass, without the weights."""
    weights = {p.untyped_storage().data_ptr() for p in training.model.parameters()}
    storages: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        training.model(**part).loss.backward()
    return sum(size for pointer, size in storages.items() if pointer not in weights)


def _bytes_held(training: Training) -> int:
    """Bytes of weights, gradients, optimiser state and masks."""
    states = [x for state in training.optimizer.state.values() for x in state.values() if torch.is_tensor(x)]
    masks = training.pruner.masks.values() if training.pruner else ()
    weights = list(training.model.parameters())
    return sum(x.nbytes for x in (*weights, *weights, *states, *masks))  # a gradient is as large as its weight
