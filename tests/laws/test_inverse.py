"""The inverse questions, turned round again and against brute force."""

import numpy as np
import pytest

from sparselaw.cost import Cost
from sparselaw.errors import UserError
from sparselaw.fit import Fit, open_fit
from sparselaw.laws import optimal_sparsity
from sparselaw.laws.inverse import least_flops, required_data, smallest_nonzeros
from sparselaw.laws.optimum import MAX_SPARSITY, loss_on_budget
from sparselaw.plan import plan

COSTS = (Cost(), Cost(sparse=True), Cost(sparse=True, units_per_datum=196))
SOURCES = ("vit-jft", "t5-c4-published", "t5-c4-refit")
GRID = np.unique(np.concatenate([np.linspace(0, MAX_SPARSITY, 5001), 1 - np.geomspace(1, 1e-3, 5001)]))
QUESTIONS = [(source, cost, room) for source in SOURCES for cost in COSTS for room in (1.05, 1.3, 3.0)]


def best_loss(fitted: Fit, N: np.ndarray | float, C: float, cost: Cost) -> np.ndarray:
    S = optimal_sparsity(fitted.law, fitted.values, N, C, cost)
    return loss_on_budget(fitted.law, fitted.values, S, N, C, cost)


@pytest.mark.parametrize(("source", "cost", "room"), QUESTIONS)
def test_least_flops(source: str, cost: Cost, room: float) -> None:
    fitted, N = open_fit(source), 2e7
    target = float(fitted.predict(0.5, N, 1e40)) * (1 + 0.02 * room)
    C = float(least_flops(fitted.law, fitted.values, N, target, cost))
    assert best_loss(fitted, N, C, cost) == pytest.approx(target, rel=1e-9)
    brute = cost.flops(GRID, N, required_data(fitted.law, fitted.values, GRID, N, target))
    assert brute.min() >= C * (1 - 1e-9)
    assert plan(fitted, nonzeros=N, loss=target, cost=cost).best.loss.value == pytest.approx(target, rel=1e-9)


@pytest.mark.parametrize(("source", "cost", "room"), QUESTIONS)
def test_smallest_nonzeros(source: str, cost: Cost, room: float) -> None:
    fitted, C = open_fit(source), 3e19 * cost.units_per_datum
    target = float(best_loss(fitted, np.geomspace(1e5, 1e11, 200), C, cost).min()) * (1 + 0.01 * room)
    N = float(smallest_nonzeros(fitted.law, fitted.values, C, target, cost))
    assert best_loss(fitted, N, C, cost) == pytest.approx(target, rel=1e-9)
    assert (best_loss(fitted, N * np.geomspace(1e-3, 0.9999, 300), C, cost) > target).all()
    answer = plan(fitted, flops=C, loss=target, cost=cost)
    assert answer.best.nonzero_params.value == pytest.approx(N, rel=1e-12)
    assert answer.best.loss.value == pytest.approx(target, rel=1e-9)


def test_required_data_gives_the_loss() -> None:
    fitted = open_fit("t5-c4-refit")
    for S in (0.0, 0.5, 0.9):
        D = required_data(fitted.law, fitted.values, S, 1e8, 1.6)
        assert fitted.predict(S, 1e8, D) == pytest.approx(1.6, rel=1e-12)
    assert required_data(fitted.law, fitted.values, 0.0, 1e3, 1.6) == np.inf


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ({"nonzeros": 1e6, "loss": 4.0}, "below the irreducible loss"),
        ({"flops": 1e20, "loss": 4.0}, "below the irreducible loss"),
        ({"nonzeros": 1e4, "loss": 4.7}, "out of reach with 10K non-zeros"),
        ({"flops": 1e12, "loss": 4.7}, "out of reach with 1T FLOPs"),
        ({"flops": 1e12, "loss": 1e6}, "needs less than one weight"),
    ],
    ids=["N-floor", "C-floor", "N", "C", "unit"],
)
def test_what_cannot_be_reached_is_one_sentence(question: dict, expected: str) -> None:
    with pytest.raises(UserError, match=expected) as caught:
        plan(open_fit("vit-jft"), **question)
    assert "\n" not in str(caught.value)
