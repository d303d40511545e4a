"""MkDocs hook: links from docs/ to other files of the repository also work on the site.

The root of the site is docs/. Files elsewhere in the repository that its pages link to (results/README.md, CONTRIBUTING.md,
...) are added under their own paths, and README.md as overview.md. MkDocs then checks every link.
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
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "results/README.md", "results/preregistration.md")
LINK = re.compile(r"(\]\()(?![a-z]+:|#)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages outside docs/, and the files that they and the pages in docs/ link to."""
    pages = [ROOT / page for page in PAGES]
    for path in [*pages, *_linked([*pages, *DOCS.rglob("*.md")])]:
        place = _place(path)
        if files.get_file_from_path(place) is None and path.is_file():
            files.append(File.generated(config, place, abs_src_path=str(path)))


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Replace links between files of the repository by links between pages of the site."""
    assert page.file.abs_src_path is not None
    source, here = Path(page.file.abs_src_path), os.path.dirname(page.file.src_uri)

    def moved(link: re.Match[str]) -> str:
        return link[1] + os.path.relpath(_place((source.parent / link[2]).resolve()), here or ".")

    return LINK.sub(moved, markdown)


def _linked(pages: list[Path]) -> Iterator[Path]:
    """Files outside docs/ that pages link to, except Markdown."""
    for page in pages:
        for _, target in LINK.findall(page.read_text(encoding="utf-8")):
            path = (page.parent / target).resolve()
            if not path.is_relative_to(DOCS) and path.suffix != ".md":
                yield path


def _place(path: Path) -> str:
    """The path on the site of a file of the repository."""
    if path == ROOT / "README.md":
        return "overview.md"  # MkDocs would use README.md as the start page, but docs/ has its own
    return path.relative_to(DOCS if path.is_relative_to(DOCS) else ROOT).as_posix()
