import numpy as np
import pandas as pd
import pytest

from sparselaw.errors import UserError
from sparselaw.fit.multipliers import compare_groups
from sparselaw.runs import Runs

TRUE = {
    ("unstructured", 0.5): 1.7,
    ("2:4", 0.5): 1.7,
    ("4:8", 0.5): 1.5,
    ("unstructured", 0.75): 2.2,
    ("1:4", 0.75): 1.6,
    ("2:8", 0.75): 1.6,
}
LABELS = {(pattern, S): f"{100 * S:g}% {pattern}" for pattern, S in TRUE}
SIZES, SEEDS = (18.8e3, 37.6e3, 75.3e3, 154e3), 3


def sweep(durations=(2.25e6,), *, noise=0.0, shared=0.0, rng=None, seeds=SEEDS):
    """Four dense sizes, two of each pattern, by a known law; noise in ln L, part of it shared by a shape and seed."""
    rows = [("unstructured", 0.0, N, D, 1.0) for N in SIZES for D in durations]
    rows += [(*key, N, D, m) for key, m in TRUE.items() for N in SIZES[::2] for D in durations]
    frame = pd.DataFrame(rows * seeds, columns=["pattern", "sparsity", "nonzero_params", "data", "multiplier"])
    frame["loss"] = 30 * (frame.nonzero_params * frame.multiplier) ** -0.4 + (2e4 / frame.data) ** 0.5 + 1.2
    if noise:
        frame["loss"] *= np.exp(noise * rng.standard_normal(len(frame)))
    if shared:
        frame["seed"] = np.repeat(np.arange(seeds), len(rows))
        shape = np.log(frame.nonzero_params / (1 - frame.sparsity)).round(1)
        luck = frame.groupby([shape, "data", "seed"]).ngroup()
        frame["loss"] *= np.exp(shared * rng.standard_normal(len(frame)))[luck]
    return Runs.from_frame(frame, name="simulated")


@pytest.mark.parametrize("durations", [(2.25e6,), (1e6, 3e6, 9e6)], ids=["one D", "three D"])
def test_without_noise_the_truth_is_found(durations):
    found = compare_groups(sweep(durations))
    multipliers = {group.label: group.multiplier for group in found.groups}
    assert multipliers == pytest.approx({LABELS[key]: m for key, m in TRUE.items()}, rel=1e-4)
    assert found.fit.parameters["b_N"] == pytest.approx(0.4, rel=1e-3)
    assert ("b_D" in found.fit.parameters) == (len(durations) > 1)
    assert found.noise.of_runs == pytest.approx(0, abs=1e-6)
    truth = {LABELS[key]: m for key, m in TRUE.items()}
    assert all(r.ratio == pytest.approx(truth[r.first] / truth[r.second], rel=1e-4) for r in found.ratios)
    assert {r.is_beyond_noise for r in found.ratios if truth[r.first] != truth[r.second]} == {True}


@pytest.mark.parametrize(("noise", "shared"), [(0.012, 0.0), (0.003, 0.016)], ids=["of runs", "mostly shared"])
def test_intervals_hold_the_truth_as_often_as_they_say(noise, shared):
    """50 simulated sweeps: each interval by itself, and all fifteen ratios at once."""
    rng = np.random.default_rng(0)
    truth = {LABELS[key]: m for key, m in TRUE.items()}
    single, family = [], []
    for _ in range(50):
        found = compare_groups(sweep(noise=noise, shared=shared, rng=rng))
        single += [g.interval[0] <= truth[g.label] <= g.interval[1] for g in found.groups]
        family.append(all(r.interval[0] <= truth[r.first] / truth[r.second] <= r.interval[1] for r in found.ratios))
    assert 0.9 <= np.mean(single) <= 0.99
    assert np.mean(family) >= 0.86


def test_shared_luck_cancels_between_groups_of_the_same_seeds():
    """The truth differs by 6% at 50% sparsity, which noise of this size hides from runs that are not paired."""
    paired = sweep(noise=0.001, shared=0.02, rng=np.random.default_rng(3), seeds=4)
    unpaired = Runs.from_frame(paired.table.drop(columns="seed"), name="unpaired")
    verdicts = []
    for runs in (paired, unpaired):
        ratios = {(r.first, r.second): r for r in compare_groups(runs).ratios}
        verdicts.append(ratios["50% 4:8", "50% unstructured"].is_beyond_noise)
    assert verdicts == [True, False]


def test_the_parts_of_the_noise_are_told():
    found = compare_groups(sweep(noise=0.004, shared=0.02, rng=np.random.default_rng(1), seeds=20))
    assert found.noise.of_runs == pytest.approx(0.004, rel=0.1)
    assert found.noise.of_blocks == pytest.approx(0.02, rel=0.15)
    alone = compare_groups(sweep(noise=0.02, rng=np.random.default_rng(1), seeds=20))
    assert alone.noise.of_runs == pytest.approx(0.02, rel=0.1)
    assert alone.noise.of_blocks == 0


def test_groups_are_told_apart_by_any_columns():
    runs = sweep()
    table = runs.table.assign(recipe=np.where(runs.table["pattern"] == "2:4", None, "gradual"))
    found = compare_groups(Runs.from_frame(table, name="more"), ("recipe", "pattern"))
    assert [group.label for group in found.groups] == [
        "50% 2:4",
        "50% gradual 4:8",
        "50% gradual unstructured",
        "75% gradual 1:4",
        "75% gradual 2:8",
        "75% gradual unstructured",
    ]
    assert [group.num_runs for group in compare_groups(Runs.from_frame(table, name="more"), ()).groups] == [18, 18]


def test_a_group_of_a_single_run_has_an_interval():
    runs = sweep(noise=0.01, rng=np.random.default_rng(2))
    is_first_2_8 = (runs.table["pattern"] == "2:8") & (runs.table["nonzero_params"] < 2e4) & (runs.table.index < 16)
    found = compare_groups(runs.select((runs.table["pattern"] != "2:8") | is_first_2_8))
    alone = next(group for group in found.groups if group.label == "75% 2:8")
    others = [group for group in found.groups if group.num_runs > 1]
    assert alone.num_runs == 1
    assert alone.interval[1] / alone.interval[0] > max(g.interval[1] / g.interval[0] for g in others)


def test_a_multiplier_beyond_the_dense_runs_is_called_extrapolated():
    small = sweep()
    kept = (small.sparsity > 0) | (small.nonzero_params < 1e5)
    warnings = compare_groups(small.select(kept)).warnings
    assert sum("larger than any trained" in sentence for sentence in warnings) == len(TRUE)
    one_size = small.select((small.sparsity > 0) | (small.nonzero_params < 2e4))
    assert any("All dense runs have one size" in sentence for sentence in compare_groups(one_size).warnings)


@pytest.mark.parametrize(
    ("change", "by", "complaint"),
    [
        (lambda runs: runs, ("colour",), "simulated has no column 'colour' to compare by; give one of"),
        (lambda runs: runs.select(runs.sparsity > 0), ("pattern",), "has no dense runs"),
        (lambda runs: runs.select(runs.sparsity == 0), ("pattern",), "has no sparse runs"),
        (
            lambda runs: runs.select(np.arange(len(runs)) < 7),
            ("pattern",),
            "7 runs are too few to estimate 5 coefficients and the noise",
        ),
    ],
    ids=["column", "dense", "sparse", "few"],
)
def test_what_cannot_be_compared_is_told(change, by, complaint):
    with pytest.raises(UserError, match=complaint):
        compare_groups(change(sweep()), by)
