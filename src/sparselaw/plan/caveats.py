"""What a reader should know before trusting an answer: how far it lies from the fitted runs, and what it leaves out."""

from __future__ import annotations

from sparselaw.cost.storage import Memory
from sparselaw.cost.training import Cost
from sparselaw.counts import format_count
from sparselaw.fit.result import Fit
from sparselaw.laws import Direction
from sparselaw.laws.optimum import Size, levels_of, loss_on_budget, nonzeros_at
from sparselaw.laws.search import MAX_SPARSITY


def warnings_of_runs(
    fitted: Fit, size: Size, S: float, flops: float, cost: Cost, *, compared: bool = True
) -> tuple[str, ...]:
    """What a reader should know before trusting an answer about a size at S on a budget; `compared` to dense."""
    domain, sentences = fitted.domain, []
    N, dense_N = (float(nonzeros_at(size, s)) for s in (S, 0.0))
    data, dense_data = float(cost.data(S, N, flops)), float(cost.data(0.0, dense_N, flops))
    if fitted.status != "converged":
        sentences.append(f"the fit is {fitted.status}")
    sentences += _beyond("non-zeros N", N, domain.nonzero_params)
    sentences += _beyond(f"data D ({fitted.data_unit})", data, domain.data)
    if compared and dense_data > max(data, domain.data[1]) * 1.001:
        sentences += _beyond(f"data of the dense comparison ({fitted.data_unit})", dense_data, domain.data)
    if max(domain.sparsity) + 1e-9 < S:
        most = max(domain.sparsity)
        fold = (1 - most) / (1 - S)
        sentences.append(
            f"{S:.1%} sparsity is beyond the fitted runs (at most {100 * most:.4g}%): density {fold:.2g} times lower"
        )
    loss = float(loss_on_budget(fitted.planning_law(), fitted.values, S, N, flops, cost))
    if loss > domain.loss[1] * 1.001:
        low, high = domain.loss
        sentences.append(f"a loss of {loss:.4g} is worse than that of every fitted run ({low:.4g} to {high:.4g})")
    if S >= MAX_SPARSITY:
        sentences.append(f"the optimum is at the largest sparsity considered, {MAX_SPARSITY:.1%}")
    if levels_of(fitted.planning_law()):
        sentences.append("this law knows the fitted sparsities only: the best of them is shown")
    if not len(fitted.draws):
        sentences.append("no intervals: this fit has no bootstrap draws; fit with --bootstrap 1000")
    if fitted.data_unit == "images" and cost.units_per_datum == 1:
        sentences.append("FLOPs are counted as 6 N per image; for true FLOPs give the tokens (patches) of an image")
    if isinstance(size, Memory):
        sentences += _memory_warnings(fitted, size, S, flops, cost)
    return (*sentences, *fitted.warnings)


def _memory_warnings(fitted: Fit, memory: Memory, S: float, flops: float, cost: Cost) -> list[str]:
    law, N, sentences = fitted.planning_law(), float(memory.nonzeros(S)), []
    if memory.levels:
        sentences.append(
            f"{memory.storage.format} is compared with dense only, under a law of unstructured sparsity, which loses less"
        )
    larger = Direction(log_N=1.0, log_D=-1.0)
    if sum(law.slope(fitted.values, S, N, cost.data(S, N, flops), larger)) > 0:
        sentences.append("these FLOPs are too few to fill the memory: a smaller model would reach a lower loss")
    return sentences


def _beyond(what: str, value: float, span: tuple[float, float]) -> list[str]:
    low, high = span
    shown = f"{format_count(low)} to {format_count(high)}"
    if value > high * 1.001:
        return [
            f"{what} = {format_count(value)} is {format_count(value / high)} times beyond the fitted runs ({shown})"
        ]
    if value < low / 1.001:
        return [f"{what} = {format_count(value)} is {format_count(low / value)} times below the fitted runs ({shown})"]
    return []
