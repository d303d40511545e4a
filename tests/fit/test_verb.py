"""`sparselaw.fit`: tables, names and paths alike, one default loss, laws in every form."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sparselaw
from sparselaw.errors import UserError
from sparselaw.fit.verb import fit, law_of
from sparselaw.runs import Runs

LAW = """
def mine(S, N, D, a=5.0, b=0.2, e=5.0, f=0.2):
    return a * N**-b * (1 - S) ** 0.1 + e * D**-f
"""


@pytest.fixture
def frame() -> pd.DataFrame:
    """A dense and sparse sweep out of the paper's law."""
    N, S, D = (
        x.ravel() for x in np.meshgrid([1e6, 4e6, 1.6e7, 6.4e7], [0, 0.5, 0.75, 0.875], [1e9, 4e9, 1.6e10, 6.4e10])
    )
    loss = sparselaw.law("paper").predict([20.0, 0.7, 40.0, 0.25, 6e8, 0.4, 0.7], S, N, D)
    return pd.DataFrame({"nonzero_params": N, "sparsity": S, "data": D, "loss": loss})


def test_a_table_a_file_and_runs_give_the_same_fit(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.to_csv(tmp_path / "runs.csv", index=False)
    found = fit(frame, starts=8)
    for source in (tmp_path / "runs.csv", str(tmp_path / "runs.csv"), Runs.from_frame(frame, name="mine")):
        assert fit(source, starts=8).parameters == pytest.approx(found.parameters, rel=1e-9)
    assert found.parameters["b_N"] == pytest.approx(0.25, abs=1e-4)


def test_columns_are_renamed_and_weights_are_a_column(frame: pd.DataFrame) -> None:
    renamed = frame.rename(columns={"loss": "val"}).assign(w=1.0)
    found = fit(renamed, columns={"loss": "val"}, weights="w", starts=8)
    assert found.parameters == pytest.approx(fit(frame, starts=8).parameters, rel=1e-9)


def test_the_command_and_the_function_choose_one_loss(frame: pd.DataFrame, vit_jft: Runs) -> None:
    assert fit(frame, starts=4).loss == sparselaw.fit(frame, starts=4).loss
    assert (fit(frame, starts=4).loss.log, fit(frame, starts=4).loss.delta) == (True, 1e-3)
    published = fit(vit_jft, starts=4).loss
    assert (published.log, published.delta) == (False, 0.01)


def test_draws_are_asked_for_by_number(frame: pd.DataFrame) -> None:
    assert len(fit(frame, starts=8, bootstrap=0).draws) == 0
    assert len(fit(frame, starts=8, bootstrap=20).draws) > 10
    assert len(fit(frame, starts=8).draws) > 900


def test_laws_are_names_functions_or_files(tmp_path: Path) -> None:
    (tmp_path / "law.py").write_text(LAW)
    assert law_of("paper") == "paper"
    assert law_of(f"{tmp_path / 'law.py'}:mine").names == ("a", "b", "e", "f")
    for name, said in (("law.py:other", "no function 'other'"), ("gone.py:mine", "Cannot read")):
        with pytest.raises(UserError, match=said):
            law_of(str(tmp_path / name))
