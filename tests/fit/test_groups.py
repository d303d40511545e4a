"""A fit for each group is the fit of its runs alone."""

import numpy as np
import pandas as pd
import pytest

from sparselaw.errors import UserError
from sparselaw.fit import Fit, fit
from sparselaw.fit.groups import fit_each
from sparselaw.laws import DENSE
from sparselaw.runs import Runs

TRUTHS = {"a": (60.0, 0.25, 4e8, 0.4, 1.5), "b": (300.0, 0.35, 9e8, 0.3, 2.0)}


@pytest.fixture(scope="module")
def runs() -> Runs:
    N, D = (axis.ravel() for axis in np.meshgrid(np.geomspace(1e6, 1e9, 5), np.geomspace(1e9, 1e11, 4)))
    parts = [
        pd.DataFrame({"nonzero_params": N, "data": D, "loss": DENSE.predict(p, 0.0, N, D), "of": name})
        for name, p in TRUTHS.items()
    ]
    alone = pd.DataFrame({"nonzero_params": [1e6], "data": [1e9], "loss": [3.0], "of": ["c"]})
    return Runs.from_frame(pd.concat([*parts, alone]), name="groups")


def test_each_group_has_its_own_law(runs: Runs) -> None:
    found = fit_each(runs, "of", law="dense", bootstrap=0)
    assert list(found) == ["a", "b", "c"]
    for name, truth in TRUTHS.items():
        one = found[name]
        assert isinstance(one, Fit)
        assert one.num_runs == 20
        assert one.parameters["b_N"] == pytest.approx(truth[1], rel=1e-3)
        alone = fit(runs.select((runs.table["of"] == name).to_numpy()), "dense", bootstrap=0)
        assert one.parameters == pytest.approx(alone.parameters)


def test_a_group_that_carries_no_law_says_why(runs: Runs) -> None:
    assert isinstance(fit_each(runs, "of", law="dense", bootstrap=0)["c"], UserError)


def test_a_column_that_is_not_there_is_one_sentence(runs: Runs) -> None:
    with pytest.raises(UserError, match="group_by is 'off', which is no column; did you mean 'of'"):
        fit_each(runs, "off")
