"""Files that are no tables, and the sentence for each."""

import io
import pickle
import sqlite3
import tarfile
import zipfile

import numpy as np
import pytest
import torch

from sparselaw.runs.formats.foreign import LOG, has_log_lines, named, opens_as_log


def saved(save, *content) -> bytes:
    sink = io.BytesIO()
    save(*content, sink) if save is torch.save else save(sink, *content)
    return sink.getvalue()


def database(path) -> bytes:
    with sqlite3.connect(path) as connection:
        connection.execute("create table runs (n)")
    connection.close()
    return path.read_bytes()


def archive() -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("runs.csv"))
    return sink.getvalue()


def members(**files) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as packed:
        for name, content in files.items():
            packed.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return sink.getvalue()


PICKLE = "is a Python pickle, which can run code when it is read; save the table as CSV (table.to_csv)."
NUMPY = "is a NumPy file, which has no names of columns; save the table as CSV with a header."
EVENTS = "is an event file of TensorBoard; download the curve as CSV in TensorBoard, or write the numbers to a CSV."
HTML = "is an HTML page; copy its table to a CSV, or download the file that the page shows."
YAML = "is a YAML file; write the runs to a CSV with one row per run."
OFFICE = "is an Office document; save its table as CSV."


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        *[(f"r{k}.bin", pickle.dumps({"a": 1}, protocol=k), PICKLE) for k in (2, 3, 4, 5)],
        ("r.pkl", b"(dp0\n.", PICKLE),
        ("r.pickle", b"anything", PICKLE),
        ("r.bin", saved(torch.save, {"a": 1}), PICKLE),
        ("r.pt", b"anything", PICKLE),
        ("r.pth", b"anything", PICKLE),
        ("r.bin", saved(np.save, np.zeros(3)), NUMPY),
        ("r.bin", saved(np.savez, np.zeros(3)), NUMPY),
        ("r.h5", b"\x89HDF\r\n\x1a\n", "is an HDF5 file; save the table as CSV (pandas.read_hdf, then table.to_csv)."),
        ("events.out.tfevents.170.host.1", b"\x18\0\0", EVENTS),
        ("run-1.wandb", b":W&B", "is a log of Weights & Biases; export the runs or the chart as CSV in its web page."),
        ("r.yaml", b"a: 1", YAML),
        ("r.yml", b"a: 1", YAML),
        ("r.toml", b"a = 1", YAML.replace("YAML", "TOML")),
        ("r.pdf", b"%PDF-1.7", "is a PDF; copy its table to a CSV."),
        ("r.csv", b"\n<!DOCTYPE html><html>", HTML),
        ("r.html", b"<p>", HTML),
        ("r.ipynb", b"{}", "is a notebook; save the table as CSV in it (table.to_csv)."),
        ("r.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old Excel or Office file; save it as .xlsx or CSV."),
        ("r.xlsb", members(xl__workbook_dot_bin="x"), "is a binary Excel file; save it as .xlsx or CSV."),
        ("r.ods", members(content_dot_xml="x", meta_dot_xml="x"), OFFICE),
        ("r.docx", members(word__document_dot_xml="x"), OFFICE),
        ("r.tar.gz", archive(), "is an archive; unpack it and give the table."),
        ("r.png", b"\x89PNG\r\n", "is an image; write its numbers to a CSV."),
        (
            "r.csv",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n",
            "is a pointer of Git LFS and not the file itself; fetch it with git lfs pull.",
        ),
    ],
)
def test_what_is_no_table_is_refused_by_its_name(refusal, name: str, content: bytes, sentence: str) -> None:
    assert refusal(content, name) == f"{name} {sentence}"


def test_a_database_is_refused(refusal, tmp_path) -> None:
    found = refusal(database(tmp_path / "a"), "r.db")
    assert found == (
        "r.db is an SQLite database; save the table as CSV (sqlite3 -header -csv FILE 'select * from runs')."
    )


def test_only_the_name_of_a_file_counts(tmp_path) -> None:
    assert named("/home/tfevents/a.yaml.d/runs.csv") is None
    assert named("/home/RUNS.YAML") is not None
    assert named("tfevents.csv") is None


def test_lines_of_logs() -> None:
    assert opens_as_log("step 1 loss 3\n\nstep 2 loss 2\nrest")
    assert not opens_as_log("step,loss\n1,3\n")
    assert not opens_as_log("")
    assert has_log_lines("hello\nloss: 3\nloss = 2\n")
    assert not has_log_lines("loss 1,loss 2\n3,2\n")
    assert LOG.format("{x}").startswith("{x} is a text log")
