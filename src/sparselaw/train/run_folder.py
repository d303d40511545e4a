"""One run in one folder.

    config.json        the configuration
    metrics.jsonl      losses and speed during training
    checkpoint/        the newest two checkpoints
    provenance.json    where the data came from
    result.json        the result; written last and atomically, so a folder that has it is done
    failed.json        why the run failed, if it did

A run with a result is not trained again; an interrupted run resumes from its last checkpoint. Only one process trains in
a folder at a time. The folder may be an address such as s3://bucket/runs/first; see `mirror`.
"""

import json
import math
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from sparselaw.counts import format_count
from sparselaw.errors import UserError
from sparselaw.files import write_atomically
from sparselaw.runs.folders import CONFIG_FILE, FAILED_FILE, RESULT_FILE
from sparselaw.train.config import RunConfig, config_from, config_to
from sparselaw.train.data import open_data, warn_if_repeating
from sparselaw.train.data.stream import Data
from sparselaw.train.flops import ForwardFlops, forward_flops
from sparselaw.train.loop import LoopState, Training, evaluate, restore, train
from sparselaw.train.metrics import Hook, MetricsLog, progress
from sparselaw.train.models import architecture, body_parameters, build_model, width_of
from sparselaw.train.optimizers import make_optimizer
from sparselaw.train.parametrization import parametrization_of, roles, scale_initial_weights
from sparselaw.train.place import LOCK, mark_failed, not_writable, open_place, problem_of_disk, read_result
from sparselaw.train.processes import Processes, open_processes
from sparselaw.train.pruners import make_pruner, recipe_of, schedule_of
from sparselaw.train.stamp import stamp

_CHANGEABLE = ("device", "log_every", "eval_every", "checkpoint_every")
"""Settings that may change when a run resumes, because the weights do not depend on them."""


def run(config: RunConfig, folder: str | Path, *, hook: Hook | None = None, quiet: bool = False) -> dict[str, Any]:
    """Trains a run, resumes it, or returns its result if it has one.

    Args:
        config: the configuration.
        folder: folder for this run alone: a path, created if missing, or the address of an fsspec file system.
        hook: function that receives each line of metrics, such as `wandb.log`.
        quiet: print nothing.

    Returns:
        The contents of result.json. After SIGTERM the status is `interrupted` and no result.json is written.

    Raises:
        FolderInUseError: if another process is training in the folder.
        FolderNotWritableError: if the disk is full or read-only; earlier checkpoints stay intact.
        UserError: if the folder holds another run, or the configuration cannot be trained.
    """
    processes = open_processes(config.device)
    with open_place(folder, is_first=processes.is_first) as (local, publish):
        if processes.is_first:
            _check_same(config, local)
        processes.wait()
        if (result := read_result(local)) is not None:
            return result
        try:
            return _train_and_judge(config, local, processes, hook=hook, quiet=quiet, publish=publish)
        except Exception as error:
            if problem := problem_of_disk(error, local):
                raise not_writable(folder, problem) from error
            if processes.is_first:
                mark_failed(local, str(error) or type(error).__name__, details=traceback.format_exc())
                publish()
            raise


def prepare(config: RunConfig, processes: Processes) -> Training:
    """Opens the data and builds model, optimiser and pruner.

    Raises:
        UserError: if the parts of the configuration do not fit together.
    """
    if config.batch_size % (processes.size * config.accumulation):
        raise UserError(
            f"batch_size {config.batch_size} does not divide by {processes.size} processes times accumulation "
            f"{config.accumulation}; give a multiple of {processes.size * config.accumulation}."
        )
    data = open_data(config.data)
    torch.manual_seed(config.seed)
    pruning = config.pruning
    shape = architecture(config.model, data, sparsity=pruning.sparsity, pattern=pruning.pattern)
    model = build_model(config.model, shape).to(processes.device)
    num_steps = config.num_steps(data.units_per_example)
    if config.model.parametrization == "sparse-mup":
        scale_initial_weights(model, parametrization_of(config, model, num_steps))
    optimizer = make_optimizer(model, config.optimizer, roles(model))
    pruner = make_pruner(config, model, optimizer, num_steps) if pruning.sparsity else None
    return Training(config, data, model, optimizer, pruner, processes)


def summary(config: RunConfig, data: Data, model: Any) -> dict[str, Any]:
    """The part of result.json that is known before the first step: N, S, D, FLOPs and so on.

    The model may be on the meta device.
    """
    num_steps = config.num_steps(data.units_per_example)
    num_examples = num_steps * config.batch_size
    seen = num_examples * data.units_per_example
    num_dense, sparsity = sum(p.numel() for p in body_parameters(model).values()), config.pruning.sparsity
    cost = _cost(model.config, data)
    every = 1 if config.pruning.method == "straight-through" else config.pruning.update_every
    mean_fraction = schedule_of(config.pruning).mean_fraction(num_steps, update_every=every)
    return {
        "nonzero_params": round(num_dense * (1 - sparsity)),
        "sparsity": sparsity,
        "data": seen,
        "unique_data": seen if data.num_unique is None else min(seen, data.num_unique),
        "data_unit": data.unit,
        "dense_params": num_dense,
        "total_params": sum(p.numel() for p in model.parameters()),
        "flops": num_examples * cost.training(),
        "flops_sparse": num_examples * cost.sparse_training(sparsity, mean_fraction),
        "kind": config.model.kind,
        "width": width_of(model.config),
        "steps": num_steps,
        "pattern": config.pruning.pattern,
        "recipe": recipe_of(config.pruning),
        "init": config.model.init,
        "init_data": _data_before(config.model.init),
        "seed": config.seed,
    }


