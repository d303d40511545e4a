"""Check a built site: local links work, nothing is loaded from elsewhere, and the API reference is complete.

    python tools/check_site.py site

The strict mode of MkDocs checks the links in the Markdown pages; this script checks the links in the HTML.
"""

import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

PACKAGES = ("laws", "runs", "fit", "cost", "plan", "design", "prune", "train", "sweep")
LOADS = {"script": "src", "img": "src", "iframe": "src", "link": "href"}
ELSEWHERE = re.compile(r"(?:[a-z]+:)?//")
OTHER = re.compile(r"(mailto|data|javascript):")


class Page(HTMLParser):
    """The anchors, links and loaded files of one page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.anchors, self.links, self.loads = set(), set(), set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.add(found["href"])
        elif LOADS.get(tag) in found:
            self.loads.add(found[LOADS[tag]])


@cache
def page_at(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def problems(site: Path) -> Iterator[str]:
    """One sentence for each problem of the site."""
    for path in sorted(site.rglob("*.html")):
        name, page = path.relative_to(site), page_at(path)
        for target in sorted(page.loads):
            if ELSEWHERE.match(target):
                yield f"{name} loads {target}"
        for target in sorted(page.links | page.loads):
            if not ELSEWHERE.match(target) and not OTHER.match(target) and not _exists(site, path, target):
                yield f"{name} links to {target}, which does not exist"
    for path in sorted(site.rglob("*.css")):
        for target in re.findall(r"url\(['\"]?([^)'\"]+)", path.read_text(encoding="utf-8")):
            if ELSEWHERE.match(target):
                yield f"{path.relative_to(site)} loads {target}"
    for package in PACKAGES:
        yield from _missing(package, page_at(site / "api" / f"{package}.html").anchors)


def _exists(site: Path, page: Path, target: str) -> bool:
    file, _, anchor = unquote(target).partition("#")
    linked = (site / file.lstrip("/") if file.startswith("/") else page.parent / file).resolve() if file else page
    linked = linked / "index.html" if linked.is_dir() else linked
    return linked.is_file() and (not anchor or linked.suffix != ".html" or anchor in page_at(linked).anchors)


def _missing(package: str, anchors: set[str]) -> Iterator[str]:
    """Public functions and classes without an entry, under their public address or that of their module."""
    module = importlib.import_module(f"sparselaw.{package}")
    for name in module.__all__:
        value = getattr(module, name, None)
        addresses = {f"{module.__name__}.{name}", f"{getattr(value, '__module__', '')}.{name}"}
        if (inspect.isclass(value) or inspect.isfunction(value)) and not addresses & anchors:
            yield f"api/{package}.html has no entry for {name}"


def main(site: Path) -> None:
    found = list(problems(site))
    print(
        "\n".join(found) or f"{len(list(site.rglob('*.html')))} pages: no broken links, nothing loaded from elsewhere"
    )
    sys.exit(bool(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
