import math

import pytest

from sparselaw.errors import UserError
from sparselaw.fit import open_fit
from sparselaw.sweep import Cell, SweepConfig, expand, load_sweep

GRID = """
base = "base.toml"
nonzeros = ["3K", 12e3]
sparsities = [0, 0.5, 0.75]
data = ["20K", "80K"]
seeds = [0, 7]

[set]
data.heldout = 5
optimizer.weight_decay = 0

[[cells]]
nonzeros = "48K"
sparsity = 0.75
data = "1M"
"""


@pytest.fixture
def sweep(base):
    path = base.parent / "sweep.toml"
    path.write_text(GRID)
    return path


def test_the_grid_is_the_product_of_its_axes_and_the_cells(sweep):
    runs = expand(load_sweep(sweep))
    assert len(runs) == 2 * 3 * 2 * 2 + 1
    assert len({run.name for run in runs}) == len(runs)
    assert [run.name for run in runs[:2]] == ["N3K-S0-D20K-seed0", "N3K-S0-D20K-seed7"]
    assert runs[-1].name == "N48K-S0.75-D1M-seed0"


def test_a_cell_decides_size_sparsity_data_and_seeds_and_set_the_rest(sweep):
    config = {run.name: run.config for run in expand(load_sweep(sweep))}["N12K-S0.5-D80K-seed7"]
    assert (config.model.nonzeros, config.model.width, config.pruning.sparsity) == (12e3, 0, 0.5)
    assert (config.budget, config.steps, config.seed, config.data.seed) == (80e3, 0, 7, 7)
    assert (config.data.heldout, config.optimizer.weight_decay) == (5, 0)
    assert (config.batch_size, config.pruning.update_every) == (4, 3)  # of the base


def test_equal_cells_are_one_run(base):
    cells = (Cell(3e3, 0.5, 1e4), Cell(3e3, 0.5, 1e4, seeds=(0, 1)))
    assert [run.name[-5:] for run in expand(SweepConfig(str(base), cells=cells))] == ["seed0", "seed1"]


@pytest.mark.parametrize(
    ("sparsity", "patterns", "expected"),
    [
        (0.0, ("unstructured", "2:4"), ["N4.1K-S0-D10K-seed0"]),
        (0.5, ("unstructured", "2:4", "1:4"), ["N4.1K-S0.5-D10K-seed0", "N4.1K-S0.5-2of4-D10K-seed0"]),
        (0.75, ("2:4", "1:4"), ["N4.1K-S0.75-1of4-D10K-seed0"]),
    ],
)
def test_a_pattern_is_trained_at_the_sparsity_it_has(base, sparsity, patterns, expected):
    config = SweepConfig(str(base), nonzeros=(4096.0,), sparsities=(sparsity,), data=(1e4,), patterns=patterns)
    runs = expand(config)
    assert [run.name for run in runs] == expected


def test_variants_are_trained_in_each_cell_and_dense_models_once(base):
    variants = {"rigl": {"pruning": {"method": "rigl"}}, "static": {"pruning": {"start": 0, "end": 0}}}
    axes = {"nonzeros": (4096.0,), "sparsities": (0.0, 0.5), "data": (1e4,)}
    runs = {run.name: run.config for run in expand(SweepConfig(str(base), variants=variants, **axes))}
    assert list(runs) == ["N4.1K-S0-D10K-seed0", "N4.1K-S0.5-rigl-D10K-seed0", "N4.1K-S0.5-static-D10K-seed0"]
    assert [config.pruning.method for config in runs.values()] == ["gradual", "rigl", "gradual"]
    assert runs["N4.1K-S0.5-static-D10K-seed0"].pruning.end == 0


def test_variants_of_more_than_pruning_are_of_dense_models_too(base):
    variants = {"low": {"learning_rate.peak": 1e-3}, "high": {"learning_rate": {"peak": 1e-2}}}
    runs = expand(
        SweepConfig(str(base), variants=variants, cells=(), nonzeros=(4096.0,), sparsities=(0.0,), data=(1e4,))
    )
    assert [(run.name, run.config.learning_rate.peak) for run in runs] == [
        ("N4.1K-S0-low-D10K-seed0", 1e-3),
        ("N4.1K-S0-high-D10K-seed0", 1e-2),
    ]


