"""From a configuration to data: which source opens what, and the corpus that text becomes."""

import gc
import json

import numpy as np
import pandas as pd
import pytest

from sparselaw.errors import UserError
from sparselaw.train.data import DataConfig, open_data
from sparselaw.train.data.opening import _open_dataset

# The datasets library leaves the file of a half-read stream to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")


@pytest.fixture(autouse=True)
def _collect_open_files():
    yield
    gc.collect()


TEXTS = [f"document number {number}, " * 20 for number in range(500)]


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
        (lambda folder: folder.write_text(""), "has 0 training tokens, but one example needs 512"),
        (lambda folder: folder.write_text("short"), "training tokens, but one example needs 512"),
        (lambda folder: folder.write_text("long " * 200), "has 0 held-out tokens, but one example needs 512"),
        (lambda folder: folder.write_bytes(b"\xff\xfe\xfa" * 100), "is not UTF-8 text"),
        (lambda folder: None, "There is no file or folder"),
    ],
    ids=["empty-folder", "empty-file", "short", "no-heldout", "binary", "missing"],
)
def test_what_cannot_be_a_corpus_is_refused(tmp_path, make, message):
    make(tmp_path / "corpus")
    with pytest.raises(UserError, match=message):
        open_data(DataConfig(source=str(tmp_path / "corpus"), cache=str(tmp_path / "cache")))


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
    with pytest.raises(UserError, match=r"may be too large to download; set data\.max_tokens"):
        _open_dataset(DataConfig(), str(tmp_path / "hub"))


def test_hub_dataset_out_of_reach_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="Cannot open the dataset 'nobody/nothing'"):
        open_data(DataConfig(source="nobody/nothing", max_tokens=1000, cache=str(tmp_path / "cache")))


@pytest.mark.parametrize(
    ("source", "unit", "num_unique"), [("synthetic", "tokens", None), ("glyphs", "images", None)], ids=str
)
def test_endless_sources_by_name(source, unit, num_unique):
    data = open_data(DataConfig(source))
    assert (data.provenance["source"], data.unit, data.num_unique) == (source, unit, num_unique)


@pytest.mark.parametrize("source", ["nowhere.txt", "./nowhere", "~/nowhere-at-all", "/nowhere/at/all"])
def test_a_path_that_is_not_there_is_no_name_on_the_hub(source):
    with pytest.raises(UserError, match=r"^There is no file or folder '.*nowhere.*'; check data\.source\.$"):
        open_data(DataConfig(source))


def test_c4_is_a_data_set_on_the_hub(monkeypatch, tmp_path):
    from sparselaw.train.data import text_sources

    asked = []

    def stream(name, configuration):
        asked.append((name, configuration))
        raise UserError("out of reach")

    monkeypatch.setattr(text_sources, "stream_dataset", stream)
    with pytest.raises(UserError, match="out of reach"):
        open_data(DataConfig("c4", max_tokens=100, cache=str(tmp_path)))
    assert asked == [("allenai/c4", "en")]
