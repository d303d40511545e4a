"""What runs do not identify is named, with the number of values that they have."""

import numpy as np
import pandas as pd
import pytest

from sparselaw.fit.identify import identifiability_warnings
from sparselaw.laws import DENSE, PAPER, PowerLaw
from sparselaw.runs import Runs


def runs(sizes: int = 5, sparsities: int = 4, durations: int = 5) -> Runs:
    N, S, D = (
        x.ravel()
        for x in np.meshgrid(
            1e6 * 4.0 ** np.arange(sizes), 0.25 * np.arange(sparsities), 1e9 * 2.0 ** np.arange(durations)
        )
    )
    return Runs.from_frame(pd.DataFrame({"nonzero_params": N, "sparsity": S, "data": D, "loss": 3.0}), name="grid")


def said(table: Runs, law: PowerLaw = PAPER, pinned: tuple[str, ...] = (), condition: float = 1.0) -> str:
    return " ".join(identifiability_warnings(table, law, pinned=pinned, at_bound=(), condition=condition))


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (runs(sizes=1), "nonzero_params takes a single value: b_N is not identified."),
        (runs(durations=1), "data takes a single value: b_D is not identified."),
        (runs(durations=2), "data takes only 2 values: b_D cannot be told from the irreducible loss."),
        (runs(durations=3), "data takes only 3 values: b_D and the irreducible loss are weakly identified."),
        (runs(sparsities=2), "sparsity takes only 2 values: b_S cannot be told from the floor of the capacity term."),
        (runs(1, 2, 3), "6 runs cannot identify 7 free parameters"),
        (runs(2, 2, 3), "12 runs are few for 7 free parameters"),
    ],
    ids=["one size", "one duration", "two durations", "three durations", "two sparsities", "too few", "few"],
)
def test_what_is_missing_is_named(table: Runs, expected: str) -> None:
    assert expected in said(table)


def test_a_good_grid_and_a_pinned_exponent_have_nothing_said() -> None:
    assert said(runs()) == ""
    assert "b_D" not in said(runs(durations=1), pinned=("b_D",))


def test_a_law_without_sparsity_does_not_ask_for_it() -> None:
    assert "sparsity" not in said(runs(sparsities=1), DENSE)


def test_bounds_and_conditioning() -> None:
    found = identifiability_warnings(runs(), PAPER, pinned=(), at_bound=("c_S",), condition=2e5)
    assert found[0] == "c_S is at its bound: the runs do not identify it."
    assert "ill-conditioned (2.0e+05)" in found[1]
