"""The verdict on an answer, and what it rests on, in sentences: this module gathers the facts, `words` says them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sparselaw.cost.limits import Limits
from sparselaw.cost.storage import Memory
from sparselaw.fit.result import Fit
from sparselaw.laws.optimum import Size, is_bound, nonzeros_at
from sparselaw.laws.power import Direction
from sparselaw.laws.search import MAX_SPARSITY
from sparselaw.plan.estimate import Estimate
from sparselaw.plan.paths import OnBudget
from sparselaw.plan.question import COST_TOLERANCE
from sparselaw.plan.record import record_of
from sparselaw.words import say, sentences

if TYPE_CHECKING:
    from sparselaw.plan.answer import Answer
    from sparselaw.plan.outcomes import Outcome


def topic_of(answer: Answer) -> str:
    """The topic of `words` that speaks of this answer."""
    return "lifetime" if answer.question.is_lifetime else "budget"


def headline(answer: Answer) -> str:
    """The verdict in a few words, such as `Train it 51.0% sparse`."""
    return say("verdict", "headline", facts(answer))


def verdict(answer: Answer) -> str:
    """ "sparse", "dense", or "unclear" where the runs cannot tell."""
    return facts(answer)["verdict"]


def reason(answer: Answer) -> str:
    """Why that is the verdict."""
    return say("verdict", "reason", facts(answer))


def part(answer: Answer, group: str) -> str:
    """What one group of the answer's topic says."""
    return say(topic_of(answer), group, facts(answer))


def advice(answer: Answer) -> tuple[str, ...]:
    """What follows from the answer, in sentences; where the runs cannot tell, the reason, and what is known of dense models."""
    known = facts(answer)
    if known["verdict"] == "unclear":
        dense = "" if known["knows_sparsity"] else say(topic_of(answer), "any_dense", known)
        return (reason(answer), *([dense] if dense else []), *measured(answer, missed=False))
    return (reason(answer), *sentences(topic_of(answer), known), *measured(answer, missed=False))


def options(answer: Answer, group: str) -> str:
    """What one group of the topic `options` says of the answer's options; nothing without any."""
    return say("options", group, _options_facts(answer)) if answer.outcomes else ""


def distinct(answer: Answer) -> list[Outcome]:
    """The options that differ: a sparse one that is best without zeros repeats a dense one, where that is among them."""
    dense = {one.option.precision for one in answer.outcomes if one.option.pattern == "dense"}
    return [one for one in answer.outcomes if not (one.is_dense_after_all and one.option.precision in dense)]


def _options_facts(answer: Answer) -> dict[str, Any]:
    best, *others = shown = distinct(answer)
    rival = others[0] if others else best
    apart = rival.difference or rival.times_best
    assert apart is not None
    known, factors = answer.cautions, answer.question.factors
    used = dict.fromkeys(one.option.precision for one in answer.outcomes)
    told = ", ".join(f"{name} {factors[name].value:g}" for name in used if factors[name].value < 1)
    facts = {
        "num_options": 1 + len(others),
        "repeated": _joined(one.option.name for one in answer.outcomes if one not in shown) or "none",
        "unreachable": _joined(_unreachable(answer)) or "none",
        "status_is_failure": known["status_is_failure"],
        "misfit": answer.evidence.misfit,
        "data_unit": answer.data_unit,
        "loss_unit": answer.loss_unit,
        "confidence": answer.question.confidence,
        "tolerance": answer.tolerance,
        **_span("size", best.nonzero_params, (known["size_low"], known["size_high"])),
        **_span("data", best.data, (known["data_low"], known["data_high"])),
        "open_question": apart.open_question or "none",
        "best": best.label,
        "rival": rival.label,
        "is_for_loss": best.times_best is not None,
        "is_lifetime": answer.question.is_lifetime,
        "is_for_bytes": answer.question.is_for_size,
        **_estimated("difference", apart),
        "cost_tolerance": COST_TOLERANCE if answer.question.tolerance is None else answer.question.tolerance,
        "factors": told,
        "has_factors": bool(told),
        "has_patterns": any(":" in one.option.pattern for one in answer.outcomes),
        "is_unfilled": answer.question.limit != "count" and not best.fills,
    }
    return facts | {"is_blocked": bool(say("options", "unclear", facts | {"is_blocked": False}))}


def _unreachable(answer: Answer) -> list[str]:
    """The options with which no budget reaches the loss that is asked for."""
    if answer.question.loss is None:
        return []
    reached = {one.option for one in answer.outcomes}
    return [option.name for option in answer.question.options if option not in reached]


def _joined(names: Iterable[str]) -> str:
    """Names in a sentence: a, b and c."""
    *first, last = [*names] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def measured(answer: Answer, *, missed: bool) -> tuple[str, ...]:
    """What fitted runs near this plan measured: those that the law misses, or the others."""
    told = [
        {
            **asdict(run),
            "predicted": run.predicted.known,
            "low": run.predicted.low,
            "high": run.predicted.high,
            "is_missed": missed,
            "confidence": answer.question.confidence,
            "data_unit": answer.data_unit,
        }
        for run in answer.measured_near
        if run.is_missed == missed
    ]
    return tuple(say("verdict", "measured", one) for one in told)


