import numpy as np
import pytest

from sparselaw.train.data import DataConfig, open_data
from sparselaw.train.data.synthetic import MAX_ORDER, NUM_SUCCESSORS, VOCAB_SIZE, rank_law, successor_walk


def _true_log_probabilities(tokens):
    """What the process itself says of each token but the first, (B, T-1), by looking its rank up."""
    out = np.full((tokens.shape[0], tokens.shape[1] - 1), -np.inf)
    ranks = np.arange(NUM_SUCCESSORS, dtype=np.uint64)
    for t in range(1, tokens.shape[1]):
        offset, stride = successor_walk(tokens[:, max(0, t - MAX_ORDER) : t].T.astype(np.uint64))
        successors = (offset[:, None] + ranks * stride[:, None]) % np.uint64(VOCAB_SIZE)
        example, rank = np.nonzero(successors == tokens[:, t, None])
        out[example, t - 1] = np.log(rank_law()[rank])
    return out


@pytest.fixture(scope="module")
def sample():
    data = open_data(DataConfig(source="synthetic", sequence_length=256))
    return data, data.batch(0, 512)["input_ids"].numpy()


def test_loss_of_the_true_process_is_the_entropy(sample):
    data, tokens = sample
    losses = -_true_log_probabilities(tokens)
    error = losses.std() / np.sqrt(losses.size)
    assert losses.mean() == pytest.approx(data.entropy, abs=4 * error)
    assert error < 0.005


def test_entropy_is_the_closed_form():
    weights = [1 / rank for rank in range(1, NUM_SUCCESSORS + 1)]
    expected = sum(w / sum(weights) * np.log(sum(weights) / w) for w in weights)
    assert open_data(DataConfig(source="synthetic")).entropy == pytest.approx(expected, rel=1e-12)


def test_contexts_own_distinct_successors(sample):
    _, tokens = sample
    offset, stride = successor_walk(tokens[:, :3].T.astype(np.uint64))
    ranks = np.arange(NUM_SUCCESSORS, dtype=np.uint64)
    successors = (offset[:, None] + ranks * stride[:, None]) % np.uint64(VOCAB_SIZE)
    assert all(len(set(row)) == NUM_SUCCESSORS for row in successors.tolist())


def test_longer_memory_pays_so_capacity_matters(sample):
    """Smoothed tables of what followed: each longer context lowers the loss on unseen text, and none reaches the
    entropy."""
    data, train = sample
    train = np.concatenate([train, data.batch(1, 512)["input_ids"].numpy()])
    test = next(iter(data.validation(128)))["input_ids"].numpy()

    def loss(order):
        def contexts(tokens):
            return sum(tokens[:, 2 - age : -1 - age].astype(np.int64) * VOCAB_SIZE**age for age in range(order))

        table = np.full((VOCAB_SIZE**order, VOCAB_SIZE), 0.01)
        np.add.at(table, (contexts(train), train[:, 3:]), 1)
        return -np.log(table[contexts(test), test[:, 3:]] / table[contexts(test)].sum(axis=-1)).mean()

    first, second = loss(1), loss(2)
    assert np.log(VOCAB_SIZE) - 0.1 > first > second + 0.1 > data.entropy + 0.3


def test_all_seeds_speak_one_language_and_share_the_held_out_set():
    one, two = (open_data(DataConfig(source="synthetic", sequence_length=64, seed=seed)) for seed in (1, 2))
    assert not (one.batch(0, 8)["input_ids"] == two.batch(0, 8)["input_ids"]).all()
    assert (next(one.validation(8))["input_ids"] == next(two.validation(8))["input_ids"]).all()
    assert np.isfinite(_true_log_probabilities(two.batch(3, 8)["input_ids"].numpy())).all()


def test_span_corruption_adds_sentinels_and_claims_no_entropy():
    data = open_data(DataConfig(source="synthetic", span_corruption=True))
    batch = data.batch(0, 4)
    assert batch["input_ids"].shape == (4, 512)
    assert batch["labels"].shape == (4, 114)
    assert batch["labels"].max() == data.vocab_size - 1
    assert data.entropy is None
