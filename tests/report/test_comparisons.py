import json
import sys

import numpy as np
import pandas as pd
import pytest

from sparselaw.cli import main


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


@pytest.fixture
def pretrained(tmp_path):
    """Checkpoints of 6M that reach after 1M what takes 2M from scratch."""
    frame = pd.DataFrame({"data": [1e6, 2e6, 4e6, 1e6], "loss": [2.0, 1.8, 1.7, 1.8], "init": ["", "", "", "dense"]})
    frame = frame.assign(nonzero_params=2e4, sparsity=0.5, init_data=6e6)
    frame.to_csv(tmp_path / "pretrained.csv", index=False)
    return tmp_path / "pretrained.csv"


@pytest.fixture
def sparselaw(monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["sparselaw", *map(str, words)])
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code
        return code, *capsys.readouterr()

    return run


def test_words_say_which_patterns_differ(sparselaw, patterns, tmp_path):
    code, out, err = sparselaw("compare-patterns", patterns, "--figure", tmp_path / "figure.png")
    assert (code, err) == (0, "")
    assert "75% 1:4 is worse than 75% unstructured" in out
    assert "50% 2:4 is better than 75% 1:4" in out
    assert "50% 2:4 is better than 75% unstructured" not in out
    assert "against 9 dense runs" in out
    assert (tmp_path / "figure.png").stat().st_size > 1000


def test_groups_and_ratios_as_json(sparselaw, patterns):
    _, out, _ = sparselaw("compare-patterns", patterns, "--json")
    found = json.loads(out)
    assert [g["label"] for g in found["groups"]] == ["50% 2:4", "75% 1:4", "75% unstructured"]
    assert [g["multiplier"] for g in found["groups"]] == pytest.approx([2.2, 1.2, 2.2], rel=0.1)
    assert [(r["first"], r["is_beyond_noise"]) for r in found["ratios"]] == [
        ("50% 2:4", True),
        ("50% 2:4", False),
        ("75% 1:4", True),
    ]


def test_several_tables_are_one(sparselaw, patterns, tmp_path):
    table = pd.read_csv(patterns)
    halves = [table[table["sparsity"] == 0], table[table["sparsity"] > 0]]
    for name, half in zip(("dense.csv", "sparse.csv"), halves, strict=True):
        half.to_csv(tmp_path / name, index=False)
    sources = ([patterns], [tmp_path / "dense.csv", tmp_path / "sparse.csv"])
    found = [json.loads(sparselaw("compare-patterns", *source, "--json")[1])["groups"] for source in sources]
    assert [g["label"] for g in found[0]] == [g["label"] for g in found[1]]
    assert [g["interval"] for g in found[1]] == [pytest.approx(g["interval"], rel=0.02) for g in found[0]]


def test_what_a_checkpoint_is_worth(sparselaw, pretrained, tmp_path):
    code, out, err = sparselaw("compare-pretrained", pretrained, "--figure", tmp_path / "figure.svg")
    assert (code, err) == (0, "")
    row = next(line for line in out.splitlines() if line.strip().startswith("50%"))
    assert row.split() == ["50%", "20K", "6M", "1M", "1", "1.8000", "2M", "2.00", "0.29"]
    assert "no intervals: no run is repeated" in out
    assert (tmp_path / "figure.svg").stat().st_size > 1000
    _, out, _ = sparselaw("compare-pretrained", pretrained, "--json")
    (value,) = json.loads(out)
    assert (value["factor"], value["extrapolated"]) == (pytest.approx(2), False)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("compare-patterns",), "give at least one table or folder of runs"),
        (("compare-patterns", "{patterns}", "--by", "colour"), "has no column 'colour' to compare by"),
        (("compare-patterns", "{patterns}", "--confidence", "95"), "--confidence must lie between 0 and 1, got 95.0"),
        (("compare-pretrained", "{patterns}"), "has no column 'init'"),
        (("compare-patterns", "{patterns}", "{images}"), "count data in examples and images"),
    ],
)
def test_a_mistake_is_one_sentence(sparselaw, patterns, words, complaint):
    images = patterns.with_name("images.csv")
    pd.read_csv(patterns).assign(data_unit="images").to_csv(images, index=False)
    code, out, err = sparselaw(*(word.format(patterns=patterns, images=images) for word in words))
    assert (code, out) == (2, "")
    assert complaint in err
    assert err.count("\n") == 1