def test_checkpoints_take_the_place_of_sizes(base):
    (base.parent / "dense").mkdir()
    path = base.parent / "sweep.toml"
    path.write_text('base = "base.toml"\ninits = ["dense", "me/model"]\nsparsities = [0.5]\ndata = ["20K"]')
    runs = expand(load_sweep(path))
    assert [run.name for run in runs] == ["from-dense-S0.5-D20K-seed0", "from-model-S0.5-D20K-seed0"]
    assert [run.config.model.init for run in runs] == [str(base.parent / "dense"), "me/model"]
    assert {(run.config.model.width, run.config.model.nonzeros) for run in runs} == {(0, 0)}
    path.write_text('base = "base.toml"\ncells = [{init = "dense", nonzeros = 0, sparsity = 0.5, data = "20K"}]')
    assert expand(load_sweep(path)) == runs[:1]


def test_chinchilla_is_twenty_tokens_a_parameter_without_a_law(base):
    axes = {"nonzeros": (3e3,), "sparsities": (0.5,), "times_chinchilla": (1.0, 2.5)}
    assert [run.config.budget for run in expand(SweepConfig(str(base), **axes))] == [6e4, 1.5e5]


def test_chinchilla_of_a_law_is_where_no_other_dense_size_does_better(base):
    """At the budget 6 N D of the cell, the loss over dense sizes is lowest at the cell's own N."""
    axes = {"nonzeros": (2e7,), "sparsities": (0.0,), "times_chinchilla": (1.0,)}
    (run,) = expand(SweepConfig(str(base), law="t5-c4-refit", **axes))
    law, budget = open_fit("t5-c4-refit"), 2e7 * run.config.budget
    losses = {factor: law.predict(0.0, factor * 2e7, budget / (factor * 2e7)) for factor in (0.98, 1.0, 1.02)}
    assert min(losses, key=losses.get) == 1.0


def test_a_law_that_was_fitted_again_is_read_again(base, tmp_path):
    budgets = []
    for name in ("t5-c4-refit", "t5-c4-published"):
        open_fit(name).save(tmp_path / "fit.json")
        axes = {"nonzeros": (2e7,), "sparsities": (0.0,), "times_chinchilla": (1.0,)}
        for law in (str(tmp_path / "fit.json"), name):
            budgets += [run.config.budget for run in expand(SweepConfig(str(base), law=law, **axes))]
    assert budgets[0] == budgets[1] != budgets[2] == budgets[3]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"nonzeros": ()}, "The grid has no nonzeros"),
        ({"data": ()}, "The grid has no data"),
        ({"times_chinchilla": (1.0,)}, "both data and times_chinchilla; remove one"),
        ({"nonzeros": (), "sparsities": (), "data": ()}, "The sweep has no runs"),
        ({"inits": ("dense",)}, "inits, which set the size; remove nonzeros"),
        ({"cells": (Cell(3e3, 0.5, 1e4, variant="rigl"),)}, "A cell has the variant 'rigl', which the sweep does not"),
    ],
)
def test_refuses_a_grid_without_cells(base, change, complaint):
    axes = {"nonzeros": (3e3,), "sparsities": (0.5,), "data": (1e4,)} | change
    with pytest.raises(UserError, match=complaint):
        SweepConfig(str(base), **axes)


@pytest.mark.parametrize(
    "cell", [(0.0, 0.5, 1e4), (3e3, 1.0, 1e4), (3e3, -0.1, 1e4), (3e3, 0.5, 0.0), (math.inf, 0.5, 1e4)]
)
def test_refuses_impossible_cells(cell):
    with pytest.raises(UserError, match="give a"):
        Cell(*cell)


def test_refuses_cells_that_would_share_a_folder(base):
    with pytest.raises(UserError, match="both named N12"):
        expand(SweepConfig(str(base), cells=(Cell(12_288, 0.5, 1e4), Cell(12_290, 0.5, 1e4))))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("sparsitys = [0]", r"unknown key sparsitys; the keys here are base, nonzeros, inits, sparsities"),
        ("nonzeros = ['many']", r"bad value for nonzeros: 'many' is not a number"),
        ("set.pruning.sparsty = 1", r"unknown key pruning\.sparsty"),
        ("base = 'nothing'", r"nothing is neither a file nor a recipe"),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence(base, line, complaint):
    path = base.parent / "sweep.toml"
    lines = {"base": 'base = "base.toml"', "nonzeros": "nonzeros = [3000]", "set": "", "sparsitys": ""}
    key = line.partition(" ")[0].partition(".")[0]
    body = [*(text for name, text in lines.items() if name != key), line, "sparsities = [0.5]", "data = [1e4]"]
    path.write_text("\n".join(body))
    with pytest.raises(UserError, match=complaint):
        expand(load_sweep(path))
