"""Options under the same question: each is the model at its sparsity, and none beats the best one."""

import pytest

from sparselaw.cost import Cost
from sparselaw.fit import open_fit
from sparselaw.plan.estimate import Estimates
from sparselaw.plan.options import DENSE, UNSTRUCTURED, Option
from sparselaw.plan.paths import OnBudget
from sparselaw.plan.solve import solve


@pytest.mark.parametrize("option", [DENSE, Option("half", 0.5), Option("most", 0.9)], ids=lambda o: o.name)
def test_an_option_is_the_model_at_its_sparsity(option: Option) -> None:
    fitted, N, C = open_fit("vit-jft"), 42.5e6, 1e19
    path, estimate = OnBudget(fitted.law, N, C, Cost()), Estimates(fitted, 0.95)
    found, best = solve(path, option, estimate), solve(path, UNSTRUCTURED, estimate)
    S = option.sparsity
    assert S is not None
    assert found.loss.value == pytest.approx(float(fitted.predict(S, N, C * (1 - S) / (6 * N))), rel=1e-12)
    assert found.sparsity.bounds is None
    assert found.start_params == pytest.approx(N / (1 - S))
    assert best.loss.value < found.loss.value