def facts(answer: Answer) -> dict[str, Any]:
    """What the sentences speak of: the answer's record, the evidence for it, and what follows from them."""
    record, costs = answer.cautions | record_of(answer), answer.costs.values()
    first = next(iter(answer.sensitivity), None)
    record |= _evidence(answer) | {
        "memory": record.get("memory"),
        "limit": answer.question.limit,
        "num_near_pieces": len(answer.near_optimal_pieces),
        "lowest_of_costs": min(costs),
        "highest_of_costs": max(costs),
        "main_parameter": first and first.name,
        "main_share": first and first.explained,
        "main_points": first and 10 * first.slope,
        "is_lifetime": answer.question.is_lifetime,
        "size_is_free": answer.size_is_free,
    }
    record["verdict"] = _verdict(record)
    if answer.question.is_lifetime:
        training, inference = record["flops"], record["inference_flops"]
        share = None if training is None or inference is None else inference / (training + inference)
        return record | {"inference_share": share}
    dense, best = record["best_dense_loss"], record["loss"]
    worse = None if dense is None or best is None else dense - best
    return record | {"any_dense_worse": worse, "any_dense_better": None if worse is None else -worse}


def _verdict(known: dict[str, Any]) -> str:
    if say("verdict", "unclear", known):
        return "unclear"
    return "sparse" if known["optimal_sparsity"] > 0 and known["advantage"] >= known["tolerance"] else "dense"


def _evidence(answer: Answer) -> dict[str, Any]:
    found, dense = answer.evidence, answer.dense_in_draws
    return {
        **_estimated("advantage", found.advantage),
        **_estimated("measured", found.measured_advantage or Estimate(0.0)),
        "possible": found.possible,
        "measured_sparsity": found.measured_sparsity,
        "capacity": found.capacity,
        "misfit": found.misfit,
        "open_question": found.open_question or "none",
        "sparse_in_draws": None if dense is None else 1 - dense,
    }


def _estimated(name: str, found: Estimate) -> dict[str, float | None]:
    return {name: found.known, f"{name}_low": found.low, f"{name}_high": found.high}


def cautions_of(
    fitted: Fit, budget: OnBudget, S: float, *, compared: bool = True, lost_draws: float = 0.0
) -> dict[str, Any]:
    """What a reader should know before trusting an answer: the facts of the topic `warnings`.

    Args:
        fitted: the fit that was asked.
        budget: the models of the answer's size and training FLOPs.
        S: the sparsity of the answer.
        compared: whether the answer is compared with the dense model of that size.
        lost_draws: share of the draws that have no answer.
    """
    domain, cost, unlimited = fitted.domain, budget.cost, replace(budget, available=np.inf)
    model, dense = unlimited.at(fitted.values, S), unlimited.at(fitted.values, 0.0)
    N, data, loss, dense_data = (float(x) for x in (model.nonzero_params, model.data, model.loss, dense.data))
    densest = max(domain.sparsity)
    is_told = compared and dense_data > max(data, domain.data[1]) * 1.001
    return {
        "status": fitted.status,
        "status_is_failure": fitted.status.startswith("not converged"),
        "knows_sparsity": budget.law.knows_sparsity,
        "lost_draws": lost_draws,
        **_span("size", N, domain.nonzero_params),
        **_span("data", data, domain.data),
        "data_unit": fitted.data_unit,
        "dense_data": dense_data,
        "dense_data_fold": _fold(dense_data, domain.data) if is_told else 1.0,
        "sparsity": S,
        "sparsity_high": densest,
        "density_fold": (1 - densest) / (1 - S) if densest + 1e-9 < S else 1.0,
        **_span("loss", loss, domain.loss),
        "loss_fold": loss / domain.loss[1],
        "is_at_end_of_search": S >= MAX_SPARSITY,
        "max_sparsity": MAX_SPARSITY,
        "knows_levels_only": bool(budget.law.levels),
        "has_draws": len(fitted.draws) > 0,
        "counts_images": fitted.data_unit == "images" and cost.units_per_datum == 1,
        **_memory_facts(fitted, budget.size, S, data),
    }


def warnings(answer: Answer) -> tuple[str, ...]:
    """The cautions in sentences."""
    return sentences("warnings", answer.cautions)


def _memory_facts(fitted: Fit, size: Size, S: float, data: float) -> dict[str, Any]:
    if not is_bound(size):
        return {"format_has_levels": False, "is_unfilled": False, "format": None}
    law, larger = fitted.planning_law(), Direction(log_N=1.0, log_D=-1.0)
    slope = sum(law.slope(fitted.values, S, float(nonzeros_at(size, S)), data, larger))
    stored = [one for one in (size.parts if isinstance(size, Limits) else (size,)) if isinstance(one, Memory)]
    format = stored[0].storage.format if stored else None
    return {"format_has_levels": any(one.levels for one in stored), "is_unfilled": bool(slope > 0), "format": format}


def _span(name: str, value: float, span: tuple[float, float]) -> dict[str, float]:
    low, high = span
    return {name: value, f"{name}_low": low, f"{name}_high": high, f"{name}_fold": _fold(value, span)}


def _fold(value: float, span: tuple[float, float]) -> float:
    """By which factor a value lies outside a span, 1 inside."""
    low, high = span
    return float(np.maximum(1.0, np.maximum(value / high, low / value)))
