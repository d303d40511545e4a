"""Every source module has a test module of its name, in the same room under `tests/`."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE, TESTS = ROOT / "src" / "sparselaw", ROOT / "tests"


def modules() -> list[str]:
    names = (path.relative_to(SOURCE).with_suffix("").as_posix() for path in SOURCE.rglob("*.py"))
    return sorted(name for name in names if not name.endswith("__init__"))


@pytest.mark.parametrize("module", modules())
def test_every_module_has_a_test_module_of_its_name(module: str) -> None:
    """A room may sort its tests into folders, as `tests/sweep/clusters` does."""
    room, _, name = module.rpartition("/")
    folder = TESTS / room
    found = folder.rglob(f"test_{name}.py") if room else folder.glob(f"test_{name}.py")
    assert any(found), f"src/sparselaw/{module}.py has no test_{name}.py in {folder.relative_to(ROOT)}"
