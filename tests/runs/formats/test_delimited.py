"""The dialects of tables in text, and logs in words."""

import numpy as np
import pytest

from sparselaw.runs.formats.delimited import read_delimited

CELLS = {"N": [1000000, 20], "run": ["007", "a b"], "loss": [0.1, 3.25]}


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        pytest.param("N,run,loss\n1000000,007,0.1\n20,a b,3.25\n", [2, 3], id="commas"),
        pytest.param("N|run|loss\n1000000|007|0.1\n20|a b|3.25\n", [2, 3], id="bars"),
        pytest.param("N | run | loss\n\n1000000 | 007 | 0.1\n20 | a b | 3.25\n", [3, 4], id="bars and blanks"),
        pytest.param("| N | run | loss |\n| 1000000 | 007 | 0.1 |\n| 20 | a b | 3.25 |\n", [2, 3], id="outer bars"),
        pytest.param("|N|run|loss|\n|-|-|-|\n|1000000|007|0.1|\n|20|a b|3.25|\n", [3, 4], id="Markdown"),
        pytest.param("     N   run  loss\n1000000  007   0.1\n     20  a b  3.25\n", [2, 3], id="aligned"),
        pytest.param("sep=|\nN|run|loss\n1000000|007|0.1\n20|a b|3.25\n", [3, 4], id="Excel"),
    ],
)
def test_dialects(text: str, rows: list[int]) -> None:
    table = read_delimited(text, "r.csv")
    assert {name: table.frame[name].tolist() for name in table.frame.columns} == CELLS
    assert list(table.rows) == rows


def test_the_last_comment_is_the_header_where_numbers_follow_it() -> None:
    table = read_delimited("# by numpy\n# N D loss\n1.0e+06 1e9 3.5\n2.0e+06 1e9 3.25\n", "r.txt")
    assert list(table.frame.columns) == ["N", "D", "loss"]
    np.testing.assert_array_equal(table.frame["loss"], [3.5, 3.25])
    table = read_delimited("# my sweep\nloss 1,loss 2\n3.5,3.25\n", "r.csv")
    assert list(table.frame.columns) == ["loss 1", "loss 2"]


LOGS = {
    "bars": "step 1000 | loss 3.21 | tokens 1.2e9\nstep 2000 | loss 3.11 | tokens 2.4e9\n",
    "nanoGPT": "iter 0: train loss 10.9, val loss 10.8\niter 500: train loss 3.1, val loss 3.2\n",
    "banner": "tokens per iteration: 491,520\nhello\niter 0: loss 10.9, time 12ms\niter 10: loss 3.1, time 11ms\n",
    "pairs": "step=1000 lr=0.1\nstep=2000 lr=0.1\n",
    "one line": "step 1000 | loss 3.21",
    "words": "Training starts\nstep 1 loss 3.21\nstep 2 loss 3.11\n",
    "times": "[2024-01-01 10:00:00] step=1 loss=3.2\n[2024-01-01 10:00:01] step=2 loss=3.1\n",
    "printed": "{'loss': 3.2, 'epoch': 0.1}\n{'loss': 3.1, 'epoch': 0.2}\n",
}


@pytest.mark.parametrize("name", LOGS)
def test_a_log_in_words_is_refused_by_name(refusal, name: str) -> None:
    sentence = "run.log is a text log; write its numbers to a CSV with one row per run."
    assert refusal(LOGS[name], "run.log") == sentence


def test_tables_about_losses_are_no_logs(read, refusal) -> None:
    runs = read('N,D,loss,note\n1e6,1e9,3.5,loss 3.5 after restart\n2e6,1e9,3.25,"loss: 3.25"\n')
    assert runs.table["note"].tolist() == ["loss 3.5 after restart", "loss: 3.25"]
    text = "N,D,loss,run\n1e6,1e9,3.5,lr=0.1 wd=0.2\n2e6,1e9,3.25\n3e6,1e9,3,lr=0.3 wd=0.2"
    assert refusal(text) == "runs.csv, row 3 has 3 cells, but the header has 4; correct it."
