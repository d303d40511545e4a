"""Folders of logs as tables, value for value."""

import gzip
import json

import fsspec
import numpy as np
import pytest

from sparselaw.errors import UserError
from sparselaw.runs import read_runs

LIGHTNING = "epoch,step,tokens,train_loss,val_loss\n0,10,1000000,3.5,\n0,10,1000000,,3.4\n1,20,2000000,3.3,\n1,20,2000000,,3.25\n"


def columns(runs, *names: str) -> dict[str, list]:
    return {name: runs.table[name].tolist() for name in names}


def complaint(folder, **options) -> str:
    with pytest.raises(UserError) as caught:
        read_runs(folder, **options)
    return str(caught.value).replace(str(folder), "sweep")


def test_a_csv_for_each_run(leave) -> None:
    folder = leave(
        {
            "007.csv": "params,tokens,loss\n1000000,1e9,0.1\n1000000,2e9,3.25\n",
            "run-b.csv": "params,tokens,loss\n9007199254740991,1e9,3.5\n",
            "notes.txt": "hello",
        }
    )
    runs = read_runs(folder)
    assert runs.name == "sweep"
    assert columns(runs, "run", "nonzero_params", "data", "loss") == {
        "run": ["007", "007", "run-b"],
        "nonzero_params": [1e6, 1e6, 2.0**53 - 1],
        "data": [1e9, 2e9, 1e9],
        "loss": [0.1, 3.25, 3.5],
    }
    assert runs.taken[0] == f"the column run has the names of the 2 runs with a loss in {folder}"


def test_lightning(leave) -> None:
    folder = leave(
        {
            f"run-{k}/{name}": content
            for k in (1, 2)
            for name, content in {
                "config.json": json.dumps({"num_params": 1000000 * k, "opt": {"lr": 0.1 * k}, "tags": ["a"]}),
                "version_0/metrics.csv": LIGHTNING,
                "version_0/hparams.yaml": "lr: 0.1",
                "checkpoints/epoch=1.ckpt": b"\x80\x02",
                "plot.png": b"\x89PNG",
            }.items()
        }
        | {"crashed/config.json": '{"num_params": 5}'}
    )
    runs = read_runs(folder)
    assert columns(runs, "run", "nonzero_params", "data", "loss", "step", "opt.lr") == {
        "run": ["run-1", "run-1", "run-2", "run-2"],
        "nonzero_params": [1e6, 1e6, 2e6, 2e6],
        "data": [1e6, 2e6, 1e6, 2e6],
        "loss": [3.4, 3.25, 3.4, 3.25],
        "step": [10, 20, 10, 20],
        "opt.lr": [0.1, 0.1, 0.2, 0.2],
    }
    assert runs.taken[:4] == (
        "files that belong to no run with a loss are left out: crashed/config.json",
        "4 rows of logs are left out: they have no 'val_loss'",
        f"the column run has the names of the 2 runs with a loss in {folder}",
        "columns of lists are left out: 'tags'",
    )


def test_columns_and_conditions_are_for_folders_too(leave) -> None:
    folder = leave({"a/config.json": '{"width": 1000}', "a/metrics.csv": LIGHTNING, "b/metrics.csv": LIGHTNING})
    runs = read_runs(
        folder, columns={"nonzero_params": "width*10", "loss": "train_loss"}, where="run == 'a' and step > 10"
    )
    assert columns(runs, "run", "nonzero_params", "loss") == {"run": ["a"], "nonzero_params": [1e4], "loss": [3.3]}
    assert read_runs(folder, columns={"nonzero_params": "tokens"}, last_of="run").loss.tolist() == [3.25, 3.25]


