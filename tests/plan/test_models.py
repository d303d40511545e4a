"""Models of one option: the smallest, and the cheapest over a lifetime, against brute force over sizes and sparsities."""

from typing import Any

import numpy as np
import pytest

from sparselaw.fit import open_fit
from sparselaw.laws.precision import FACTORS
from sparselaw.plan import plan
from sparselaw.plan.models import Budget, Models
from sparselaw.plan.options import DENSE, Option

from .test_outcomes import bytes_of_weight, loss, seconds_of_weight

FIT = open_fit("t5-c4-refit")
SIZES = np.geomspace(1e-4, 1, 4001)  # of the largest model there is


def sparsities(option: Option) -> np.ndarray:
    return np.linspace(0, 0.99, 397)[:, None] if option.sparsity is None else np.array([[option.sparsity]])


def data_for(S, N, wanted: float, precision: str):
    """Data that a loss takes; inf where no data does."""
    p = FIT.parameters
    room = wanted - loss(FIT, S, N, np.inf, precision)
    with np.errstate(invalid="ignore"):
        return np.where(room > 0, p["a_D"] * room ** (-1 / p["b_D"]), np.inf)


def least(option: Option, wanted: float, most, inference: float, free_zeros: bool) -> float:
    """The lowest cost of training and inference with any sparsity and at most so many weights before pruning."""
    S = sparsities(option)
    weights = SIZES * most(option, S)
    N = weights * (1 - S)
    training = 6 * weights * data_for(S, N, wanted, option.precision)
    return float((training + 2 * (N if free_zeros else weights) * inference).min())


LIMITS: dict[str, tuple[dict[str, Any], Any]] = {
    "any size": ({}, lambda option, S: 1e9),
    "bytes that bind": (
        {"memory": "4MB"},
        lambda option, S: 4e6 / bytes_of_weight(option.pattern, option.precision, S),
    ),
    "a time that binds": (
        {"latency": "3us", "device": "rtx4090"},
        lambda option, S: 3e-6 / seconds_of_weight(option.pattern, option.precision, S),
    ),
    "both": (
        {"memory": "5MB", "latency": "5us", "device": "rtx4090"},
        lambda option, S: np.minimum(
            5e6 / bytes_of_weight(option.pattern, option.precision, S),
            5e-6 / seconds_of_weight(option.pattern, option.precision, S),
        ),
    ),
}


@pytest.mark.parametrize("inference_cost", ["dense", "sparse"])
@pytest.mark.parametrize("limit", LIMITS)
def test_no_life_is_cheaper(limit: str, inference_cost: str) -> None:
    asked, most = LIMITS[limit]
    answer = plan(FIT, loss=2.75, inference=1e11, inference_cost=inference_cost, **asked)
    assert len(answer.outcomes) >= 4
    for one in answer.outcomes:
        option, S, N = one.option, one.sparsity, one.nonzero_params
        assert one.data == pytest.approx(float(data_for(S, N, 2.75, option.precision)), rel=1e-6)
        served = 2 * 1e11 * (N if inference_cost == "sparse" else N / (1 - S))
        assert one.inference_flops == pytest.approx(served, rel=1e-12)
        assert one.total_flops.value == pytest.approx(6 * N / (1 - S) * one.data + served, rel=1e-12)
        cheapest = least(option, 2.75, most, 1e11, inference_cost == "sparse")
        assert one.total_flops.value <= cheapest * (1 + 1e-6)
        assert one.total_flops.value == pytest.approx(cheapest, rel=2e-3)
    alone = answer.best.total.value
    assert alone == pytest.approx(next(o for o in answer.outcomes if o.option.name == "unstructured").total_flops.value)


def test_inference_counts_at_its_weight_and_price() -> None:
    asked: dict[str, Any] = {"loss": 2.75, "inference": 1e11, "gpu": "h100", "price": 2.0}
    answer = plan(FIT, utilisation=0.4, inference_utilisation=0.1, **asked)
    for one in answer.outcomes:
        total = one.flops.value + 4 * one.inference_flops
        assert one.total_flops.value == pytest.approx(total, rel=1e-12)
        assert one.gpu_hours == pytest.approx(total / (3600 * 989e12 * 0.4), rel=1e-2)
        assert one.money == pytest.approx(2 * one.gpu_hours)


@pytest.mark.parametrize(("wanted", "flops"), [(2.5, 1e20), (2.9, 1e19), (2.0, 1e22)])
def test_no_model_of_fewer_bytes_reaches_the_loss(wanted: float, flops: float) -> None:
    answer = plan(FIT, loss=wanted, flops=flops)
    assert [one.bytes.value for one in answer.outcomes] == sorted(one.bytes.value for one in answer.outcomes)
    for one in answer.outcomes:
        option, S = one.option, sparsities(one.option)
        weights = np.geomspace(1e5, 1e10, 8001)
        reached = loss(FIT, S, weights * (1 - S), flops / (6 * weights), option.precision) <= wanted
        stored = weights * np.minimum(
            bytes_of_weight(option.pattern, option.precision, S), bytes_of_weight("dense", option.precision, S)
        )
        fewest = float(np.where(reached, stored, np.inf).min())
        assert one.bytes.value <= fewest * (1 + 1e-6)
        assert one.bytes.value == pytest.approx(fewest, rel=3e-3)
        assert one.times_best is not None
        assert one.times_best.value == pytest.approx(one.bytes.value / answer.outcomes[0].bytes.value, rel=1e-9)
    assert "reaches the loss in the fewest bytes" in answer.options_reason or "cannot" in answer.options_reason


def test_draws_of_bytes_are_those_of_each_refit() -> None:
    budget = Budget(1e20, plan(FIT, flops=1e20).question.cost, 2.5)
    models = Models(FIT.planning_law(), FIT.values, DENSE, budget)
    drawn = models.in_draws(FIT.draws, 0.0, 1.0, 1.0)
    for k in (0, 7, 99):
        one = Models(models.law, FIT.draws[k], DENSE, budget)
        assert drawn[k] == pytest.approx(2 * float(one.weights(0.0)), rel=1e-9)


def test_the_verdict_counts_the_precision_that_a_limit_holds() -> None:
    """Its loss is that of the option of the same weights, which the tables show beside it."""
    for precision in ("bf16", "int8", "int4"):
        answer = plan(FIT, memory="85MB", precision=precision, flops=7.9e20)
        name = "unstructured" if precision == "bf16" else f"unstructured {precision}"
        option = next(one for one in answer.outcomes if one.option.name == name)
        assert answer.best.loss.value == pytest.approx(option.loss.value, rel=1e-9)
        S, N, D = answer.optimal_sparsity.value, answer.best.nonzero_params.value, answer.best.data.value
        assert answer.best.loss.value == pytest.approx(float(loss(FIT, S, N, D, precision)), rel=1e-12)
        assert FACTORS[precision].value <= 1