def _data_before(init: str) -> float | None:
    """Tokens or images that a checkpoint was trained on, if it belongs to a run of this project; else None."""
    if not (init and Path(init).is_dir()):
        return None
    folder = Path(init).resolve()
    for place in (folder, *folder.parents[1:2]):  # the folder of the run, or its checkpoint/step-...
        if (result := read_result(place)) is not None:
            return result["data"] + (result.get("init_data") or 0)
    return None


def describe(result: dict[str, Any]) -> str:
    """A summary or result as text."""
    shown = {key: format_count(result[key]) for key in ("nonzero_params", "dense_params", "total_params", "data")}
    lines = [
        f"{result['kind']} of width {result['width']}, seed {result['seed']}",
        f"N  {shown['nonzero_params']} non-zeros of {shown['dense_params']} weights in the matrices of the blocks",
        f"   {shown['total_params']} parameters in total, including zeros",
        f"S  {result['sparsity']:g}, {result['pattern']}",
        f"D  {shown['data']} {result['data_unit']} in {result['steps']} steps",
        f"C  {format_count(result['flops'])} FLOPs ({format_count(result['flops_sparse'])} if zeros were free)",
    ]
    if result.get("loss") is not None:
        lines.append(f"L  {result['loss']:.4f} nats on held-out {result['data_unit']}")
    if "status" in result:
        lines.append(f"{result['status']} after {result['seconds']:.0f} s")
    return "\n".join(lines)


def _train_and_judge(
    config: RunConfig,
    folder: Path,
    processes: Processes,
    *,
    hook: Hook | None,
    quiet: bool,
    publish: Callable[[], None],
) -> dict[str, Any]:
    training = prepare(config, processes)
    warn_if_repeating(training.data, num_steps=training.num_steps, batch_size=config.batch_size)
    facts = summary(config, training.data, training.model)
    processes.wait()
    if processes.is_first:
        _begin(training, facts, folder, quiet=quiet)
    state = restore(training, folder=folder / "checkpoint")
    with progress(training.num_steps, first_step=state.step, quiet=quiet) as show:
        hooks = [show, hook] if hook else [show]
        path = folder / "metrics.jsonl" if processes.is_first else None
        log = MetricsLog(path, offset=state.metrics_bytes, hooks=hooks)
        try:
            status = train(training, state, folder=folder / "checkpoint", log=log, publish=publish)
            loss = evaluate(training) if status == "finished" else math.nan
            if status == "finished":
                log.write({"step": state.step, "heldout_loss": loss})
        finally:
            log.close()
    if status == "finished" and not math.isfinite(loss):
        status = "diverged"
    result = facts | _outcome(training, state, status=status, loss=loss)
    if processes.is_first and status != "interrupted":
        write_atomically(folder / RESULT_FILE, json.dumps(result, indent=1))
        publish()
    processes.wait()
    return result


def _outcome(training: Training, state: LoopState, *, status: str, loss: float) -> dict[str, Any]:
    return {
        "status": status,
        "loss": loss if math.isfinite(loss) else None,
        "loss_unit": "nats",
        "seconds": state.seconds,
        "versions": stamp(training.processes),
        **_counts(training, state),
    }


def _counts(training: Training, state: LoopState) -> dict[str, Any]:
    """Steps done, counted N, and S: the target if the counted sparsity differs from it only by rounding in each tensor."""
    if state.step < training.num_steps:
        return {"steps_done": state.step}
    num_nonzero, num_dense, target = training.num_nonzero, training.num_dense, training.config.pruning.sparsity
    measured = 1 - num_nonzero / num_dense
    is_rounding = abs(measured - target) * num_dense <= len(body_parameters(training.model)) / 2
    return {
        "nonzero_params": num_nonzero,
        "sparsity": target if is_rounding else measured,
        "steps_done": state.step,
    }


def _cost(config: Any, data: Data) -> ForwardFlops:
    example = next(data.validation(1))
    if data.unit == "images":
        return forward_flops(config, input_length=1)
    return forward_flops(config, input_length=example["input_ids"].shape[1], target_length=example["labels"].shape[1])


def _begin(training: Training, facts: dict[str, Any], folder: Path, *, quiet: bool) -> None:
    (folder / FAILED_FILE).unlink(missing_ok=True)
    write_atomically(folder / CONFIG_FILE, json.dumps(config_to(training.config), indent=1))
    write_atomically(folder / "provenance.json", json.dumps(training.data.provenance, indent=1, default=str))
    if not quiet:
        print(describe(facts), file=sys.stderr)


def _check_same(config: RunConfig, folder: Path) -> None:
    path = folder / CONFIG_FILE
    if not path.exists():
        if any(not (path.name.endswith(".partial") or path.name in (LOCK, FAILED_FILE)) for path in folder.iterdir()):
            raise UserError(f"{folder} is neither empty nor the folder of a run; choose another folder.")
        return
    try:
        stored = json.loads(path.read_text())
    except ValueError as error:
        raise UserError(f"{path} cannot be read as JSON; delete the folder or choose another.") from error
    if difference := difference_of(stored, config):
        raise UserError(f"{folder} holds another run ({difference}); choose another folder.")


def difference_of(stored: dict[str, Any], config: RunConfig) -> str:
    """The first difference between a stored config.json and `config` that changes the run, as text; empty if there is none.

    Keys that the stored one lacks have their defaults.
    """
    found, wanted = config_to(config_from(stored, source="config.json")), config_to(config)
    for key in wanted:
        if key not in _CHANGEABLE and found[key] != wanted[key]:
            return f"{key} is {found[key]!r}, not {wanted[key]!r}"
    return ""
