"""The command `contours`: numbers, and figures of every kind."""

from pathlib import Path

import pytest

MAGIC = {"png": b"\x89PNG\r\n\x1a\n", "svg": b"<?xml", "pdf": b"%PDF-"}


def test_contours_of_models_to_be_served(answer, call, tmp_path: Path) -> None:
    record = answer("contours", "vit-jft", "--inference", "1e9:1e12", "--inference-cost", "a100-2:4")
    assert len(record["sparsity"]) == len(record["inference"])
    assert len(record["sparsity"][0]) == len(record["loss"])
    code, _, err = call(
        "contours", "t5-c4-refit", "--inference", "1e9:1e12", "--cost", "sparse", "-o", tmp_path / "x.png"
    )
    assert (code, err) == (0, "")
    assert (tmp_path / "x.png").read_bytes().startswith(MAGIC["png"])


def test_contours_as_numbers(answer) -> None:
    record = answer("contours", "vit-jft", "--levels", "0.5")
    assert record["levels"] == [0.5]
    assert len(record["lines"][0]) == len(record["nonzero_params"]) == len(record["sparsity"])
    times = record["lines"][0][0] / record["chinchilla"][0]
    assert times == pytest.approx(4.82, abs=0.005)


@pytest.mark.parametrize("ending", MAGIC)
def test_figures_are_what_their_name_says(call, ending: str, tmp_path: Path) -> None:
    code, _, err = call("contours", "vit-jft", "-o", tmp_path / f"x.{ending}")
    assert (code, err) == (0, "")
    content = (tmp_path / f"x.{ending}").read_bytes()
    assert content.startswith(MAGIC[ending])
    assert len(content) > 5000


def test_the_same_figure_is_the_same_file(call, tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        assert call("contours", "vit-jft", "-o", tmp_path / name)[0] == 0
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
