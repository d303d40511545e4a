"""What commands share: ranges, pairs, output files, JSON without NaN, a missing package."""

import json
from pathlib import Path

import pytest

from sparselaw.cli.options import check_output, named_columns, pairs, print_json, ranged, torch_for
from sparselaw.errors import UserError


def test_ranges_and_columns() -> None:
    assert ranged("1M:1.3B") == (1e6, 1.3e9)
    assert ranged(None) is None
    assert named_columns("loss=val,data=tokens") == {"loss": "val", "data": "tokens"}
    assert named_columns(None) is None


def test_pairs_are_converted_or_refused() -> None:
    assert pairs(("b_N=0.3", "c=1"), "pin", "NAME=VALUE", float) == {"b_N": 0.3, "c": 1.0}
    with pytest.raises(UserError, match="pin has 'b_N=x'; give NAME=VALUE") as caught:
        pairs(("b_N=x",), "pin", "NAME=VALUE", float)
    assert "--pin has" in caught.value.on_command_line()


def test_outputs_are_refused_before_the_work(tmp_path: Path) -> None:
    check_output(None, "a fit", ".json")
    check_output(tmp_path / "new" / "fit.JSON", "a fit", ".json")
    (tmp_path / "taken.json").mkdir()
    (tmp_path / "file").write_text("")
    for path, said in ((tmp_path / "x.txt", "end its name"), (tmp_path / "taken.json", "which is a folder")):
        with pytest.raises(UserError, match=said):
            check_output(path, "a fit", ".json")
    with pytest.raises(UserError, match="is a file; give another folder"):
        check_output(tmp_path / "file" / "fit.json", "a fit", ".json")


def test_json_has_null_for_what_json_does_not_have(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": float("nan"), "b": [1.5, float("inf")]})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [1.5, None]}


def test_a_missing_package_is_advice() -> None:
    with pytest.raises(UserError, match="training needs the package torch; install it"), torch_for("training"):
        raise ModuleNotFoundError("no torch", name="torch")
