"""What TensorBoard and Weights & Biases export, as tables of runs."""

import numpy as np

CHART = (
    '"Step","run-a - val_loss","run-a - val_loss__MIN","run-a - val_loss__MAX",'
    '"run - b - val_loss","run - b - val_loss__MIN","run - b - val_loss__MAX"\n'
    '"100","3.5","3.4","3.6","","",""\n'
    '"200","3.25","3.25","3.25","3.125","3.125","3.125"\n'
)


def test_the_value_of_tensorboard_is_the_loss(read) -> None:
    text = "Wall time,Step,Value\n1700000000.125,100,3.5\n1700000001.5,200,0.1\n"
    runs = read(text, columns={"nonzero_params": "Step*1e4", "data": "Step*1000"})
    np.testing.assert_array_equal(runs.loss, [3.5, 0.1])
    np.testing.assert_array_equal(runs.table["Wall time"], [1700000000.125, 1700000001.5])
    assert runs.taken[0] == "TensorBoard's column Value is taken for loss"


def test_a_chart_is_a_row_for_each_run_and_step(read) -> None:
    runs = read(CHART, columns={"total_params": "1e6", "data": "Step*1000"})
    assert runs.table["run"].tolist() == ["run-a", "run-a", "run - b"]
    np.testing.assert_array_equal(runs.data, [1e5, 2e5, 2e5])
    np.testing.assert_array_equal(runs.loss, [3.5, 3.25, 3.125])
    assert runs.taken[0] == "the Weights & Biases chart is read as one row for each run and step"


def test_steps_of_a_run_do_not_make_rows(read) -> None:
    chart = CHART.replace('"Step"', '"Step","run-a - _step","run-a - _step__MIN","run-a - _step__MAX"')
    chart = chart.replace('"100"', '"100","1","1","1"').replace('"200"', '"200","2","2","2"')
    runs = read(chart + '"300","3","3","3","","","","","",""\n', columns={"total_params": "1e6", "data": "Step*1000"})
    assert runs.table["run"].tolist() == ["run-a", "run-a", "run - b"]
    np.testing.assert_array_equal(runs.table["_step"], [1, 2, np.nan])


def test_rows_are_named_by_row_and_run(refusal) -> None:
    found = refusal(CHART.replace('"3.125"', '"x"', 1), columns={"total_params": "1e6", "data": "Step*1000"})
    assert found == "runs.csv, row 3 of run - b, column 'val_loss': 'x' is not a number; correct or remove it."


def test_runs_of_one_name_are_not_merged(refusal) -> None:
    assert "has two columns named 'run-a - val_loss'" in refusal(
        CHART.replace("run - b", "run-a"), columns={"total_params": "1e6", "data": "Step", "loss": "`run-a - val_loss`"}
    )


def test_a_table_with_bars_in_its_names_is_no_chart(read) -> None:
    runs = read("N,D,loss,a - b\n1e6,1e9,3.5,7\n")
    assert runs.table["a - b"].tolist() == [7]
