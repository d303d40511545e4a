"""Questions settled: an answer asked back, with what it found given, is the same answer."""

import pytest

from sparselaw.errors import UserError
from sparselaw.fit import Fit, open_fit
from sparselaw.plan import Answer, plan
from sparselaw.plan.solve import require_reachable


@pytest.fixture
def vit() -> Fit:
    return open_fit("vit-jft")


def same(first: Answer, second: Answer) -> None:
    assert first.best.loss.value == pytest.approx(second.best.loss.value, rel=1e-9)
    assert first.best.nonzero_params.value == pytest.approx(second.best.nonzero_params.value, rel=1e-6)
    assert first.best.flops.value == pytest.approx(second.best.flops.value, rel=1e-6)
    assert first.optimal_sparsity.value == pytest.approx(second.optimal_sparsity.value, abs=1e-4)


@pytest.mark.parametrize("cost", ["dense", "sparse"])
@pytest.mark.parametrize("loss", [5.3, 5.0])
def test_the_least_budget_and_the_fewest_non_zeros_are_inverse(vit: Fit, cost: str, loss: float) -> None:
    forward = plan(vit, nonzeros=42.5e6, loss=loss, cost=cost)
    assert forward.best.loss.value == pytest.approx(loss, rel=1e-9)
    back = plan(vit, flops=forward.best.flops.value, loss=loss, cost=cost)
    same(forward, back)


@pytest.mark.parametrize("cost", ["dense", "sparse"])
def test_a_free_size_reaches_the_loss_that_its_budget_was_for(cost: str) -> None:
    by_loss = plan("t5-c4-refit", data=3e10, loss=1.6, cost=cost)
    assert by_loss.size_is_free
    assert by_loss.best.loss.value == pytest.approx(1.6, rel=1e-9)
    same(by_loss, plan("t5-c4-refit", data=3e10, flops=by_loss.best.flops.value, cost=cost))


def test_a_lifetime_without_demand_is_the_least_training() -> None:
    lifetime = plan("t5-c4-refit", loss=1.7, inference=1e-6)
    fixed = plan("t5-c4-refit", loss=1.7, nonzeros=lifetime.best.nonzero_params.value)
    assert lifetime.best.total.value == pytest.approx(fixed.best.flops.value, rel=1e-6)


def test_what_nothing_reaches_is_refused(vit: Fit) -> None:
    with pytest.raises(UserError, match=r"loss is 4\.5, below the irreducible loss 4\.517"):
        require_reachable(1.0, vit, 4.5, "any size")
    with pytest.raises(UserError, match="out of reach with 10K non-zeros"):
        require_reachable(float("inf"), vit, 4.7, "10K non-zeros")
