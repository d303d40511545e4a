"""Hook of MkDocs: links that leave docs/ work on the site as they do in the repository.

The site holds docs/ at its root and, beside it under their own paths, the files that its pages link to elsewhere in the
repository (results/README.md, CONTRIBUTING.md, ...). README.md stands there as overview.md. MkDocs then checks every link.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "results/README.md")
LINK = re.compile(r"(\]\()(?![a-z]+:|#)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Adds the pages outside docs/, and what they and the pages in docs/ link to."""
    pages = [ROOT / page for page in PAGES]
    for path in [*pages, *_linked([*pages, *DOCS.rglob("*.md")])]:
        place = _place(path)
        if files.get_file_from_path(place) is None and path.is_file():
            files.append(File.generated(config, place, abs_src_path=str(path)))


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turns links between places in the repository into links between places on the site."""
    assert page.file.abs_src_path is not None
    source, here = Path(page.file.abs_src_path), os.path.dirname(page.file.src_uri)

    def moved(link: re.Match[str]) -> str:
        return link[1] + os.path.relpath(_place((source.parent / link[2]).resolve()), here or ".")

    return LINK.sub(moved, markdown)


def _linked(pages: list[Path]) -> Iterator[Path]:
    """Files outside docs/ that pages link to, whatever their kind."""
    for page in pages:
        for _, target in LINK.findall(page.read_text(encoding="utf-8")):
            path = (page.parent / target).resolve()
            if not path.is_relative_to(DOCS) and path.suffix != ".md":
                yield path


def _place(path: Path) -> str:
    """Where a file of the repository stands on the site."""
    if path == ROOT / "README.md":
        return "overview.md"  # MkDocs takes README.md for a start page, and docs/ has another
    return path.relative_to(DOCS if path.is_relative_to(DOCS) else ROOT).as_posix()
