"""Every entry of the tables of optimal sparsity and of dense-equivalent size, to the digits they are known to."""

import numpy as np
import pytest

from sparselaw.cost import Cost
from sparselaw.fit import open_fit
from sparselaw.laws import chinchilla_flops, flops_where_optimal, optimal_sparsity
from sparselaw.plan import plan

LEVELS = (0.0, 0.5, 0.75, 0.875)
TIMES_CHINCHILLA = {
    ("vit-jft", "dense"): ("1.27", "4.82", "18.3", "69.2"),
    ("vit-jft", "sparse"): ("0.42", "1.68", "6.56", "25.4"),
    ("t5-c4-published", "dense"): ("3.01", "71.1", "1680", "3.96e4"),
    ("t5-c4-published", "sparse"): ("0.024", "2.46", "160", "7.05e3"),
    ("t5-c4-refit", "dense"): ("1.00", "16.1", "261", "4.21e3"),
    ("t5-c4-refit", "sparse"): ("0.064", "2.03", "52.2", "1120"),
}


def half_digit(printed: str) -> float:
    """Half a unit in the last printed digit."""
    digits, _, exponent = printed.partition("e")
    last = -len(digits.partition(".")[2]) if "." in digits else digits.endswith("0")
    return 0.5 * 10.0 ** (last + int(exponent or 0))


@pytest.mark.parametrize(("source", "cost"), TIMES_CHINCHILLA, ids="-".join)
def test_multiples_of_chinchilla(source: str, cost: str) -> None:
    fitted, how = open_fit(source), Cost(sparse=cost == "sparse")
    for S, printed in zip(LEVELS, TIMES_CHINCHILLA[source, cost], strict=True):
        for N in (1e6, 42.5e6, 1e10):
            budget = flops_where_optimal(fitted.law, fitted.values, S, N, how)
            times = budget / chinchilla_flops(fitted.law, fitted.values, N, how)
            assert times == pytest.approx(float(printed), abs=1.05 * half_digit(printed)), (S, N)


def test_five_times_chinchilla_for_vit() -> None:
    fitted, N = open_fit("vit-jft"), 42.5e6
    budget = 5 * float(chinchilla_flops(fitted.law, fitted.values, N, Cost()))
    assert round(plan(fitted, nonzeros=N, flops=budget).optimal_sparsity.value, 3) == 0.510
    # The closed form as printed in the method's description.
    a_S, b_S, _, b_N, a_D, b_D, _ = fitted.values
    scale = np.exp((np.log(b_D / (a_S * b_S)) + b_N * np.log(N)) / (b_D + b_S))
    expected = 1 - scale * (6 * a_D * N / budget) ** (b_D / (b_D + b_S))
    assert optimal_sparsity(fitted.law, fitted.values, N, budget, Cost()) == pytest.approx(expected, rel=1e-12)
