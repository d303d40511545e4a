"""The tables of best sparsities in the pages are what plans give."""

import re
from pathlib import Path

import pytest

from sparselaw.cost import Cost, open_hardware
from sparselaw.cost.serving import SERVED_DENSE, SERVED_SPARSE
from sparselaw.fit import open_fit
from sparselaw.laws import chinchilla_flops, optimal_sparsity
from sparselaw.laws.lifetime import Demand, best_sparsity, life_at

DOCS = Path(__file__).parents[2] / "docs"


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    section = (DOCS / page).read_text(encoding="utf-8").partition(f"## {heading}")[2]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert found
    return found


def test_how_far_hardware_moves_the_answer() -> None:
    fitted, N = open_fit("vit-jft"), 42.5e6
    measured = [open_hardware(name).training_cost() for name in ("a100-2:4", "epyc-csr")]
    for times, *cells in rows("hardware.md", "How far it moves the answer"):
        C = float(times) * chinchilla_flops(fitted.law, fitted.values, N, Cost())
        for cell, cost in zip(cells, (Cost(), *measured, Cost(sparse=True)), strict=True):
            S = float(optimal_sparsity(fitted.law, fitted.values, N, C, cost))
            assert float(cell.rstrip("%")) == pytest.approx(100 * S, abs=0.051), (times, cost.name)


def test_what_to_expect_of_lifetimes() -> None:
    fitted = open_fit("t5-c4-refit")
    costs = SERVED_DENSE, open_hardware("h100-2:4").inference_cost(), SERVED_SPARSE
    for demand, *cells, saved in rows("lifetime.md", "What to expect"):
        digits, unit = re.fullmatch(r"(\d+)([BT])", demand).groups()
        lives = [Demand(1.7, float(digits) * {"B": 1e9, "T": 1e12}[unit], Cost(), cost) for cost in costs]
        best = [float(best_sparsity(fitted.law, fitted.values, life)) for life in lives]
        assert [float(cell.rstrip("%")) for cell in cells] == pytest.approx([100 * S for S in best], abs=0.051)
        total, dense = (float(life_at(fitted.law, fitted.values, S, lives[-1]).total) for S in (best[-1], 0.0))
        assert float(saved.rstrip("%")) == pytest.approx(100 * (1 - total / dense), abs=0.051)
