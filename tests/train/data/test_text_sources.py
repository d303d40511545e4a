"""Local files and Hugging Face datasets; the latter from local files through the same streaming code."""

import gc
import gzip
import json
from itertools import islice

import numpy as np
import pandas as pd
import pytest

from sparselaw.errors import UserError
from sparselaw.train.data import DataConfig, open_data
from sparselaw.train.data.opening import _open_dataset
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


def test_windows_of_a_corpus_are_its_text_and_the_splits_are_apart(book, tmp_path):
    data = open_data(DataConfig(source=str(book), sequence_length=256, cache=str(tmp_path / "cache"), heldout=10**6))
    train = data.batch(0, data.num_examples)["input_ids"].numpy()
    heldout = np.concatenate([batch["input_ids"].numpy() for batch in data.validation(64)])
    text = book.read_bytes()
    lines = {name: _whole_lines(ids) for name, ids in {"train": train, "heldout": heldout}.items()}
    assert len(lines["heldout"]) > 500
    assert not lines["train"] & lines["heldout"]
    assert all(line in text for line in list(lines["train"])[:200])
    assert len(np.unique(train, axis=0)) == data.num_examples  # no window twice, in a text without repeats


def _whole_lines(ids):
    raw = [bytes((row[row != 1] - 3).astype(np.uint8)) for row in ids]
    return {line for window in raw for line in window.split(b"\n")[1:-1]}


def test_changed_files_and_settings_make_a_new_corpus(book, tmp_path):
    cache = tmp_path / "cache"
    first = open_data(DataConfig(source=str(book), cache=str(cache)))
    again = open_data(DataConfig(source=str(book), cache=str(cache), seed=3, sequence_length=64))
    assert len(list(cache.iterdir())) == 1
    assert again.provenance["corpus"] == first.provenance["corpus"]
    book.write_text(book.read_text() * 2)
    assert open_data(DataConfig(source=str(book), cache=str(cache))).num_unique > 1.9 * first.num_unique
    open_data(DataConfig(source=str(book), cache=str(cache), max_tokens=10_000))
    assert len(list(cache.iterdir())) == 3


def test_provenance_is_json_and_lists_files_with_hashes(book, tmp_path):
    data = open_data(DataConfig(source=str(book), cache=str(tmp_path / "cache"), seed=4))
    provenance = json.loads(json.dumps(data.provenance))
    assert provenance["seed"] == 4
    assert provenance["corpus"]["tokenizer"]["name"] == "bytes"
    assert len(provenance["corpus"]["source"]["files"]["book.txt"]) == 32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder.mkdir(), "holds no files"),
        (lambda folder: folder.write_text(""), "has 0 training tokens but one example takes 512"),
        (lambda folder: folder.write_text("short"), "training tokens but one example takes 512"),
        (lambda folder: folder.write_text("long " * 200), "has 0 held-out tokens but one example takes 512"),
        (lambda folder: folder.write_bytes(b"\xff\xfe\xfa" * 100), "is not UTF-8 text"),
        (lambda folder: None, "There is no file or folder"),
    ],
    ids=["empty-folder", "empty-file", "short", "no-heldout", "binary", "missing"],
)
def test_what_cannot_be_a_corpus_is_refused(tmp_path, make, message):
    make(tmp_path / "corpus")
    with pytest.raises(UserError, match=message):
        open_data(DataConfig(source=str(tmp_path / "corpus"), cache=str(tmp_path / "cache")))


def test_broken_table_is_refused(tmp_path):
    (tmp_path / "part.parquet").write_bytes(b"not a table")
    with pytest.raises(UserError, match=r"part\.parquet' cannot be read as parquet"):
        _drawn(local_source(tmp_path, "text"))


def test_hub_stream_that_has_ended_stays_ended(table):
    source = hub_source(str(table.parent), "text")
    *_, (_, tell) = source.documents(None)
    assert _drawn(source, json.loads(json.dumps(tell()))) == []


@pytest.mark.parametrize("span_corruption", [False, True])
def test_hub_dataset_becomes_a_corpus(tmp_path, span_corruption):
    (tmp_path / "hub").mkdir()
    pd.DataFrame({"text": TEXTS}).to_parquet(tmp_path / "hub" / "train.parquet", row_group_size=64)
    config = DataConfig(
        max_tokens=50_000, sequence_length=128, span_corruption=span_corruption, cache=str(tmp_path / "cache")
    )
    data = _open_dataset(config, str(tmp_path / "hub"))
    assert data.units_per_example == 128
    assert data.num_examples == 50_000 // (141 if span_corruption else 128)
    with pytest.raises(UserError, match=r"may be too large to take whole; set data\.max_tokens"):
        _open_dataset(DataConfig(), str(tmp_path / "hub"))


def test_hub_dataset_out_of_reach_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="Cannot open the dataset 'nobody/nothing'"):
        open_data(DataConfig(source="nobody/nothing", max_tokens=1000, cache=str(tmp_path / "cache")))
