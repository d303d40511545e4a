"""The script that brings the outputs in README and docs up to date."""

import runpy
from pathlib import Path

import pytest

TOOL = runpy.run_path(str(Path(__file__).parents[1] / "tools" / "refresh_docs.py"))
PAGE = """Before.

```console
$ sparselaw {command}
an old output

of three lines
```

```python
print({python})
```

After.
"""


def refresh(page: Path) -> int:
    with pytest.raises(SystemExit) as end:
        TOOL["main"]([page])
    return end.value.code


def test_an_old_output_becomes_the_present_one_and_the_rest_stays(tmp_path: Path) -> None:
    page, command = tmp_path / "page.md", "plan t5-c4-refit --nonzeros 85M --flops 2e18"
    old = PAGE.format(command=command, python=1)
    page.write_text(old, encoding="utf-8")
    assert refresh(page) == 0
    new = page.read_text(encoding="utf-8")
    printed = TOOL["run_console"](f"$ sparselaw {command}\n", tmp_path).strip()
    shown = "\n".join(line.rstrip() for line in printed.splitlines())
    assert new == old.replace("an old output\n\nof three lines", shown)
    assert refresh(page) == 0
    assert page.read_text(encoding="utf-8") == new


def test_an_example_that_fails_stays_and_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    old = PAGE.format(command="plan no-such-fit --nonzeros 85M --flops 2e18", python="no_such_name")
    page.write_text(old, encoding="utf-8")
    assert refresh(page) == 1
    assert page.read_text(encoding="utf-8") == old
    reported = capsys.readouterr().err
    assert "no-such-fit" in reported
    assert "no_such_name" in reported


def test_the_pages_are_those_that_the_tests_run() -> None:
    tests = runpy.run_path(str(Path(__file__).with_name("test_docs.py")))
    assert list(TOOL["PAGES"]) == tests["PAGES"]
