"""Compressed files: what is in them, and the sentence for each that is damaged or too large."""

import bz2
import gzip
import io
import lzma
import sys
import zipfile

import numpy as np
import pytest
import zstandard

from sparselaw.runs.formats import archives
from sparselaw.runs.formats.archives import stem, unpacked

CSV = b"N,D,loss,run\n1000000,1e9,0.1,007\n2000000,1e9,3.25,b\n"


def zipped(*files: tuple[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return sink.getvalue()


PACKED = {
    "gzip": (".gz", gzip.compress(CSV)),
    "bzip2": (".bz2", bz2.compress(CSV)),
    "xz": (".xz", lzma.compress(CSV)),
    "zstd": (".zst", zstandard.compress(CSV)),
    "zip or Excel": (".zip", zipped(("folder/", b""), ("folder/r.csv", CSV), ("__MACOSX/r.csv", b"x"))),
}


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("named", [True, False], ids=["by name", "by content"])
def test_what_is_in_it_is_read(read, kind: str, named: bool) -> None:
    ending, content = PACKED[kind]
    runs = read(content, f"runs.csv{ending}" if named else "runs")
    np.testing.assert_array_equal(runs.loss, [0.1, 3.25])
    assert runs.table["run"].tolist() == ["007", "b"]


@pytest.mark.parametrize("kind", PACKED)
def test_the_format_is_that_of_the_file_inside(read, kind: str) -> None:
    lines = b'{"N": 1e6, "D": 1e9, "loss": 3.5}'
    packed = {
        "gzip": gzip.compress,
        "bzip2": bz2.compress,
        "xz": lzma.compress,
        "zstd": zstandard.compress,
        "zip or Excel": lambda content: zipped(("runs.jsonl", content)),
    }
    assert read(packed[kind](lines), f"runs.jsonl{PACKED[kind][0]}").loss.tolist() == [3.5]


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("length", [-3, 12])
def test_a_truncated_file_is_one_sentence(refusal, kind: str, length: int) -> None:
    found = refusal(PACKED[kind][1][:length], "r")
    assert found.startswith(f"r is a damaged {kind} file (")
    assert found.endswith("); copy or export it again.")
    assert "\n" not in found


@pytest.mark.parametrize("kind", PACKED)
def test_a_bomb_is_one_sentence(refusal, monkeypatch, kind: str) -> None:
    monkeypatch.setattr(archives, "MOST_BYTES", len(CSV) - 1)
    assert refusal(PACKED[kind][1], "r").startswith("r holds more than ")
    assert refusal(PACKED[kind][1], "r").endswith(" GB unpacked; give the table alone.")


def test_the_limit_is_a_gigabyte(refusal) -> None:
    bomb = gzip.compress(b"\0" * 10**7) * 101  # members follow one another
    assert refusal(bomb, "r.gz") == "r.gz holds more than 1 GB unpacked; give the table alone."


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (zipped(("a.csv", CSV), ("b.csv", CSV)), "r is a zip of 2 files; unpack it and give one, or the folder."),
        (zipped(), "r is a zip of 0 files; unpack it and give one, or the folder."),
        (gzip.compress(gzip.compress(CSV)), "r holds another compressed file; unpack it and give the table."),
        (zipped(("a.zip", zipped(("a", CSV)))), "r holds another compressed file; unpack it and give the table."),
        (gzip.compress(b""), "r is empty; give a table with one row per run."),
    ],
    ids=["two", "none", "twice", "zip in zip", "empty"],
)
def test_other_archives(refusal, content: bytes, sentence: str) -> None:
    assert refusal(content, "r") == sentence


def test_a_zip_with_a_password(refusal) -> None:
    content = bytearray(zipped(("a.csv", CSV)))
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(mark) + offset] |= 1
    assert refusal(bytes(content), "r.zip").startswith(
        "r.zip is a damaged zip or Excel file (File 'a.csv' is encrypted"
    )


def test_zstd_without_its_reader(refusal, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    sentence = "r.zst is a zstd file, which needs pyarrow; install it, or unpack it with zstd -d."
    assert refusal(PACKED["zstd"][1], "r.zst") == sentence


def test_other_content_stays_as_it_is() -> None:
    assert unpacked(CSV, "a.csv", "a.csv") == (CSV, "a.csv")
    assert [stem(name) for name in ("a.csv.gz", "a.CSV.GZ", "a.csv")] == ["a.csv", "a.CSV", "a.csv"]
