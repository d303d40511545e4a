"""What runs do not identify is named, with the number of values that they have."""

import numpy as np
import pandas as pd
import pytest

from sparselaw.errors import UserError
from sparselaw.fit.identify import identifiability_warnings, impossible_warnings, require_carried
from sparselaw.laws import DENSE, PAPER, PowerLaw, multipliers_only
from sparselaw.runs import Runs


def runs(sizes: int = 5, sparsities: int = 4, durations: int = 5) -> Runs:
    N, S, D = (
        x.ravel()
        for x in np.meshgrid(
            1e6 * 4.0 ** np.arange(sizes), 0.25 * np.arange(sparsities), 1e9 * 2.0 ** np.arange(durations)
        )
    )
    return Runs.from_frame(pd.DataFrame({"nonzero_params": N, "sparsity": S, "data": D, "loss": 4 - S}), name="grid")


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
        (runs(2, 2, 3), "12 runs are few for 7 free parameters"),
    ],
    ids=["one size", "one duration", "two durations", "three durations", "two sparsities", "few"],
)
def test_what_is_missing_is_named(table: Runs, expected: str) -> None:
    assert expected in said(table)


def one_total() -> Runs:
    """Models of one size, zeros included."""
    table = runs(durations=3)
    dense = table.table.assign(nonzero_params=1e8 * (1 - table.sparsity))
    return Runs.from_frame(dense, name="grid")


@pytest.mark.parametrize(
    ("table", "law", "said"),
    [
        (runs(1, 3, 5), PAPER, "all runs have the same size, 1M non-zero weights; add runs of"),
        (runs(durations=1), PAPER, "all runs have the same duration, 1B examples; fit what each sparsity is worth"),
        (
            runs(sparsities=1),
            PAPER,
            "all runs are dense, and say nothing about sparsity; fit the law of dense models",
        ),
        (runs(1, 1, 1), DENSE, "all runs have the same size"),
        (runs(2, 1, 2), DENSE, "4 different runs are too few for 5 free parameters; add runs of"),
        (one_total(), PAPER, "all models have 100M weights, zeros included"),
    ],
    ids=["one size", "one duration", "no sparse run", "one run", "too few", "one total size"],
)
def test_a_law_that_the_table_cannot_carry_is_refused(table: Runs, law: PowerLaw, said: str) -> None:
    with pytest.raises(UserError) as error:
        require_carried(table, law, ())
    assert str(error.value).startswith(f"The law {law.name} cannot be fitted to grid: {said}")


def test_what_a_table_can_carry_is_not_refused() -> None:
    require_carried(runs(2, 2, 2), PAPER, ())
    require_carried(runs(sparsities=1), DENSE, ())
    require_carried(runs(durations=1), multipliers_only([0, 0.25, 0.5, 0.75]), ())
    require_carried(runs(durations=1), PAPER, ("b_D", "c"))


def test_a_loss_that_rises_with_sparsity_contradicts_the_law() -> None:
    table = runs()
    rising = Runs.from_frame(table.table.assign(loss=3 + table.sparsity), name="totals")
    assert "In 100% of the groups of equal size and data the loss rises with sparsity" in said(rising)


def test_weights_worth_more_than_dense_ones_are_named() -> None:
    values = np.array([10.0, 5.0, 10.0, 0.2, 1e9, 0.3, 1.0])
    table = runs(sparsities=3)
    worth = (20 / (10 * 0.75**5 + 10)) ** 5 * 0.75, (20 / (10 * 0.5**5 + 10)) ** 5 * 0.5
    (found,) = impossible_warnings(PAPER, values, table)
    S = (0.25, 0.5)[int(np.argmax(worth))]
    assert f"At {S} sparsity a weight, zeros included, comes out as worth {max(worth):.3g} dense weights" in found
    assert impossible_warnings(PAPER, np.array([10.0, 0.1, 10.0, 0.2, 1e9, 0.3, 1.0]), table) == ()


def test_a_good_grid_and_a_pinned_exponent_have_nothing_said() -> None:
    assert said(runs()) == ""
    assert "b_D" not in said(runs(durations=1), pinned=("b_D",))


def test_a_law_without_sparsity_does_not_ask_for_it() -> None:
    assert "sparsity" not in said(runs(sparsities=1), DENSE)


def test_bounds_and_conditioning() -> None:
    found = identifiability_warnings(runs(), PAPER, pinned=(), at_bound=("c_S",), condition=2e5)
    assert found[0] == "c_S is at its bound: the runs do not identify it."
    assert "ill-conditioned (2.0e+05)" in found[1]
