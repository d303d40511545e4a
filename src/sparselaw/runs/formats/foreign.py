"""Files that are no tables, refused by their name: what they are, and what to export instead."""

from __future__ import annotations

import re
from pathlib import PurePath

from sparselaw.errors import UserError

_AS_CSV = "save the table as CSV"
_PICKLE = f"is a Python pickle, which can run code when it is read; {_AS_CSV} (table.to_csv)"
_EVENTS = "is an event file of TensorBoard; download the curve as CSV in TensorBoard, or write the numbers to a CSV"
_WANDB = "is a log of Weights & Biases; export the runs or the chart as CSV in its web page"
_NUMPY = f"is a NumPy file, which has no names of columns; {_AS_CSV} with a header"
_HTML = "is an HTML page; copy its table to a CSV, or download the file that the page shows"
_YAML = "is a YAML file; write the runs to a CSV with one row per run"
_ARCHIVE = "is an archive; unpack it and give the table"
_IMAGE = "is an image; write its numbers to a CSV"
_NOTEBOOK = f"is a notebook; {_AS_CSV} in it (table.to_csv)"
_STARTS = {
    b"SQLite format 3\0": f"is an SQLite database; {_AS_CSV} (sqlite3 -header -csv FILE 'select * from runs')",
    b"\x89HDF\r\n\x1a\n": f"is an HDF5 file; {_AS_CSV} (pandas.read_hdf, then table.to_csv)",
    b"\x93NUMPY": _NUMPY,
    b":W&B": _WANDB,
    b"%PDF-": "is a PDF; copy its table to a CSV",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "is an old Excel or Office file; save it as .xlsx or CSV",
    b"7z\xbc\xaf\x27\x1c": _ARCHIVE,
    b"Rar!": _ARCHIVE,
    b"\x89PNG": _IMAGE,
    b"\xff\xd8\xff": _IMAGE,
    b"version https://git-lfs": "is a pointer of Git LFS and not the file itself; fetch it with git lfs pull",
}
_PICKLED = re.compile(rb"\x80[\x02-\x05]")
_PAGE = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body|table)\b", re.IGNORECASE)
_NAMES = (
    (re.compile(r"tfevents(?!.*\.(csv|json)$)"), _EVENTS),
    (re.compile(r"\.wandb$"), _WANDB),
    (re.compile(r"\.(pkl|pickle|pt|pth|joblib)$"), _PICKLE),
    (re.compile(r"\.np[yz]$"), _NUMPY),
    (re.compile(r"\.ya?ml$"), _YAML),
    (re.compile(r"\.toml$"), _YAML.replace("YAML", "TOML")),
    (re.compile(r"\.html?$"), _HTML),
    (re.compile(r"\.ipynb$"), _NOTEBOOK),
)
_MEMBERS = (
    (re.compile(r"(^|/)data\.pkl$"), _PICKLE),
    (re.compile(r"\.npy$"), _NUMPY),
    (re.compile(r"^xl/workbook\.bin$"), "is a binary Excel file; save it as .xlsx or CSV"),
    (re.compile(r"^(content\.xml|word/|ppt/)"), "is an Office document; save its table as CSV"),
)

LOG = "{} is a text log; write its numbers to a CSV with one row per run."
_LOSS = re.compile(r"loss\b['\"]?\s{0,3}[:=]?\s{0,3}-?[0-9]", re.IGNORECASE)
_PAIR = re.compile(r"[a-z_][\w./-]{0,60}\s{0,3}[:=]\s{0,3}-?[0-9.]+", re.IGNORECASE)


def named(name: str) -> str | None:
    """What a file is by its name, and what to do; None if nothing else than a table."""
    last = PurePath(name).name.lower()
    return next((what for pattern, what in _NAMES if pattern.search(last)), None)


def refuse_foreign(content: bytes, name: str, where: str) -> None:
    """Refuses a file that is no table.

    Args:
        content: bytes of the file.
        name: its name, which tells some of the formats.
        where: its name for the message.

    Raises:
        UserError: what it is, and what to export instead.
    """
    what = next((what for start, what in _STARTS.items() if content.startswith(start)), None) or named(name)
    if what is None and _PICKLED.match(content):
        what = _PICKLE
    if what is None and content[257:262] == b"ustar":
        what = _ARCHIVE
    if what is None and _PAGE.match(content[:1000]):
        what = _HTML
    if what is not None:
        raise UserError(f"{where} {what}.")


def refuse_members(members: list[str], where: str) -> None:
    """Refuses a zip that is the file of another program.

    Raises:
        UserError: what it is, and what to export instead.
    """
    for pattern, what in _MEMBERS:
        if any(map(pattern.search, members)):
            raise UserError(f"{where} {what}.")


def opens_as_log(text: str) -> bool:
    """Whether the first two lines are those of a log such as `step 1000 | loss 3.21` or `step=1000 lr=0.1`."""
    lines = [line for line in text[:10_000].splitlines() if line.strip()][:2]
    return bool(lines) and all(_LOSS.search(line) or len(_PAIR.findall(line)) > 1 for line in lines)


def has_log_lines(text: str) -> bool:
    """Whether several lines give a loss in words."""
    return sum(bool(_LOSS.search(line)) for line in text.splitlines()) > 1
