"""Imports point down only, and what a command does not need is not imported.

A room is a package or a module directly below `sparselaw`. `ALLOWED` names the rooms that each may import, anywhere: at the
top of a module, inside a function or for types only. Results show themselves through one module, `shown`, whose methods
alone may import `report`.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "sparselaw"
ALLOWED = {
    "errors": "",
    "counts": "errors",
    "files": "errors",
    "rooms": "",
    "shown": "",
    "words": "errors counts",
    "laws": "errors counts files rooms shown",
    "runs": "errors counts files rooms shown",
    "prune": "errors counts files",
    "cost": "errors counts files laws prune",
    "fit": "errors counts files rooms shown words laws runs",
    "plan": "errors counts files rooms shown words laws runs cost fit",
    "design": "errors counts files rooms shown words laws runs cost fit plan",
    "train": "errors counts files runs prune",
    "sweep": "errors counts files laws runs prune cost fit train",
    "report": "errors counts files rooms shown words laws runs prune cost fit plan design train sweep",
    "cli": "errors counts files words laws runs prune cost fit plan design train sweep report",
    "__main__": "cli",
    "__init__": "errors rooms laws runs cost fit plan design report",
}
"""Rooms that each room may import, from the bottom of the house to its top."""
SHOWING = ("shown", "report", "function")
FACTS_OF_THE_PACKAGE = {"__version__", "__file__"}
"""What every room may read from `sparselaw` itself."""

HEAVY = ("torch", "pandas", "matplotlib", "plotly", "transformers")
NEEDS_SCIPY = ("design",)
RUN = """
sys.argv = ["sparselaw", *{arguments}]
from sparselaw.cli import main
try:
    main()
except SystemExit as stop:
    assert not stop.code
"""
CASES = {
    "package": "import sparselaw\ndir(sparselaw)\n",
    "help": RUN.format(arguments=["--help"]),
    "plan with inference": RUN.format(
        arguments=["plan", "vit-jft", "--loss", "5.5", "--inference", "1e12", "--cost", "epyc-csr"]
    ),
    "plan": RUN.format(arguments=["plan", "vit-jft", "--nonzeros", "42.5M", "--flops", "2e20"]),
    "memory": RUN.format(arguments=["plan", "vit-jft", "--memory", "85MB", "--flops", "2e18"]),
    "design": RUN.format(arguments=["design", "vit-jft", "--budget", "1e18", "--max-runs", "4"]),
}


class Arrow(NamedTuple):
    """An import of the project's own, and where it stands: at a module's top, inside a function, or for types only."""

    module: str
    target: str
    place: str

    @property
    def rooms(self) -> tuple[str, str]:
        return room_of(self.module), room_of(self.target)


def room_of(module: str) -> str:
    return [*module.split("."), "__init__"][1]


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def arrows_of(path: Path) -> Iterator[Arrow]:
    pending = [(ast.parse(path.read_text(encoding="utf-8")), "module")]
    while pending:
        parent, place = pending.pop()
        for node in ast.iter_child_nodes(parent):
            inside = place
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                inside = "function"
            elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                inside = "typing"
            for target in imported(node):
                yield Arrow(module_name(path), target, place)
            pending.append((node, inside))


def imported(node: ast.AST) -> list[str]:
    """Modules of the project that a statement imports, by `import` or by `import_module`."""
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        assert not node.level, "imports are absolute"
        assert node.module is not None
        names = [f"{node.module}.{alias.name}" for alias in node.names]
        names = [name if is_module(name) else node.module for name in names]
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
        names = [ast.unparse(node.args[0]).lstrip("f").strip("'\"").split(".{")[0]]
    return [name for name in names if name.split(".")[0] == "sparselaw"]


def is_module(name: str) -> bool:
    place = SOURCE.parent.joinpath(*name.split("."))
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


ARROWS = [arrow for path in sorted(SOURCE.rglob("*.py")) for arrow in arrows_of(path)]


def test_the_table_of_rooms_has_no_circle() -> None:
    order = list(ALLOWED)
    for room, below in ALLOWED.items():
        assert all(order.index(other) < order.index(room) for other in below.split()), room


def test_every_room_is_in_the_table() -> None:
    assert {room_of(module_name(path)) for path in SOURCE.rglob("*.py")} <= set(ALLOWED)


def test_imports_point_down_only() -> None:
    up = []
    for arrow in ARROWS:
        room, other = arrow.rooms
        is_allowed = room == other or other in ALLOWED.get(room, "").split() or (room, other, arrow.place) == SHOWING
        if not is_allowed and arrow.target != "sparselaw":
            up.append(f"{arrow.module} -> {arrow.target} ({arrow.place})")
    assert not up, "\n".join(up)


def test_rooms_read_only_facts_from_the_package_itself() -> None:
    """`import sparselaw` is allowed everywhere, for the version; its lazy API is for users."""
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        read = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sparselaw"
        }
        read |= {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "sparselaw"
            for alias in node.names
            if not is_module(f"sparselaw.{alias.name}")
        }
        assert read <= FACTS_OF_THE_PACKAGE, path


def test_modules_have_no_circle_when_they_are_loaded() -> None:
    graph: dict[str, set[str]] = {}
    for arrow in ARROWS:
        if arrow.place == "module" and arrow.target != arrow.module:
            graph.setdefault(arrow.module, set()).add(arrow.target)
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("case", CASES)
def test_heavy_packages_stay_out(case: str) -> None:
    heavy = HEAVY if case in NEEDS_SCIPY else (*HEAVY, "scipy")
    heavy = (*heavy, "numpy", "rich", "tyro", "cattrs") if case == "package" else heavy
    code = CASES[case] + f"print('HEAVY', [m for m in {heavy} if m in sys.modules])\n"
    done = subprocess.run([sys.executable, "-c", "import sys\n" + code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY []"
