import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from sparselaw.errors import UserError
from sparselaw.train.data import DataConfig, open_data
from sparselaw.train.data.tokenizers import load_encoder


@pytest.fixture
def tokenizer_file(tmp_path):
    def make(special_tokens):
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=400, special_tokens=special_tokens, initial_alphabet=alphabet, show_progress=False
        )
        tokenizer.train_from_iterator(["the book of all lines that differ"] * 20, trainer)
        tokenizer.save(str(tmp_path / "tokenizer.json"))
        return str(tmp_path / "tokenizer.json")

    return make


def _span_config(tokenizer, book, folder):
    source, cache = str(book), str(folder / "cache")
    return DataConfig(source=source, tokenizer=tokenizer, sequence_length=128, span_corruption=True, cache=cache)


def test_bytes_round_trip_and_end_with_end_of_document():
    text = "naïve λ 漢字 🎈\n"
    (ids,) = load_encoder("bytes").encode([text])
    assert bytes((ids[:-1] - 3).astype(np.uint8)).decode() == text
    assert ids[-1] == 1
    assert load_encoder("bytes").vocabulary.size == 259


def test_tokenizer_file_gives_its_ids_and_the_end_token(tokenizer_file):
    path = tokenizer_file(["<pad>", "</s>"])
    encoder, reference = load_encoder(path), Tokenizer.from_file(path)
    for text, ids in zip(["the book", "naïve λ"], encoder.encode(["the book", "naïve λ"]), strict=True):
        assert ids.tolist() == [*reference.encode(text).ids, 1]
    assert encoder.vocabulary.size == reference.get_vocab_size()


def test_own_sentinels_of_a_tokenizer_are_used(tokenizer_file, book, tmp_path):
    path = tokenizer_file(["<pad>", "</s>", *(f"<extra_id_{number}>" for number in range(99, -1, -1))])
    data = open_data(_span_config(path, book, tmp_path))
    assert data.vocab_size == Tokenizer.from_file(path).get_vocab_size()
    assert data.batch(0, 2)["labels"][0, 0] == Tokenizer.from_file(path).token_to_id("<extra_id_0>")


def test_sentinels_are_added_to_a_tokenizer_without(tokenizer_file, book, tmp_path):
    path = tokenizer_file(["</s>"])
    data = open_data(_span_config(path, book, tmp_path))
    assert data.vocab_size == Tokenizer.from_file(path).get_vocab_size() + 100
    assert (data.batch(0, 2)["labels"][:, 0] == data.vocab_size - 1).all()


def test_large_vocabularies_take_32_bits(tokenizer_file):
    encoder = load_encoder(tokenizer_file(["</s>", *(f"<{number}>" for number in range(70_000))]))
    assert encoder.dtype == np.dtype("<u4")
    assert load_encoder("bytes").dtype == np.dtype("<u2")


def test_tokenizer_without_end_token_is_refused(tokenizer_file):
    with pytest.raises(UserError, match="no end-of-document token"):
        load_encoder(tokenizer_file(["<pad>"]))


def test_broken_tokenizer_file_is_refused(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(UserError, match="Cannot read the tokenizer"):
        load_encoder(str(tmp_path))
