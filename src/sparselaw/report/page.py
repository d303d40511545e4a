"""One HTML file with answers as they stand in the terminal and figures inlined, for any browser, offline."""

import base64
import html
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from rich.console import Console, RenderableType

from sparselaw.files import write_atomically

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}"
    "pre{overflow-x:auto;font-size:.8rem;line-height:1.3}img{max-width:100%;height:auto}"
)


def write_page(
    path: Path, *, title: str, lead: str, answers: Sequence[RenderableType], pictures: Sequence[Path]
) -> None:
    """Writes the page.

    Args:
        path: of the HTML file.
        title: its heading.
        lead: the sentence below it.
        answers: what `report.text` makes.
        pictures: PNG files; each file's name becomes the text in place of its picture.
    """
    parts = [f"<h1>{html.escape(title)}</h1>", f"<p>{html.escape(lead)}</p>", *map(_printed, answers)]
    parts += [_picture(picture) for picture in pictures]
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{html.escape(title)}</title>'
    )
    body = "\n".join(parts)
    page = f'<!doctype html>\n<html lang="en">\n<head>{head}<style>{_STYLE}</style></head>\n<body>\n{body}\n</body>\n</html>\n'
    write_atomically(path, page)


def _printed(content: RenderableType) -> str:
    console = Console(record=True, width=110, file=StringIO(), highlight=False)
    console.print(content)
    return console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")


def _picture(path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{html.escape(path.stem)}" src="data:image/png;base64,{data}">'
