"""The answer to a question: the best sparsity, how sure it is, what it gains, and whether the question leaves the data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sparselaw.fit.result import Fit, finite
from sparselaw.laws.multipliers import size_multiplier
from sparselaw.laws.optimum import chinchilla_flops, flops_where_sparsity_pays, nonzeros_at
from sparselaw.laws.power import Array
from sparselaw.laws.search import Pieces, piece_with
from sparselaw.plan import verdict
from sparselaw.plan.estimate import Estimate, Estimates, Sensitivity, sensitivities
from sparselaw.plan.evidence import Evidence, Measured, evidence_of, measured_near
from sparselaw.plan.models import Budget
from sparselaw.plan.options import DENSE, UNSTRUCTURED
from sparselaw.plan.outcomes import Outcome, in_precision, outcomes
from sparselaw.plan.paths import AnySize, OnBudget, Path
from sparselaw.plan.question import Question
from sparselaw.plan.record import record_of
from sparselaw.plan.solve import Settled, Solution, best_sparsity, curve_of, near_optimal, settle, solve, solve_at
from sparselaw.shown import Shown

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Answer(Shown):
    """The best sparsity for a question, and what follows from it.

    Attributes:
        question: what was asked.
        best: the model at the best sparsity.
        dense: the dense model under the same limits: of equal non-zeros, or in a memory of equal bytes; with inference the one
            of the lowest lifetime cost.
        any_dense: the best dense model of any size with the same FLOPs; None with inference.
        curve: sparsities [n] and what is lowest at the best of them [n]: the loss, or with inference the lifetime cost.
        near_optimal_pieces: the ranges of sparsities that are as good, to the tolerance; there may be two.
        tolerance: that makes no difference: in nats, or with inference a share of the cost.
        dense_loss: loss of the dense model of that size with the same FLOPs.
        gain: dense_loss minus the loss.
        saving: with inference, 1 - cost over that of `dense`; else None.
        multiplier: dense weights that a non-zero one is worth.
        equivalent_dense_params: size of the dense model of the same loss on the same data.
        times_chinchilla: the budget in multiples of the Chinchilla-optimal one of the dense model.
        pays_from: the budget, in such multiples, from which sparsity pays; None with inference.
        costs: the best sparsity if zeros are computed, if they are free, and as asked.
        dense_in_draws: share of the draws in which dense is best; None without draws.
        sensitivity: how the best sparsity depends on the parameters.
        size_is_free: whether N was left free on a budget.
        evidence: what the runs carry of it.
        measured_near: fitted runs like the best model and like the dense one of its size and FLOPs.
        outcomes: every option under the limit and the budget, the lowest loss, cost or size first.
        cautions: facts that the warnings speak of; doubts: the warnings of the fit itself.
        fit: name of the fit; law: of its form; data_unit: what D counts; loss_unit: of losses.
    """

    question: Question
    best: Solution
    dense: Solution
    any_dense: Solution | None
    curve: tuple[Array, Array] = field(repr=False)
    near_optimal_pieces: Pieces
    tolerance: float
    dense_loss: Estimate
    gain: Estimate
    saving: Estimate | None
    multiplier: Estimate
    equivalent_dense_params: Estimate
    times_chinchilla: Estimate
    pays_from: Estimate | None
    costs: dict[str, float]
    dense_in_draws: float | None
    sensitivity: tuple[Sensitivity, ...]
    size_is_free: bool
    evidence: Evidence
    measured_near: tuple[Measured, ...]
    outcomes: tuple[Outcome, ...]
    cautions: dict[str, Any] = field(repr=False)
    doubts: tuple[str, ...]
    fit: str
    law: str
    data_unit: str
    loss_unit: str

    @property
    def options(self) -> DataFrame:
        """The options as a table, one row each."""
        from pandas import DataFrame

        return DataFrame([outcome.to_json() for outcome in self.outcomes])

    @property
    def options_reason(self) -> str:
        """Which option is best, and by how much, in a sentence; empty without options."""
        return verdict.options(self, "reason")

    @property
    def optimal_sparsity(self) -> Estimate:
        """The best sparsity, and its interval."""
        return self.best.sparsity

    @property
    def verdict(self) -> str:
        """Whether to train it "sparse" or "dense", or "unclear" where the runs cannot tell."""
        return verdict.verdict(self)

    @property
    def verdict_reason(self) -> str:
        """Why, in a sentence."""
        return verdict.reason(self)

    @property
    def near_optimal(self) -> tuple[float, float]:
        """The one of `near_optimal_pieces` around the best sparsity."""
        return piece_with(self.best.sparsity.value, self.near_optimal_pieces)

    @property
    def advice(self) -> tuple[str, ...]:
        """What it means, in sentences."""
        return verdict.advice(self)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to read first, in sentences."""
        return (*verdict.warnings(self), *verdict.measured(self, missed=True), *self.doubts)

    @property
    def gpu_hours(self) -> dict[str, float] | None:
        """GPU-hours of training, of inference, of both, and of the cheapest dense model; None without a GPU's peak."""
        gpu = self.question.gpu
        if gpu is None or gpu.peak is None:
            return None
        training = gpu.training_hours(self.best.flops.value)
        inference = gpu.inference_hours(self.best.inference_flops.value)
        dense = gpu.training_hours(self.dense.total.value)
        return {"training": training, "inference": inference, "total": training + inference, "dense_total": dense}

    @property
    def money(self) -> dict[str, float] | None:
        """The price of each of `gpu_hours`; None without a price."""
        hours, gpu = self.gpu_hours, self.question.gpu
        if hours is None or gpu is None or gpu.price is None:
            return None
        return {name: value * gpu.price for name, value in hours.items()}

    def to_json(self) -> dict[str, Any]:
        """Flat record: every estimate as its value, with NAME_interval beside it; `interval` is that of optimal_sparsity."""
        said = {"verdict": self.verdict, "verdict_reason": self.verdict_reason, "advice": list(self.advice)}
        said["options_reason"] = self.options_reason
        return finite(record_of(self) | said | {"sensitivity": [asdict(one) for one in self.sensitivity]})


