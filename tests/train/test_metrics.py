"""What a run writes while it trains, and what it shows."""

import json

import pytest

from sparselaw.train import metrics, run
from sparselaw.train.metrics import MetricsLog, describe, progress


def _lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_metrics_reach_the_hook_and_evaluations_the_metrics(tiny, tmp_path):
    seen = []
    run(tiny(eval_every=8), tmp_path, hook=seen.append)
    assert seen == _lines(tmp_path)
    assert [line["step"] for line in seen if "heldout_loss" in line] == [8, 16, 20]
    assert seen[0].keys() >= {"step", "data", "loss", "learning_rate", "gradient_norm", "tokens_per_second", "sparsity"}


def test_quiet_says_nothing(tiny, tmp_path, capfd):
    run(tiny(), tmp_path, quiet=True)
    said = capfd.readouterr()
    assert said.out == said.err == ""


def test_lines_after_the_checkpoint_are_cut_off_and_made_again(tmp_path):
    path, seen = tmp_path / "metrics.jsonl", []
    log = MetricsLog(path)
    log.write({"step": 1})
    kept = log.sync()
    log.write({"step": 2})
    log.close()
    again = MetricsLog(path, offset=kept, hooks=[seen.append])
    assert path.read_text() == '{"step": 1}\n'
    again.write({"step": 3})
    again.close()
    assert path.read_text() == '{"step": 1}\n{"step": 3}\n'
    assert seen == [{"step": 3}]


def test_an_offset_beyond_the_file_adds_nothing(tmp_path):
    (tmp_path / "metrics.jsonl").write_text("{}\n")
    MetricsLog(tmp_path / "metrics.jsonl", offset=1000).close()
    assert (tmp_path / "metrics.jsonl").read_text() == "{}\n"


def test_without_a_file_nothing_is_written_nor_handed_on():
    seen = []
    log = MetricsLog(None, hooks=[seen.append])
    log.write({"step": 1})
    log.close()
    assert seen == []


LINE = {"step": 5, "loss": 3.25, "sparsity": 0.5, "images_per_second": 1234.0}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (LINE, "loss 3.2500  sparsity 50.0%  1.23K images/s"),
        ({"step": 5, "heldout_loss": 2.0}, "held-out loss 2.0000"),
    ],
    ids=["training", "evaluation"],
)
def test_a_line_for_people(line, words):
    assert describe(line) == words


def test_plain_lines_are_few_and_say_how_long_it_takes(capsys, monkeypatch):
    clock = iter([0.0, 1.0, 10.0, 11.0])
    monkeypatch.setattr(metrics.time, "monotonic", lambda: next(clock))
    with progress(100, first_step=0) as show:
        for step in (10, 20, 30):
            show(LINE | {"step": step})
        show({"step": 31, "heldout_loss": 2.0})  # an evaluation is always shown
    shown = capsys.readouterr().err.splitlines()
    assert [line.split("  ")[0] for line in shown] == ["step 10/100", "step 30/100", "step 31/100"]
    assert shown[1].endswith("  35 s left")  # 20 steps took 10 s, and 70 are left