def test_hugging_face(leave) -> None:
    def state(step: int) -> str:
        evaluated = {"eval_loss": 3.5 - step / 1000, "step": step, "num_input_tokens_seen": step * 1000}
        return json.dumps({"log_history": [{"loss": 3, "step": step // 2}, evaluated]})

    folder = leave(
        {f"a/checkpoint-{step}/trainer_state.json": state(step) for step in (500, 90)}
        | {"a/checkpoint-500/config.json": '{"n_embd": 12}', "a/all_results.json": '{"eval_loss": 3, "epoch": 1}'}
        | {"b/trainer_state.json": state(1000), "b/checkpoint-500/trainer_state.json": state(500)}
    )
    runs = read_runs(folder, columns={"total_params": "1e6", "data": "num_input_tokens_seen"})
    assert columns(runs, "run", "loss", "data", "step") == {
        "run": ["a", "b"],
        "loss": [3.0, 2.5],
        "data": [5e5, 1e6],
        "step": [500, 1000],
    }
    np.testing.assert_array_equal(runs.table["n_embd"], [12, np.nan])
    np.testing.assert_array_equal(runs.table["all_results.eval_loss"], [3, np.nan])


@pytest.mark.parametrize("ending", ["json", "jsonl", "json.gz", "tsv"])
def test_results_of_each_run(leave, ending: str) -> None:
    record = {"params": 1000000, "tokens": 2**53 - 1, "loss": 0.1, "opt": {"lr": 5e-324}, "tag": "007"}
    text = json.dumps(record).encode()
    if ending == "tsv":
        text = b"params\ttokens\tloss\topt.lr\ttag\n1000000\t9007199254740991\t0.1\t5e-324\t007\n"
    content = gzip.compress(text) if ending.endswith("gz") else text
    runs = read_runs(leave({f"{name}.{ending}": content for name in ("a", "b")}))
    assert columns(runs, "run", "nonzero_params", "data", "loss", "opt.lr", "tag") == {
        "run": ["a", "b"],
        "nonzero_params": [1e6] * 2,
        "data": [2.0**53 - 1] * 2,
        "loss": [0.1] * 2,
        "opt.lr": [5e-324] * 2,
        "tag": ["007"] * 2,
    }


def test_a_folder_of_tables_keeps_their_rows_apart(leave) -> None:
    folder = leave({f"{name}.csv": "params,tokens,loss\n1e6,1e9,3.5\n2e6,1e9,3.25\n" for name in "ab"})
    runs = read_runs(folder)
    assert runs.table["run"].tolist() == ["2 of a", "3 of a", "2 of b", "3 of b"]
    assert len(set(runs.trainings())) == 4 - 2  # equal rows are repeats


def test_a_log_keeps_its_own_column_of_runs(leave) -> None:
    runs = read_runs(leave({"a.csv": "run,params,tokens,loss\nx,1e6,1e9,3.5\ny,1e6,2e9,3.25\n"}))
    assert runs.table["run"].tolist() == ["x", "y"]


def test_settings_of_one_name_and_several_values_are_kept_apart(leave) -> None:
    folder = leave(
        {
            "a/log.csv": "params,tokens,loss,seed\n1e6,1e9,3.5,7\n",
            "a/config.json": '{"seed": 1, "lr": 0.1, "name": "x"}',
            "a/args.json": '{"lr": 0.5, "name": "x"}',
        }
    )
    runs = read_runs(folder)
    assert columns(runs, "seed", "config.seed", "config.lr", "args.lr", "name") == {
        "seed": [7],
        "config.seed": [1],
        "config.lr": [0.1],
        "args.lr": [0.5],
        "name": ["x"],
    }
    assert "lr" not in runs.table


def test_rows_are_named_by_row_and_run(leave) -> None:
    table = "params,tokens,loss\n1e6,1e9,3.5\n1e6,2e9,x\n"
    assert complaint(leave({"run-a.csv": table, "run-b.csv": table})) == (
        "sweep, row 3 of run-a, column 'loss': 'x' is not a number; correct or remove it."
    )


def test_a_run_of_one_row_is_named_too(leave) -> None:
    text = '{"params": 1e6, "tokens": "x", "loss": 3}'
    assert complaint(leave({"run-a.json": text.replace("x", "1e9"), "run-b.json": text})).startswith(
        "sweep, row 1 of run-b, column 'tokens': 'x' is not a count"
    )


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "sweep holds no finished run; train some with sparselaw sweep."),
        (
            {"a/config.json": '{"seed": 3}'},
            "sweep holds no finished run (1 unfinished); train some with sparselaw sweep.",
        ),
        (
            {"notes.txt": "hello", "a/plot.png": b"\x89PNG"},
            (
                "sweep has neither finished runs of a sweep nor logs with a loss (CSV, JSON or JSON Lines); give a table, or a "
                "folder with one log per run."
            ),
        ),
        (
            {"a/events.out.tfevents.1.host": b"x"},
            (
                "sweep/a/events.out.tfevents.1.host is an event file of TensorBoard; download the curve as CSV in TensorBoard, "
                "or write the numbers to a CSV."
            ),
        ),
        (
            {"wandb/run-1.wandb": b"x"},
            "sweep/wandb/run-1.wandb is a log of Weights & Biases; export the runs or the chart as CSV in its web page.",
        ),
        (
            {"a/train.csv": "step,loss\n1,3\n", "a/val.csv": "step,loss\n1,3\n"},
            "sweep has several logs of run 'a' (a/train.csv, a/val.csv); keep the one with the loss of the evaluation.",
        ),
        (
            {"a.csv": "step,loss,val_loss\n1,3,\n2,,3\n", "b.csv": "step,loss\n1,3\n"},
            (
                "sweep, run a has 'loss' and 'val_loss', one of which may be the training loss; say which with columns, such "
                "as loss=val_loss."
            ),
        ),
        (
            {"a.csv": "step 1 loss 3\nstep 2 loss 2\n"},
            "sweep/a.csv is a text log; write its numbers to a CSV with one row per run.",
        ),
        ({"a.csv": "step,val_loss\n1,\n", "b.csv": "step,val_loss\n"}, None),
    ],
    ids=["empty", "unfinished", "other", "events", "wandb", "several", "which", "words", "no loss"],
)
def test_a_folder_without_a_table_says_why(leave, tmp_path, files: dict, sentence: str | None) -> None:
    (tmp_path / "sweep").mkdir()
    found = complaint(leave(files))
    assert found == sentence or (sentence is None and found.startswith("sweep has neither finished runs"))


@pytest.mark.parametrize(
    ("depth", "problem"), [(300, "is nested, but a cell must hold one value"), (100_000, "is nested too deeply")]
)
def test_settings_without_end_are_one_sentence(leave, depth: int, problem: str) -> None:
    folder = leave({"a/config.json": '{"a":' * depth + "1" + "}" * depth, "a/log.csv": "N,D,loss\n1e6,1e9,3\n"})
    assert problem in complaint(folder)


def test_the_log_of_the_evaluation_is_taken(leave) -> None:
    folder = leave(
        {"a/train.csv": "step,train_loss\n1,3\n", "a/val.csv": "step,params,tokens,val_loss\n1,1e6,1e9,3.5\n"}
    )
    assert read_runs(folder).loss.tolist() == [3.5]


def test_sweeps_of_sparselaw_stay_what_they_are(leave) -> None:
    folder = leave({"a/failed.json": '{"reason": "x"}', "a/metrics.jsonl": '{"loss": 3, "params": 1e6, "data": 1e9}'})
    assert complaint(folder) == "sweep holds no finished run (1 failed); train some with sparselaw sweep."


def test_the_same_over_an_address(leave) -> None:
    folder = leave({"a/config.json": '{"params": 1000000}', "a/metrics.csv": LIGHTNING, "b/metrics.csv": LIGHTNING})
    memory = fsspec.filesystem("memory")
    memory.put(str(folder), "/logs", recursive=True)
    try:
        options = {"columns": {"nonzero_params": "tokens"}}
        assert read_runs("memory://logs", **options).table.equals(read_runs(folder, **options).table)
    finally:
        memory.rm("/logs", recursive=True)
