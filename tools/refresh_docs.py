"""Run the examples of README and docs again and write what they print now into the pages.

    python tools/refresh_docs.py                     # all pages
    python tools/refresh_docs.py README.md docs/design.md

A ```console block is a command and its output: the output is replaced. A ```python block shows no output: it is only
run. An example that fails stays as it is and is reported, and the exit status is then 1. The pages and the blocks are
those that tests/test_docs.py runs.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Outputs must not depend on the terminal, and threads of small products wait for each other on a busy machine.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | {"OMP_NUM_THREADS": "1"}


class ExampleError(Exception):
    """An example did not finish; the text is its last line on stderr."""


def run_python(code: str, folder: Path) -> str:
    """What a Python example prints, run in a folder; warnings are errors."""
    script = folder / "snippet.py"
    script.write_text(code, encoding="utf-8")
    return _printed([sys.executable, "-W", "error", str(script)], folder)


def run_console(session: str, folder: Path) -> str:
    """What the command of a console example prints, run in a folder where results/ is that of the repository."""
    program, *arguments = shlex.split(session.partition("\n")[0].removeprefix("$ "))
    if program != "sparselaw":
        raise ExampleError(f"the command is {program}, not sparselaw")
    (folder / "results").symlink_to(ROOT / "results")
    return _printed([str(Path(sys.executable).with_name("sparselaw")), *arguments], folder)


def _printed(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
    if done.returncode:
        raise ExampleError((done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1])
    return done.stdout


RUN = {"console": run_console, "python": run_python}


def refreshed(text: str, run: Callable[[str, str], str]) -> tuple[str, list[str]]:
    """A page's text with the present output in each console block, and a sentence for each example that failed.

    Args:
        text: of the page.
        run: what an example prints, by its language and text.
    """
    failures = []

    def again(block: re.Match[str]) -> str:
        language, body = block.groups()
        try:
            printed = run(language, body)
        except ExampleError as error:
            failures.append(f"{body.splitlines()[0]}: {error}")
            return block[0]
        if language == "python":
            return block[0]
        shown = "\n".join(line.rstrip() for line in printed.strip("\n").splitlines())
        return f"```console\n{body.splitlines()[0]}\n{shown}\n```"

    return BLOCK.sub(again, text), failures


def run_in_new_folder(language: str, body: str) -> str:
    """What an example prints; the files that it writes are deleted."""
    with TemporaryDirectory() as folder:
        return RUN[language](body, Path(folder))


def main(pages: Sequence[Path]) -> None:
    """Refreshes pages and prints which have changed and which examples failed."""
    failed = False
    for page in pages:
        text = page.read_text(encoding="utf-8")
        new, failures = refreshed(text, run_in_new_folder)
        if new != text:
            page.write_text(new, encoding="utf-8")
            print(f"{page}: changed", flush=True)
        for failure in failures:
            print(f"{page}: failed: {failure}", file=sys.stderr)
        failed |= bool(failures)
    sys.exit(failed)


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or PAGES)
