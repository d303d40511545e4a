"""Local files and Hugging Face datasets; the latter from local files through the same streaming code."""

import gc
import gzip
import json
from itertools import islice

import pandas as pd
import pytest

from sparselaw.errors import UserError
from sparselaw.train.data.text_sources import hub_source, local_source

# The datasets library leaves the file of a half-read stream to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")

TEXTS = [f"document number {number}, " * 20 for number in range(500)]


@pytest.fixture(autouse=True)
def _collect_open_files():
    yield
    gc.collect()


def _drawn(source, position=None):
    return [text for text, _ in source.documents(position)]


@pytest.fixture(params=["parquet", "jsonl", "csv", "jsonl.gz"])
def table(request, tmp_path):
    folder = tmp_path / "tables"
    folder.mkdir()
    path = folder / f"part.{request.param}"
    frame = pd.DataFrame({"text": TEXTS, "other": 1})
    if request.param == "parquet":
        frame.to_parquet(path, row_group_size=64)
    elif request.param == "csv":
        frame.to_csv(path, index=False)
    else:
        content = "".join(json.dumps(row) + "\n" for row in frame.to_dict("records")).encode()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def test_tables_give_a_document_a_row(table):
    assert _drawn(local_source(table, "text")) == TEXTS


@pytest.mark.parametrize("stop", [1, 64, 300, 500])
def test_local_source_goes_on_from_a_position(table, stop):
    (table.parent / "zz.txt").write_text("the last file\n")
    source = local_source(table.parent, "text")
    positions = [tell() for _, tell in islice(source.documents(None), stop)]
    position = json.loads(json.dumps(positions[-1]))
    assert _drawn(source, position) == [*TEXTS, "the last file\n"][stop:]


@pytest.mark.parametrize("stop", [1, 64, 300, 500])
def test_hub_stream_goes_on_from_a_position(table, stop):
    source = hub_source(str(table.parent), "text")
    drawn = []
    for text, tell in islice(source.documents(None), stop):
        drawn.append(text)
        position = tell()
    assert drawn == TEXTS[:stop]
    assert _drawn(source, json.loads(json.dumps(position))) == TEXTS[stop:]


def test_missing_text_column_is_named(table):
    with pytest.raises(UserError, match=r"no text column 'body'; set data\.text_column to one of text, other"):
        _drawn(local_source(table, "body"))
    with pytest.raises(UserError, match="no text column 'other'"):
        _drawn(hub_source(str(table.parent), "other"))


def test_text_files_are_cut_between_lines_and_nothing_is_lost(book):
    blocks = _drawn(local_source(book, "text"))
    assert "".join(blocks) == book.read_text()
    assert len(blocks) > 30
    assert all(block.endswith("\n") for block in blocks)


def test_a_folder_is_read_in_order_without_hidden_files(tmp_path):
    for name in ("b/2.txt", "a/1.md", ".git/config", "c/.hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert _drawn(local_source(tmp_path, "text")) == ["a/1.md", "b/2.txt"]


def test_broken_table_is_refused(tmp_path):
    (tmp_path / "part.parquet").write_bytes(b"not a table")
    with pytest.raises(UserError, match=r"part\.parquet' cannot be read as parquet"):
        _drawn(local_source(tmp_path, "text"))


def test_hub_stream_that_has_ended_stays_ended(table):
    source = hub_source(str(table.parent), "text")
    *_, (_, tell) = source.documents(None)
    assert _drawn(source, json.loads(json.dumps(tell()))) == []