@np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore")  # draws that say nothing
def ask(fitted: Fit, question: Question) -> Answer:
    """Answers a question with a fit.

    Raises:
        UserError: the law cannot be planned with, or the question has no answer.
    """
    law = fitted.planning_law()
    question.check(law)
    known, fitted = Estimates(fitted, question.confidence), in_precision(fitted, question.factor)
    estimate = Estimates(fitted, question.confidence)
    settled = settle(fitted, question, estimate)
    choice, (sparsity, draws) = settled.choice, best_sparsity(settled.choice, estimate)
    best = solve_at(settled.held, UNSTRUCTURED, sparsity, estimate)
    budget = _budget_of(settled, best, question)
    lowest, share = getattr(best, choice.goal).value, question.share_of_no_difference
    S, size = sparsity.value, budget.size
    N, dense_N, C = best.nonzero_params.value, float(nonzeros_at(size, 0.0)), budget.flops
    dense_D = float(budget.at(fitted.values, 0.0).data)
    return Answer(
        question=question,
        best=replace(
            best,
            nonzero_params=settled.nonzero_params or best.nonzero_params,
            flops=settled.flops or best.flops,
        ),
        dense=solve(settled.held, DENSE, estimate),
        any_dense=None if question.is_lifetime else solve(_of_any_size(budget), DENSE, estimate),
        curve=curve_of(choice, fitted.values),
        near_optimal_pieces=near_optimal(choice, fitted.values, S, lowest * (1 + share)),
        tolerance=share if question.is_lifetime else share * lowest,
        dense_loss=solve(budget, DENSE, estimate).loss,
        gain=estimate(lambda p: budget.at(p, 0.0).loss - budget.at(p, S).loss),
        saving=estimate(lambda p: _saving(settled.held, p, S)) if question.is_lifetime else None,
        multiplier=estimate(lambda p: size_multiplier(law, p, S)),
        equivalent_dense_params=estimate(lambda p: N * size_multiplier(law, p, S)),
        times_chinchilla=estimate(lambda p: C / chinchilla_flops(law, p, dense_N, budget.cost)),
        pays_from=None if question.is_lifetime else estimate(lambda p: _pays_from(budget, p)),
        costs=_by_cost(choice, question, fitted),
        dense_in_draws=None if draws is None else float(np.mean(draws == 0)),
        sensitivity=sensitivities(fitted, choice.best, draws),
        size_is_free=isinstance(choice, AnySize),
        evidence=evidence_of(fitted, choice, S, sparsity, estimate),
        measured_near=measured_near(known, (S, N, best.data.value), (0.0, dense_N, dense_D)),
        outcomes=_outcomes(known.fitted, question, budget, known),
        cautions=verdict.cautions_of(fitted, budget, S, compared=not question.is_lifetime, lost_draws=_lost(draws)),
        doubts=fitted.warnings,
        fit=fitted.name,
        law=law.name,
        data_unit=fitted.data_unit,
        loss_unit=fitted.loss_unit,
    )


def _outcomes(fitted: Fit, question: Question, budget: OnBudget, estimate: Estimates) -> tuple[Outcome, ...]:
    """What each option comes to."""
    given = Budget(
        None if question.loss is not None and not question.is_for_size else budget.flops,
        budget.cost,
        question.loss,
        budget.available,
        question.size,
        inference=question.inference,
        inference_cost=question.inference_cost,
        gpu=question.gpu,
        device=question.device,
        batch=question.batch,
        kept=question.architecture.kept if question.architecture else 0,
    )
    return outcomes(fitted, question.options, given, estimate, factors=question.factors)


def _budget_of(settled: Settled, best: Solution, question: Question) -> OnBudget:
    """The models of the same size and training FLOPs as the best one."""
    if isinstance(settled.held, OnBudget):
        return settled.held
    return OnBudget(settled.held.law, best.nonzero_params.value, best.flops.value, question.cost)


def _of_any_size(budget: OnBudget) -> AnySize:
    return AnySize(budget.law, budget.flops, budget.cost, budget.available)


def _saving(path: Path, parameters: Array, S: float) -> Array:
    """1 - total over that of dense: all of it where dense does not reach the loss at all, NaN where neither does."""
    with np.errstate(invalid="ignore"):
        return 1 - path.at(parameters, S).total / path.at(parameters, 0.0).total


def _pays_from(budget: OnBudget, parameters: Array) -> Array:
    """The budget from which sparsity pays, in multiples of the Chinchilla-optimal one."""
    law, cost, dense_N = budget.law, budget.cost, nonzeros_at(budget.size, 0.0)
    pays = flops_where_sparsity_pays(law, parameters, budget.size, cost)
    return pays / chinchilla_flops(law, parameters, dense_N, cost)


def _by_cost(choice: Path, question: Question, fitted: Fit) -> dict[str, float]:
    """The best sparsity if zeros are computed, if they are free, and as asked."""
    asked = question.inference_cost if question.is_lifetime else question.cost
    return {
        cost.name: float(np.nan_to_num(choice.costing(cost).best(fitted.values))) for cost in (*asked.ideals, asked)
    }


def _lost(draws: Array | None) -> float:
    """The share of the draws in which no sparsity answers."""
    return 0.0 if draws is None else float(np.isnan(draws).mean())
