"""The command `demo`, whole."""

from pathlib import Path

import pytest

from sparselaw.fit import open_fit


@pytest.mark.slow
def test_demo(call, tmp_path: Path) -> None:
    code, _, err = call("demo", "-o", tmp_path)
    assert code == 0, err
    assert open_fit(tmp_path / "fit.json").status == "converged"
    for name in ("loss", "flops", "predicted", "contours"):
        assert (tmp_path / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert "</html>" in (tmp_path / "report.html").read_text(encoding="utf-8")
