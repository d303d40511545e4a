"""What a sweep costs beside its training, measured in one run.

- throughput: the same runs with one worker and with two, as runs an hour;
- overhead: the share of a one-worker sweep, checkpoints and results included, that is not spent in a bare loop of data,
  forward, backward and optimiser, or in evaluating the held-out examples, for the same runs (the worker's start, once a
  sweep, is told apart);
- folders: seconds to list and read many finished runs, beside the bare reading of their result.json.

    python benchmarks/bench_sweep.py [steps of a run] [number of folders]
"""

import json
import os
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import torch

from sparselaw.runs.folders import runs_in
from sparselaw.sweep.jobs import Job
from sparselaw.sweep.local import train_locally
from sparselaw.train import load_config
from sparselaw.train.config import RunConfig, config_to
from sparselaw.train.loop import evaluate
from sparselaw.train.processes import Processes
from sparselaw.train.run_folder import prepare

NUM_RUNS = 4


def make_runs(steps: int) -> list[RunConfig]:
    """Equal runs of the laptop decoder, but for their seeds."""
    base = load_config("decoder-laptop", ["pruning.sparsity=0.5", "data.heldout=256"])
    return [replace(base, steps=steps, budget=0, seed=seed) for seed in range(NUM_RUNS)]


def sweep(runs: list[RunConfig], workers: int) -> tuple[float, float]:
    """Seconds until every worker has trained a run of one step, and seconds of the runs after that."""
    with tempfile.TemporaryDirectory() as folder:
        first = [replace(runs[0], steps=1, seed=1000 + k) for k in range(workers)]
        jobs = [Job(str(run.seed), config_to(run), f"{folder}/{run.seed}") for run in (*first, *runs)]
        start, marks = time.perf_counter(), []
        for outcome in train_locally(jobs, threading.Event(), workers=workers):
            assert outcome.status == "finished"
            marks.append(time.perf_counter() - start)
        return marks[workers - 1], marks[-1] - marks[workers - 1]


def bare(run: RunConfig) -> float:
    """Seconds of a loop as in any tutorial, and of the evaluation."""
    training = prepare(run, Processes(torch.device("cpu")))
    start = time.perf_counter()
    training.model.train()
    for step in range(run.steps):
        loss = training.model(**training.data.batch(step, run.batch_size)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(training.model.parameters(), 1.0)
        training.optimizer.step()
        training.optimizer.zero_grad()
        training.pruner.step()
        loss.item()
    evaluate(training)
    return time.perf_counter() - start


def folders(number: int) -> tuple[float, float]:
    """Seconds to read that many finished runs as a table, and to read their bytes alone."""
    result = {"status": "finished", "nonzero_params": 1000, "sparsity": 0.5, "data": 10**6, "data_unit": "tokens"}
    with tempfile.TemporaryDirectory() as place:
        for k in range(number):
            folder = Path(place, f"run-{k}")
            folder.mkdir()
            (folder / "config.json").write_text(
                json.dumps(config_to(load_config("decoder-laptop"))) if k == 0 else "{}"
            )
            (folder / "result.json").write_text(json.dumps({**result, "loss": 2 + k / number, "seed": k}))
        start = time.perf_counter()
        assert len(runs_in(place)) == number
        table = time.perf_counter() - start
        start = time.perf_counter()
        for path in os.scandir(place):
            Path(path, "result.json").read_bytes()
        return table, time.perf_counter() - start


def main(steps: int, number: int) -> None:
    """Prints the ratios."""
    table, alone = folders(number)
    print(
        f"{number} folders listed and read: {table:.2f} s, {table / alone:.1f}x their bytes alone (bar: 10 s)",
        flush=True,
    )
    runs = make_runs(steps)
    bare(replace(runs[0], steps=20))
    begun, one = sweep(runs, 1)
    alone = sum(bare(run) for run in runs)
    share = f"{1 - alone / one:.1%} of {one:.0f} s with one worker"
    print(f"overhead: {share} (bar: 3%), and {begun:.1f} s once for its start", flush=True)
    _, two = sweep(runs, 2)
    print(f"throughput: {one / two:.2f}x with two workers, {3600 * NUM_RUNS / two:.0f} runs an hour (bar: 1.7x)")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000, int(sys.argv[2]) if len(sys.argv) > 2 else 10_000)
