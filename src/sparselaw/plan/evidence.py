"""What the runs carry of an answer: how sure the advantage over dense is, and what speaks against trusting it.

The advantage of sparsity is what it lowers: the loss, in nats, or with inference the share of the lifetime cost. It is asked
at the best sparsity, at the best one of every draw (what sparsity might gain at most), and at the measured sparsity nearest to
the answer: a law may bend between two measured sparsities as no run does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparselaw.fit.result import Fit
from sparselaw.laws.multipliers import size_multiplier
from sparselaw.laws.power import Array
from sparselaw.plan.estimate import Estimate, Estimates
from sparselaw.plan.paths import Path

IMPOSSIBLE = 1e9  # of a capacity: more says no more
NEAR = 1.25  # a factor in density, N and D within which a run is like a planned one


@dataclass(frozen=True)
class Evidence:
    """What a verdict looks at.

    Attributes:
        advantage: of the best sparsity over dense: nats, or with inference a share of the cost.
        possible: the upper end of the interval of what the best sparsity of each draw gains; None without draws.
        measured_sparsity: the sparsity of fitted runs nearest to the answer; None if no run is sparse.
        measured_advantage: the advantage there.
        capacity: what a weight of the sparse model, zeros included, is worth in dense weights. Above 1 is impossible.
        misfit: root mean square of the fit's residuals in ln loss; None if they are not known.
        open_question: which kind of runs would determine the answer: "sizes", "durations" or "sparsities"; None if these do.
    """

    advantage: Estimate
    possible: float | None
    measured_sparsity: float | None
    measured_advantage: Estimate | None
    capacity: float
    misfit: float | None
    open_question: str | None


@dataclass(frozen=True)
class Measured:
    """A fitted run, or several repeats, near a planned one.

    Attributes:
        sparsity, nonzero_params, data: of the run.
        loss: measured, the mean of repeats.
        predicted: by the law, with the interval of a new run.
    """

    sparsity: float
    nonzero_params: float
    data: float
    loss: float
    predicted: Estimate

    @property
    def is_missed(self) -> bool:
        """Whether the measured loss lies outside the interval of the predicted one."""
        bounds = self.predicted.bounds
        return bounds is not None and not bounds[0] <= self.loss <= bounds[1]


def measured_near(estimate: Estimates, *models: tuple[float, float, float]) -> tuple[Measured, ...]:
    """The fitted run nearest to each model (S, N, D), if it is within NEAR of it in density, N and D."""
    cells, found = estimate.fitted.cells, {}
    places = np.column_stack([np.log1p(-cells[:, 0]), np.log(cells[:, 1]), np.log(cells[:, 2])])
    for S, N, D in models:
        with np.errstate(divide="ignore"):
            away = np.abs(places - [np.log1p(-S), np.log(N), np.log(D)])
        is_near = (away <= np.log(NEAR)).all(axis=1)
        if is_near.any():
            found[int(np.where(is_near, away.sum(axis=1), np.inf).argmin())] = None
    return tuple(_measured(estimate, *cells[k].tolist()) for k in found)


def _measured(estimate: Estimates, S: float, N: float, D: float, log_loss: float) -> Measured:
    fitted, law = estimate.fitted, estimate.fitted.law
    drawn = law.predict(fitted.draws, S, N, D) if len(fitted.draws) else None
    predicted = estimate.of_run(float(fitted.predict(S, N, D)), drawn, N / (1 - S) * D)
    return Measured(S, N, D, float(np.exp(log_loss)), predicted)


def evidence_of(fitted: Fit, path: Path, S: float, best: Estimate, estimate: Estimates) -> Evidence:
    """The evidence for an answer.

    Args:
        fitted: the fit that was asked.
        path: along which the sparsity was chosen.
        S: the sparsity of the answer.
        best: S with its interval.
        estimate: the fit's values and draws.
    """
    law, nearest = fitted.planning_law(), nearest_measured(fitted, S)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        advantage = estimate(lambda p: advantage_at(path, p, S))
        possible = estimate(lambda p: advantage_at(path, p, np.nan_to_num(path.best(p))))
        measured = None if nearest is None else estimate(lambda p: advantage_at(path, p, nearest))
        capacity = min(float(size_multiplier(law, fitted.values, S)) * (1 - S), IMPOSSIBLE) if S > 0 else 1.0
    unknown = next((one.open_question for one in (best, advantage, possible) if one.open_question), None)
    return Evidence(advantage, possible.high, nearest, measured, capacity, misfit(fitted), unknown)


def advantage_at(path: Path, parameters: Array, S: Array | float) -> Array:
    """How much better than dense the model at S is: in nats, or for a lifetime as a share of the cost."""
    dense, sparse = (getattr(path.at(parameters, s), path.goal) for s in (0.0, S))
    return dense - sparse if path.goal == "loss" else 1 - sparse / dense


def nearest_measured(fitted: Fit, S: float) -> float | None:
    """The fitted sparsity above 0 that is nearest to S in ln density."""
    sparse = [level for level in fitted.domain.sparsity if level > 0]
    return min(sparse, key=lambda level: abs(np.log1p(-level) - np.log1p(-S))) if sparse else None


def misfit(fitted: Fit) -> float | None:
    """Root mean square of the residuals in ln loss."""
    if not len(fitted.residuals):
        return fitted.spread.noise if fitted.spread else None
    scale = 1.0 if fitted.loss.log else float(np.sqrt(np.prod(fitted.domain.loss)))
    return float(np.sqrt(np.mean(fitted.residuals**2))) / scale
