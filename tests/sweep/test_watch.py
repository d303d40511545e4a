import json

import numpy as np
import pytest

from sparselaw.sweep.jobs import Outcome
from sparselaw.sweep.watch import Sighting, described, last_line, seconds_left, watching


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", {}),
        ('{"step": 1}\n{"step": 2}\n', {"step": 2}),
        ('{"step": 1}\n{"st', {"step": 1}),
        ("x" * 9000 + "\n" + '{"step": 3}\n', {"step": 3}),
        ("not JSON\n", {}),
    ],
    ids=["empty", "whole", "in the middle of a line", "long", "other"],
)
def test_the_last_whole_line(tmp_path, content, expected):
    path = tmp_path / "metrics.jsonl"
    path.write_text(content)
    assert last_line(path) == expected
    assert last_line(tmp_path / "missing") == {}


def test_the_time_left_is_exact_where_the_law_of_two_terms_holds():
    def run(name, steps, flops, share, *, done=False):
        return Sighting(name, "", steps, flops, int(share * steps), share * (0.01 * steps + 1e-9 * flops), done=done)

    runs = [run("a", 1000, 1e10, 1, done=True), run("b", 2000, 8e10, 0.5), run("c", 500, 4e10, 0)]
    expected = 0.5 * (20 + 80) + (5 + 40)
    np.testing.assert_allclose(seconds_left(runs, 1), expected)
    np.testing.assert_allclose(seconds_left(runs, 2), expected / 2)
    assert seconds_left(runs[2:], 1) is None


def test_plain_lines_where_there_is_no_terminal(tmp_path, capsys):
    runs = [Sighting("first", str(tmp_path), 10, 1e6), Sighting("second", str(tmp_path), 10, 1e6)]
    (tmp_path / "metrics.jsonl").write_text(json.dumps({"step": 5, "seconds": 2.0, "loss": 3.5}) + "\n")
    result = {"loss": 2.5, "seconds": 4.0, "steps_done": 10}
    with watching(runs, workers=1) as watch:
        watch.ended(Outcome("first", "finished", result=result, warnings=("data repeats",)))
        watch.ended(Outcome("second", "failed", "no more memory"))
        runs[1].done = False
        runs[1].look()
        watch.refresh()
    assert capsys.readouterr().err.splitlines() == [
        "[1/2] first finished: loss 2.5000 in 4 s",
        "warning: first: data repeats",
        "[2/2] second failed: no more memory",
        "1 of 2 runs done, about 2 s left",
    ]


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome("a", "diverged", "after 5 of 10 steps"), "diverged: after 5 of 10 steps"),
        (Outcome("a", "interrupted"), "interrupted"),
    ],
)
def test_ends_in_words(outcome, expected):
    assert described(outcome) == expected
