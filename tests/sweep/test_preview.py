import re

import pytest
import torch

from sparselaw.sweep import Cell, SweepConfig, expand
from sparselaw.sweep.preview import preview
from sparselaw.train import load_config, run
from sparselaw.train.processes import Processes
from sparselaw.train.run_folder import prepare


def test_facts_are_those_of_the_run_itself(runs, tmp_path):
    seen = preview(runs, threads=1, probe=False)
    for one, planned in zip(seen[:3], runs[:3], strict=True):
        result = run(planned.config, tmp_path / planned.name, quiet=True)
        assert one.facts.items() <= result.items()
        assert not one.problem


def test_memory_counts_every_tensor_of_a_step(runs):
    """Weights, gradients, both moments of AdamW and masks by formula; activations are what is left, and not nothing."""
    seen = preview(runs[-1:], threads=1)[0]
    training = prepare(runs[-1].config, Processes(torch.device("cpu")))
    num_weights = sum(p.numel() for p in training.model.parameters())
    num_masked = sum(mask.numel() for mask in training.pruner.masks.values())
    activations = seen.memory - 4 * 4 * num_weights - num_masked
    width, tokens, vocabulary = seen.facts["width"], 4 * 32, training.data.vocab_size
    assert 4 * tokens * (10 * width + vocabulary) < activations < 4 * tokens * (60 * width + 6 * vocabulary)


def test_time_is_positive_and_grows_with_steps(runs):
    short, long = preview([runs[0], runs[1]], threads=1)
    assert long.facts["steps"] == 4 * short.facts["steps"]
    assert 0 < short.seconds < long.seconds < 4.1 * short.seconds


def test_the_probe_does_not_speak_of_its_own_length(base, tmp_path):
    """A run that sees each example once is not warned of repeating, however long the probe's would be."""
    (tmp_path / "text").mkdir()
    for number in range(60):
        (tmp_path / "text" / f"{number}.txt").write_text(f"{number} " * 200)
    changes = {"data.source": str(tmp_path / "text"), "data.cache": str(tmp_path / "cache")}
    (seen,) = preview(expand(SweepConfig(str(base), cells=(Cell(3000, 0.5, 1e3),), set=changes)), threads=1)
    assert not seen.problem
    assert seen.seconds > 0


def test_runs_from_a_checkpoint_are_as_large_as_it_is(base, tmp_path):
    dense = load_config(base, ["model.width=20", "pruning.sparsity=0"])
    result = run(dense, tmp_path / "dense", quiet=True)
    axes = {"inits": (str(tmp_path / "dense"),), "sparsities": (0.5,), "data": (1e4,)}
    sweep = SweepConfig(str(base), patterns=("unstructured", "4:8"), **axes)
    plain, grouped = preview(expand(sweep), threads=1, probe=False)
    assert plain.facts["nonzero_params"] == result["dense_params"] // 2
    assert plain.facts["init_data"] == result["data"]
    assert grouped.problem.startswith(
        f"width 20 of {tmp_path / 'dense'} does not divide into groups of 8; choose another"
    )


@pytest.mark.parametrize(
    ("cell", "changes", "complaint"),
    [
        (Cell(100, 0.995, 1e4), {}, "would be left in a row"),
        (
            Cell(3000, 0.5, 1e12),
            {"data.source": "python"},
            r"needs 1T tokens, but the data has \S+ unique ones; reduce data",
        ),
        (Cell(3000, 0.5, 1e4), {"data.source": "glyphs"}, "cannot be trained on images"),
    ],
    ids=["less than one in a row", "data", "kind"],
)
def test_impossible_runs_are_told_before_they_are_trained(base, cell, changes, complaint):
    (seen,) = preview(expand(SweepConfig(str(base), cells=(cell,), set=changes)), threads=1, probe=False)
    assert re.search(complaint, seen.problem), seen.problem
