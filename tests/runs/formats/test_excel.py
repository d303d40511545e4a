"""Workbooks: the sheet with the table, its values as they are, and the sentence for every other workbook."""

import datetime
import gzip
import io
import sys
import zipfile

import openpyxl
import pandas as pd
import pytest

from sparselaw.runs.formats import archives, excel
from sparselaw.runs.formats.excel import read_excel

RUNS = [["run", "N", "D", "loss"], ["007", 1000000, 1e9, 0.1], ["b", "2M", 1e9, 3.25]]


def workbook(**sheets: list[list]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def test_a_workbook_is_read(read) -> None:
    runs = read(workbook(Runs=RUNS), "runs.xlsx")
    assert runs.nonzero_params.tolist() == [1e6, 2e6]
    assert runs.loss.tolist() == [0.1, 3.25]
    assert runs.table["run"].tolist() == ["007", "b"]


def test_what_pandas_writes_is_read(read) -> None:
    sink = io.BytesIO()
    pd.DataFrame(RUNS[1:], columns=RUNS[0], index=[3, 9]).to_excel(sink)
    runs = read(sink.getvalue(), "runs")
    assert list(runs.table.columns) == ["nonzero_params", "sparsity", "data", "loss", "run"]
    assert runs.loss.tolist() == [0.1, 3.25]


def test_values_are_as_they_are() -> None:
    day = datetime.datetime(2024, 1, 2)
    cells = ["a", 123456789012345, 0.1, True, day, None, "#N/A"]
    found = read_excel(workbook(A=[[f"c{k}" for k in range(7)], cells, cells]), "r").frame
    first = found.iloc[0].tolist()
    assert first[:4] == ["a", 123456789012345, 0.1, True]
    assert first[4] == day
    assert first[5] is None
    assert first[6] == "#N/A"


def test_rows_have_the_numbers_of_excel(refusal) -> None:
    content = workbook(A=[[], *RUNS[:2], [None, None], ["c", 1e6, 1e9, "x"]])
    assert refusal(content, "r.xlsx") == "r.xlsx, row 5, column 'loss': 'x' is not a number; correct or remove it."


def test_other_sheets_without_a_table_are_left_out(read) -> None:
    assert read(workbook(Notes=[["my sweep"]], Runs=RUNS, Empty=[]), "r.xlsx").loss.tolist() == [0.1, 3.25]


@pytest.mark.parametrize(
    ("sheets", "sentence"),
    [
        ({"One": RUNS, "Two": RUNS}, "r.xlsx has tables in several sheets ('One', 'Two'); keep one of them."),
        ({"One": RUNS[:1]}, "r.xlsx holds no runs; give a table with one row per run."),
        ({"One": []}, "r.xlsx holds no runs; give a table with one row per run."),
        (
            {"One": [*RUNS, [*RUNS[1], "note"]]},
            "r.xlsx, row 4 has 5 cells, but the header has 4; correct it.",
        ),
        (
            {"One": [*RUNS, ["c", 1e6, 1e9]]},
            "r.xlsx, row 4, column 'loss': is empty or NaN; fill it, or leave such runs out with where \"loss > 0\".",
        ),
    ],
    ids=["several", "header", "empty", "long", "short"],
)
def test_other_workbooks(refusal, sheets: dict, sentence: str) -> None:
    assert refusal(workbook(**sheets), "r.xlsx") == sentence


def test_without_openpyxl(refusal, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    sentence = "r.xlsx is an Excel file, which needs openpyxl; pip install openpyxl, or save it as CSV."
    assert refusal(workbook(A=RUNS), "r.xlsx") == sentence


def rezipped(content: bytes, **changes: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, changes.get(name.rpartition("/")[2].partition(".")[0], old.read(name)))
    return sink.getvalue()


@pytest.mark.parametrize("part", ["workbook", "sheet1", "styles"])
def test_a_damaged_workbook_is_one_sentence(refusal, part: str) -> None:
    found = refusal(rezipped(workbook(A=RUNS), **{part: b"<a"}), "r.xlsx")
    assert found.startswith("r.xlsx cannot be read as Excel (")
    assert found.endswith("); save it as CSV.")


def test_a_row_beyond_all_rows_does_not_hang(refusal, monkeypatch) -> None:
    monkeypatch.setattr(excel, "MOST_ROWS", 1000)
    sheet = b'<worksheet><sheetData><row r="999999999999"><c r="A1"><v>1</v></c></row></sheetData></worksheet>'
    sheet = sheet.replace(
        b"<worksheet", b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    )
    found = refusal(rezipped(workbook(A=RUNS), sheet1=sheet), "r.xlsx")
    assert found == "r.xlsx cannot be read as Excel (more rows than Excel has); save it as CSV."


def test_a_workbook_has_a_limit(refusal, monkeypatch) -> None:
    monkeypatch.setattr(archives, "MOST_BYTES", 1000)
    assert refusal(workbook(A=RUNS), "r.xlsx").startswith("r.xlsx holds more than ")
    monkeypatch.setattr(archives, "MOST_BYTES", 10_000_000)
    assert "r.xlsx.gz" not in refusal(gzip.compress(workbook(A=RUNS[:1])), "r.xlsx")
