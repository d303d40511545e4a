"""Choices about a table: in a TOML file, over one another, and remembered by a fit file."""

import json
from pathlib import Path

import pandas as pd
import pytest

from sparselaw.errors import UserError
from sparselaw.fit import fit
from sparselaw.runs import read_runs
from sparselaw.runs.reading import Reading, open_reading

ROWS = 12
TOML = """
where = "state == 'ok'"
best_of = "cell"

[columns]
data = "tokens_b * 1e9"
loss = "final"
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    frame = pd.DataFrame(
        {
            "n": [1e6, 2e6, 4e6] * (ROWS // 3),
            "tokens_b": [1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 4.0, 4.0, 4.0, 8.0, 8.0, 8.0],
            "final": [3.5 - 0.05 * k for k in range(ROWS)],
            "state": ["ok"] * (ROWS - 1) + ["crashed"],
        }
    )
    frame.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


def test_a_file_of_choices_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TOML)
    found = open_reading(tmp_path / "mine.toml")
    assert found == Reading({"data": "tokens_b * 1e9", "loss": "final"}, "state == 'ok'", best_of="cell")
    over = Reading({"loss": "other"}, best_of="n").over(found)
    assert over == Reading({"data": "tokens_b * 1e9", "loss": "other"}, "state == 'ok'", best_of="n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("where = 3", "has where = 3; give where, last_of, best_of, loss_unit as text"),
        ("rows = 'x'", "has rows = 'x'"),
        ("columns = 'x'", "has columns = 'x'"),
        ("= 1", "cannot be read as TOML"),
    ],
)
def test_a_file_of_other_things_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(UserError, match=said):
        open_reading(tmp_path / "mine.toml")


def test_a_fit_remembers_its_table_and_how_it_was_read(table: Path, tmp_path: Path) -> None:
    columns = {"data": "tokens_b * 1e9", "loss": "final"}
    runs = read_runs(table, columns=columns, where="state == 'ok'")
    (tmp_path / "fits").mkdir()
    fit(runs, "dense", bootstrap=0).save(tmp_path / "fits" / "fit.json")
    assert json.loads((tmp_path / "fits" / "fit.json").read_text())["source"]["path"] == "../table.csv"
    again = read_runs(tmp_path / "fits" / "fit.json")
    pd.testing.assert_frame_equal(again.table, runs.table)
    other = read_runs(tmp_path / "fits" / "fit.json", where="n < 3e6")
    assert set(other.nonzero_params) == {1e6, 2e6}
    assert other.data.tolist()[:2] == [1e9, 1e9]  # the columns are still known


def test_a_fit_whose_table_is_gone_is_one_sentence(table: Path, tmp_path: Path) -> None:
    fit(read_runs(table, columns={"data": "tokens_b * 1e9", "loss": "final"}), "dense", bootstrap=0).save(
        tmp_path / "fit.json"
    )
    table.unlink()
    with pytest.raises(UserError, match=r"was made from .*table\.csv, which is not there; give the table"):
        read_runs(tmp_path / "fit.json")


def test_a_fit_without_a_table_is_one_sentence(table: Path, tmp_path: Path) -> None:
    runs = read_runs(table, columns={"data": "tokens_b * 1e9", "loss": "final"})
    record = fit(runs, "dense", bootstrap=0).to_json()
    del record["source"]
    (tmp_path / "fit.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match="does not say which table it was made from"):
        read_runs(tmp_path / "fit.json")
