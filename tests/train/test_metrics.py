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
