"""An answer as one flat record, for JSON and for sentences."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sparselaw.plan.estimate import Estimate
from sparselaw.plan.evidence import Measured

if TYPE_CHECKING:
    from sparselaw.plan.answer import Answer


def record_of(answer: Answer) -> dict[str, Any]:
    """Flat record: every estimate as its value, with NAME_interval beside it; `interval` is that of optimal_sparsity.

    What the runs do not determine is None.
    """
    is_open = answer.optimal_sparsity.known is None
    shared = {
        "cost": answer.question.cost.name,
        "near_optimal": None if is_open else answer.near_optimal,
        "near_optimal_pieces": None if is_open else answer.near_optimal_pieces,
        "tolerance": answer.tolerance,
        "start_params": None if is_open else answer.best.start_params,
        "data_unit": answer.data_unit,
        "loss_unit": answer.loss_unit,
        "law": answer.law,
        "fit": answer.fit,
        "confidence": answer.question.confidence,
        "costs": answer.costs,
        "dense_in_draws": answer.dense_in_draws,
        "warnings": answer.warnings,
        "interval": answer.optimal_sparsity.bounds,
        "measured_near": [_measured(run) for run in answer.measured_near],
    }
    own = _lifetime_record(answer) if answer.question.is_lifetime else _budget_record(answer)
    return shared | _asked(answer) | _flat(own | {"optimal_sparsity": answer.optimal_sparsity})


def _budget_record(answer: Answer) -> dict[str, Any]:
    best, dense, any_dense = answer.best, answer.dense, answer.any_dense
    assert any_dense is not None
    return {
        "nonzero_params": best.nonzero_params,
        "flops": best.flops,
        "data": None if answer.optimal_sparsity.known is None else best.data.value,
        "loss": best.loss,
        "loss_band": best.loss_band and best.loss_band.bounds,
        "dense_params": dense.nonzero_params.value,
        "dense_data": dense.data.value,
        "dense_loss": answer.dense_loss,
        "gain": answer.gain,
        "multiplier": answer.multiplier,
        "equivalent_dense_params": answer.equivalent_dense_params,
        "times_chinchilla": answer.times_chinchilla,
        "best_dense_params": any_dense.nonzero_params,
        "best_dense_loss": any_dense.loss,
        "pays_from": answer.pays_from,
        "size_is_free": answer.size_is_free,
    }


def _asked(answer: Answer) -> dict[str, Any]:
    """The limits and the machine of a question, and what its options come to."""
    question = answer.question
    memory, latency = question.memory, question.latency
    storage = memory.storage if memory else None
    return {
        "memory": memory and memory.bytes,
        "format": storage and storage.format,
        "precision": storage.precision if storage else latency and latency.precision,
        "total_weights": question.total,
        "latency": latency and latency.seconds,
        "device": latency and latency.device.label,
        "model": question.architecture and asdict(question.architecture),
        "gpu": question.gpu and asdict(question.gpu),
        "gpu_hours": answer.gpu_hours,
        "money": answer.money,
        "options": [outcome.to_json() for outcome in answer.outcomes],
    }


def _lifetime_record(answer: Answer) -> dict[str, Any]:
    question, best = answer.question, answer.best
    return {
        "loss": question.loss,
        "inference": question.inference,
        "inference_cost": question.inference_cost.name,
        "nonzero_params": best.nonzero_params,
        "data": best.data,
        "flops": best.flops,
        "inference_flops": best.inference_flops,
        "total": best.total,
        "dense_params": answer.dense.nonzero_params,
        "dense_total": answer.dense.total,
        "saving": answer.saving,
        "dense_loss": answer.dense_loss,
        "equivalent_dense_params": answer.equivalent_dense_params,
        "times_chinchilla": answer.times_chinchilla,
    }


def _measured(run: Measured) -> dict[str, Any]:
    return asdict(run) | {"predicted": run.predicted.known, "predicted_interval": run.predicted.bounds}


def _flat(named: dict[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for name, value in named.items():
        is_estimate = isinstance(value, Estimate)
        record |= {name: value.known, f"{name}_interval": value.bounds} if is_estimate else {name: value}
    return record
