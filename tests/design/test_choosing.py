"""Designs within their limits, better than the grid by their own account, repeatable, written as sweeps; mistakes told."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparselaw.cost import Cost
from sparselaw.design import Design, Limits, Target, limits_around
from sparselaw.design.choosing import choose
from sparselaw.errors import UserError
from sparselaw.fit import Fit, open_fit
from sparselaw.laws import DENSE, NO_FLOOR, free_multiplier, from_function, optimal_sparsity

SMALL = Limits((1e6, 1.6e7), (1e9, 8e9), (0.0, 0.5, 0.75))


@pytest.mark.parametrize(
    ("source", "answer", "cost"),
    [
        ("t5-c4-refit", "sparsity", Cost()),
        ("t5-c4-refit", "loss", Cost(sparse=True)),
        ("t5-c4-published", "sparsity", Cost()),
        ("vit-jft", "sparsity", Cost(sparse=True)),
        ("vit-jft", "loss", Cost(units_per_datum=196)),
    ],
    ids=["T5", "T5 loss, zeros free", "T5 as published", "ViT, zeros free", "ViT loss, patches"],
)
def test_within_the_limits_and_better_than_the_grid(source: str, answer, cost: Cost) -> None:
    fitted = open_fit(source)
    limits = limits_around(fitted)
    budget = 60 * float(cost.flops(0.5, limits.nonzero_params[0] * 16, limits.data[0] * 4))
    far = choose(fitted, budget=budget, cost=cost).target
    found = choose(fitted, budget=budget, target=replace(far, answer=answer), limits=limits, max_runs=30, cost=cost)
    assert found.flops <= budget * (1 + 1e-9)
    assert found.flops == pytest.approx(
        sum(c.seeds * float(cost.flops(c.sparsity, c.nonzero_params, c.data)) for c in found.cells), rel=1e-12
    )
    assert found.num_runs <= 30
    for cell in found.cells:
        assert limits.nonzero_params[0] * 0.995 <= cell.nonzero_params <= limits.nonzero_params[1] * 1.005
        assert limits.data[0] * 0.995 <= cell.data <= limits.data[1] * 1.005
        assert cell.sparsity in limits.sparsities
        assert 1 <= cell.seeds <= limits.max_seeds
    assert found.rival
    # The upper side: the lower one may end at S = 0.
    assert found.after.high - found.after.value < 0.9 * (found.rival.after.high - found.after.value)
    assert width(found.after) < width(found.before)
    assert 0.5 < found.efficiency <= 1 + 1e-6


def width(estimate) -> float:
    return estimate.high - estimate.low


@given(
    budget=st.floats(18, 22).map(lambda power: 10.0**power), max_runs=st.integers(1, 60), max_seeds=st.integers(1, 4)
)
@settings(deadline=None, max_examples=12)
def test_budget_runs_and_seeds_are_respected(budget: float, max_runs: int, max_seeds: int) -> None:
    fitted = open_fit("t5-c4-refit")
    limits = replace(limits_around(fitted), max_seeds=max_seeds)
    found = choose(fitted, budget=budget, limits=limits, max_runs=max_runs, as_guess=False)
    assert 0 < found.flops <= budget * (1 + 1e-9)
    assert 1 <= found.num_runs <= max_runs
    assert max(cell.seeds for cell in found.cells) <= max_seeds


@pytest.mark.parametrize("max_seeds", [1, 2])
def test_runs_that_share_their_noise_are_of_different_cells(own: Fit, max_seeds: int) -> None:
    assert own.bootstrap
    limits = replace(limits_around(own), max_seeds=max_seeds)
    by_cell = replace(own, bootstrap=replace(own.bootstrap, by="cell"))
    found = {fit.bootstrap.by: choose(fit, budget=1e20, limits=limits) for fit in (own, by_cell) if fit.bootstrap}
    most = {}
    for by, planned in found.items():
        runs = Counter()
        for cell in planned.cells:
            runs[cell.nonzero_params, cell.sparsity] += cell.seeds
        most[by] = max(runs.values())
    assert most["cell"] <= max_seeds < most["run"]
    assert width(found["run"].after) < width(found["cell"].after) < width(found["cell"].before)


def test_the_same_every_time(own: Fit, designed: Design) -> None:
    assert choose(own, budget=1e20) == designed
    guessed = [choose(own, budget=1e20, as_guess=True, seed=seed) for seed in (0, 0, 1)]
    assert guessed[0] == guessed[1]
    assert guessed[0].before != guessed[2].before


def test_more_budget_is_narrower(own: Fit) -> None:
    widths = [width(choose(own, budget=budget, max_runs=100).after) for budget in (3e18, 3e19, 3e20)]
    assert widths == sorted(widths, reverse=True)
    assert widths[2] < widths[0] / 2


def test_less_noise_is_narrower(own: Fit) -> None:
    noisy, quiet = (width(choose(own, budget=1e20, noise=noise).after) for noise in (0.01, 0.001))
    assert quiet < noisy / 3


def test_the_target_not_given_is_far_beyond_the_runs(own: Fit, designed: Design) -> None:
    assert designed.target.nonzero_params == 10 * own.domain.nonzero_params[1]
    question = (designed.target.nonzero_params, designed.target.flops, Cost())
    assert designed.before.value == optimal_sparsity(own.law, own.values, *question)
    draws = optimal_sparsity(own.law, own.draws, *question)
    assert designed.before.bounds == pytest.approx(np.quantile(draws, [0.025, 0.975]))


def test_the_budget_that_would_do_is_searched() -> None:
    """A first sweep from a guess: what is named is recommended when it is asked for."""
    t5 = open_fit("t5-c4-refit")
    limits = Limits((14e3, 220e3), (1e6, 16e6), (0.0, 0.5, 0.75, 0.875))
    poor = choose(t5, budget=2e12, limits=limits, max_runs=5)
    assert not poor.recommended
    assert poor.enough is None or choose(t5, budget=poor.enough, limits=limits, max_runs=5).recommended
    enough = choose(t5, budget=2e12, limits=limits).enough
    assert enough is not None
    assert choose(t5, budget=enough, limits=limits).recommended
    assert not choose(t5, budget=enough / 2, limits=limits).recommended


def test_a_published_law_is_a_guess(own: Fit) -> None:
    guessed, joined = (choose(open_fit("t5-c4-refit"), budget=1e20, as_guess=g) for g in (None, False))
    assert guessed.warnings[0].startswith("t5-c4-refit is only a guess")
    assert (guessed.first_seed, joined.first_seed) == (0, 48)
    assert width(guessed.before) > width(joined.before)
    assert joined.after == choose(own, budget=1e20).after


WARNINGS = {
    "status": ({"status": "not converged: x"}, {}, "The fit is not converged: x"),
    "extrapolates": ({}, {}, "2.5 times larger than the largest run allowed"),
    "below": ({}, {"target": Target(1e5, 1e19)}, "13.3 times smaller than the smallest"),
    "dense": ({}, {"target": Target(8.5e8, 6e19)}, "The optimum at the target is dense"),
    "unspent": ({}, {"max_runs": 2, "limits": SMALL}, "of the budget is spent"),
}


@pytest.mark.parametrize("case", WARNINGS)
def test_warnings(own: Fit, case: str) -> None:
    changes, options, sentence = WARNINGS[case]
    found = choose(replace(own, **changes), **{"budget": 1e20, **options})
    assert any(sentence in warning for warning in found.warnings)


def law_of_ones_own(S, N, D, a=1.0, b=0.1):
    return a * N**-b * (1 - S) + 1 / D


MISTAKES = {
    "budget below the cheapest run": ({}, {"budget": 1e10}, "FLOPs and the cheapest run takes"),
    "no budget": ({}, {"budget": -1.0}, "positive number of FLOPs"),
    "no runs": ({}, {"max_runs": 0}, "^max_runs is 0; give at least 1"),
    "confidence": ({}, {"confidence": 1.0}, "between 0 and 1"),
    "no draws": ({"bootstrap": None}, {}, "fit with bootstrap=1000"),
    "dense for certain": ({}, {"target": Target(8.5e8, 1e12)}, "no run narrows it; give another target"),
    "law without sparsity": ({"law": DENSE}, {}, "says nothing about sparsity"),
    "law of one's own": ({"law": from_function(law_of_ones_own)}, {}, "law of your own"),
    "law of levels": ({"law": free_multiplier((0.0, 0.5))}, {}, "knows the fitted sparsities only"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes(own: Fit, case: str) -> None:
    changes, options, sentence = MISTAKES[case]
    with pytest.raises(UserError, match=sentence):
        choose(replace(own, **changes), **{"budget": 1e20, **options})


@pytest.mark.parametrize(("N", "C"), [(0.0, 1e20), (-1.0, 1e20), (1e8, np.inf), (1e8, np.nan), (1e300, 1e20)])
def test_impossible_targets(N: float, C: float) -> None:
    with pytest.raises(UserError, match="is far from any training run; check its unit"):
        Target(N, C)


def test_another_law(own: Fit) -> None:
    draws = own.draws[:, [0, 1, 3, 4, 5, 6]]
    values = dict(zip(NO_FLOOR.names, np.median(draws, axis=0).tolist(), strict=True))
    assert own.bootstrap
    found = choose(
        replace(own, law=NO_FLOOR, parameters=values, bootstrap=replace(own.bootstrap, draws=draws)), budget=1e20
    )
    assert found.rival
    assert width(found.after) < width(found.rival.after)


def test_without_a_grid_to_compare_with(own: Fit) -> None:
    found = choose(own, budget=1e18, target=Target(8.5e8, 8e20))
    assert found.rival is None
    assert found.cells
