"""Paths: the model at a sparsity by the formulas written out, and nothing on a grid beats the best sparsity."""

import numpy as np
import pytest

from sparselaw.cost import Cost, Memory, Storage
from sparselaw.cost.serving import SERVED_SPARSE
from sparselaw.fit import open_fit
from sparselaw.laws.lifetime import Demand
from sparselaw.laws.search import MAX_SPARSITY
from sparselaw.plan.paths import AnySize, Lifetime, OnBudget, Path

VIT, T5 = (open_fit(name) for name in ("vit-jft", "t5-c4-refit"))
GRID = np.linspace(0, MAX_SPARSITY, 20_001)
PATHS = {
    "budget": (VIT, OnBudget(VIT.law, 42.5e6, 1e19, Cost())),
    "memory": (VIT, OnBudget(VIT.law, Memory(85e6, Storage("csr")), 1e19, Cost(sparse=True))),
    "any-size": (T5, AnySize(T5.law, 1e20, Cost(sparse=True), 5e10)),
    "lifetime": (T5, Lifetime(T5.law, Demand(1.7, 1e12, Cost(), SERVED_SPARSE))),
}


@pytest.mark.parametrize("name", PATHS)
def test_no_sparsity_on_a_grid_is_better(name: str) -> None:
    fitted, path = PATHS[name]
    at_best = getattr(path.at(fitted.values, path.best(fitted.values)), path.goal)
    tried = getattr(path.at(fitted.values, GRID), path.goal)
    assert at_best <= np.nanmin(tried) * (1 + 1e-9)


@pytest.mark.parametrize("name", PATHS)
def test_all_draws_are_answered_as_each_alone(name: str) -> None:
    fitted, path = PATHS[name]
    together = path.best(fitted.draws[:5])
    assert together == pytest.approx([float(path.best(draw)) for draw in fitted.draws[:5]], abs=1e-12)


def test_a_budget_pays_for_its_data() -> None:
    model = PATHS["budget"][1].at(VIT.values, 0.5)
    D = 1e19 * 0.5 / (6 * 42.5e6)
    assert model.data == pytest.approx(D, rel=1e-14)
    assert model.loss == pytest.approx(float(VIT.predict(0.5, 42.5e6, D)), rel=1e-14)
    assert (float(model.flops), float(model.inference_flops)) == (1e19, 0.0)


def test_data_that_is_there_is_not_exceeded() -> None:
    limited = OnBudget(VIT.law, 1e6, 1e19, Cost(), available=1e9)
    assert limited.at(VIT.values, 0.0).data == 1e9


def test_a_lifetime_reaches_its_loss_and_adds_up() -> None:
    model = PATHS["lifetime"][1].at(T5.values, 0.6)
    assert T5.predict(0.6, model.nonzero_params, model.data) == pytest.approx(1.7, rel=1e-12)
    assert model.inference_flops == pytest.approx(2 * model.nonzero_params * 1e12, rel=1e-12)
    assert model.total == pytest.approx(model.flops + model.inference_flops, rel=1e-12)


@pytest.mark.parametrize("name", PATHS)
def test_free_zeros_are_another_cost_of_the_same_question(name: str) -> None:
    fitted, path = PATHS[name]
    serving = name == "lifetime"
    dense = path.costing(Cost(flops_per_param=2) if serving else Cost())
    free: Path = path.costing(SERVED_SPARSE if serving else Cost(sparse=True))
    goals = [getattr(p.at(fitted.values, p.best(fitted.values)), p.goal) for p in (free, dense)]
    assert goals[0] <= goals[1]
