"""The command `compare-patterns`."""

import json

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def patterns(tmp_path):
    """Three patterns by a known law, 1:4 being far worse than unstructured 75%, and noise of 0.2%."""
    rng = np.random.default_rng(0)
    sizes, groups = (2e4, 8e4), {(0.75, "unstructured"): 2.2, (0.75, "1:4"): 1.2, (0.5, "2:4"): 2.2}
    rows = [(N, 0.0, "unstructured", 1.0) for N in (*sizes, 3.2e5)]
    rows += [(N, *group, m) for group, m in groups.items() for N in sizes]
    frame = pd.DataFrame(rows * 3, columns=["nonzero_params", "sparsity", "pattern", "m"])
    frame["loss"] = 30 * (frame["nonzero_params"] * frame.pop("m")) ** -0.4 + 1.3
    frame["loss"] *= np.exp(0.002 * rng.standard_normal(len(frame)))
    frame.assign(data=1e6).to_csv(tmp_path / "patterns.csv", index=False)
    return tmp_path / "patterns.csv"


def test_words_say_which_patterns_differ(call, patterns, tmp_path):
    code, out, err = call("compare-patterns", patterns, "--figure", tmp_path / "figure.png")
    assert (code, err) == (0, "")
    assert "75% 1:4 is worse than 75% unstructured" in out
    assert "50% 2:4 is better than 75% 1:4" in out
    assert "50% 2:4 is better than 75% unstructured" not in out
    assert "compared with 9 dense runs" in out
    assert (tmp_path / "figure.png").stat().st_size > 1000


def test_groups_and_ratios_as_json(call, patterns):
    _, out, _ = call("compare-patterns", patterns, "--json")
    found = json.loads(out)
    assert [g["label"] for g in found["groups"]] == ["50% 2:4", "75% 1:4", "75% unstructured"]
    assert [g["multiplier"] for g in found["groups"]] == pytest.approx([2.2, 1.2, 2.2], rel=0.1)
    assert [(r["first"], r["is_beyond_noise"]) for r in found["ratios"]] == [
        ("50% 2:4", True),
        ("50% 2:4", False),
        ("75% 1:4", True),
    ]


def test_several_tables_are_one(call, patterns, tmp_path):
    table = pd.read_csv(patterns)
    halves = [table[table["sparsity"] == 0], table[table["sparsity"] > 0]]
    for name, half in zip(("dense.csv", "sparse.csv"), halves, strict=True):
        half.to_csv(tmp_path / name, index=False)
    sources = ([patterns], [tmp_path / "dense.csv", tmp_path / "sparse.csv"])
    found = [json.loads(call("compare-patterns", *source, "--json")[1])["groups"] for source in sources]
    assert [g["label"] for g in found[0]] == [g["label"] for g in found[1]]
    assert [g["interval"] for g in found[1]] == [pytest.approx(g["interval"], rel=0.02) for g in found[0]]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "Give RUNS, at least one table or folder of runs."),
        (["{patterns}", "--by", "colour"], "has no column 'colour' to compare by; give one of nonzero_params, "),
        (["{patterns}", "--by", "patern"], "did you mean 'pattern'?"),
        (["{patterns}", "--confidence", "95"], "--confidence is 95; give a number between 0 and 1."),
        (["{patterns}", "{images}"], "count data in examples and images"),
    ],
    ids=["nothing", "column", "nearly a column", "confidence", "units"],
)
def test_a_mistake_is_one_sentence(call, patterns, words, complaint):
    images = patterns.with_name("images.csv")
    pd.read_csv(patterns).assign(data_unit="images").to_csv(images, index=False)
    words = [word.format(patterns=patterns, images=images) for word in words]
    code, out, err = call("compare-patterns", *words)
    assert (code, out) == (2, "")
    assert complaint in err
    assert err.count("\n") == 1
