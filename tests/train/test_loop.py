"""The loop: batches, gradients, evaluation, and the ways in which it ends before its time."""

import json
import math
import os
import signal

import pytest
import torch

from sparselaw.train import loop, run
from sparselaw.train.processes import Processes
from sparselaw.train.run_folder import prepare, read_result


def _alone():
    return Processes(torch.device("cpu"))


def _lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_sigterm_saves_and_stops_and_the_run_goes_on(tiny, tmp_path):
    undisturbed = run(tiny(), tmp_path / "undisturbed")

    def terminate(line):
        if line["step"] == 10:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    stopped = run(tiny(), tmp_path / "stopped", hook=terminate)
    assert (stopped["status"], stopped["loss"], stopped["steps_done"]) == ("interrupted", None, 11)
    assert signal.getsignal(signal.SIGTERM) is before
    assert read_result(tmp_path / "stopped") is None
    assert run(tiny(), tmp_path / "stopped")["loss"] == undisturbed["loss"]
    shown = [(line["step"], line.get("loss")) for line in _lines(tmp_path / "stopped")]
    assert shown == [(line["step"], line.get("loss")) for line in _lines(tmp_path / "undisturbed")]


def test_loss_that_is_not_a_number_ends_the_run(tiny, tmp_path, monkeypatch):
    forward = loop._forward_backward

    def poisoned(training, replica, *, step, stop):
        loss, norm, stop = forward(training, replica, step=step, stop=stop)
        return (math.nan if step == 12 else loss), norm, stop

    monkeypatch.setattr(loop, "_forward_backward", poisoned)
    result = run(tiny(), tmp_path)
    assert (result["status"], result["loss"], result["steps_done"]) == ("diverged", None, 12)
    assert result["seconds"] > 0
    assert read_result(tmp_path) == result


@pytest.mark.parametrize("peak", [1e3, 1e30])
def test_a_rate_far_too_high_is_marked_as_diverged(tiny, tmp_path, peak):
    result = run(tiny(learning_rate={"peak": peak, "warmup": 0.0}, optimizer={"clip": 0.0}), tmp_path)
    assert (result["status"], result["loss"]) == ("diverged", None)
    assert json.loads((tmp_path / "result.json").read_text()) == result


def test_accumulated_parts_are_one_batch(tiny):
    gradients = []
    for accumulation in (1, 2, 4):
        training = prepare(tiny(accumulation=accumulation), _alone())
        loss, norm, _ = loop._forward_backward(training, training.model, step=0, stop=False)
        gradients.append((loss, norm, [p.grad for p in training.model.parameters()]))
    for loss, norm, gradient in gradients[1:]:
        assert loss == pytest.approx(gradients[0][0], rel=1e-6)
        assert norm == pytest.approx(gradients[0][1], rel=1e-5)
        torch.testing.assert_close(gradient, gradients[0][2])


def test_gradients_are_clipped_to_the_norm(tiny):
    training = prepare(tiny(optimizer={"clip": 0.01}), _alone())
    _, norm, _ = loop._forward_backward(training, training.model, step=0, stop=False)
    clipped = torch.cat([p.grad.flatten() for p in training.model.parameters()]).norm().item()
    assert norm > 0.01
    assert clipped == pytest.approx(0.01, rel=1e-3)


def test_evaluation_weighs_every_example_alike(tiny):
    """Batches of 4 and of 3, the last one smaller, give the same mean."""
    a, b = (loop.evaluate(prepare(tiny(batch_size=size, data={"heldout": 16}), _alone())) for size in (4, 3))
    assert a == pytest.approx(b, rel=1e-6)


def test_a_window_of_metrics_is_the_mean_since_the_last():
    state = loop.LoopState()
    for loss in (4.0, 2.0):
        state.add(loss)
    assert (state.step, state.first_loss, state.close_window()) == (2, 4.0, 3.0)
    state.add(1.0)
    assert (state.step, state.first_loss, state.close_window()) == (3, 4.0, 1.0)


def test_non_zeros_are_those_of_the_body_by_mask(tiny):
    training = prepare(tiny(pruning={"sparsity": 0.75, "start": 0, "end": 0}), _alone())
    assert training.num_dense == 12 * 16**2
    assert training.num_nonzero == training.num_dense // 4
    assert training.units_per_step == 4 * 32


def test_outside_the_main_thread_signals_are_left_alone():
    from threading import Thread

    answers, before = [], signal.getsignal(signal.SIGTERM)

    def ask():
        with loop.stop_on_sigterm() as stop_asked:
            answers.append((stop_asked(), signal.getsignal(signal.SIGTERM)))

    thread = Thread(target=ask)
    thread.start()
    thread.join()
    assert answers == [(False, before)]
