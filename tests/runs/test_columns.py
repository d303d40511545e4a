"""Columns by meaning: small tables as people have them, and what is made of them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sparselaw.errors import UserError
from sparselaw.fit import fit
from sparselaw.runs import Runs, parse_columns, read_runs
from sparselaw.runs.columns import Found

DENSE = {"params": [1e6, 4e6], "tokens": [1e9, 2e9], "val_loss": [3.5, 3.1]}


def made(columns: dict | None = None, where: str | None = None, **cells) -> Runs:
    return Runs.from_frame(pd.DataFrame(cells), name="mine", columns=columns, where=where)


def read(tmp_path: Path, text: str | bytes, name: str = "runs.csv", **options) -> Runs:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_runs(path, **options)


def test_usual_names_are_recognised_and_said() -> None:
    runs = made(**DENSE)
    assert (runs.nonzero_params.tolist(), runs.sparsity.tolist()) == ([1e6, 4e6], [0, 0])
    assert (runs.data.tolist(), runs.loss.tolist(), runs.data_unit) == ([1e9, 2e9], [3.5, 3.1], "tokens")
    assert runs.taken == (
        "params is taken for the number of weights",
        "tokens is taken for the data trained on",
        "val_loss is taken for loss",
        "there is no column of sparsity, so all runs are taken for dense",
    )
    assert made(nonzero_params=[1e6], sparsity=[0.5], data=[1e9], loss=[3]).taken == ()


@pytest.mark.parametrize("name", ["Params", "N", "num params", "Model Size", "n_parameters"])
def test_names_are_recognised_however_they_are_written(name: str) -> None:
    cells = {name: DENSE["params"], "Tokens": DENSE["tokens"], "Val-Loss": DENSE["val_loss"]}
    assert made(**cells).nonzero_params.tolist() == [1e6, 4e6]


def test_what_may_mean_two_things_is_asked_for() -> None:
    with pytest.raises(UserError, match="'val_loss' and 'test_loss' may both be loss; say which"):
        made(**DENSE, test_loss=[3.6, 3.2])
    with pytest.raises(UserError, match="'params' may count the zeros or not"):
        made(**DENSE, sparsity=[0.0, 0.5])
    assert made({"loss": "val_loss"}, **DENSE, test_loss=[3.6, 3.2]).loss.tolist() == [3.5, 3.1]
    assert made({"total_params": "params"}, **DENSE, sparsity=[0.0, 0.5]).nonzero_params.tolist() == [1e6, 2e6]
    assert made({"nonzero_params": "params"}, **DENSE, sparsity=[0.0, 0.5]).nonzero_params.tolist() == [1e6, 4e6]


def test_weights_that_are_the_same_at_several_sparsities_count_zeros() -> None:
    runs = made(params=[2e6] * 3, density=[1.0, 0.5, 0.25], tokens=[1e9] * 3, loss=[3, 3.1, 3.3])
    assert runs.sparsity.tolist() == [0, 0.5, 0.75]
    assert runs.nonzero_params.tolist() == [2e6, 1e6, 5e5]
    assert "params is the same at several sparsities, so it counts weights before pruning" in runs.taken


def test_flops_stand_in_for_data() -> None:
    runs = made(params=[1e6, 1e6], sparsity=[0, 0.5], compute=[6e15, 6e15], loss=[3.5, 3.6])
    assert runs.data.tolist() == [1e9, 1e9]
    assert "the data is compute / (6 weights before pruning)" in runs.taken


def test_expressions_over_columns() -> None:
    text = "nonzero_params=params*(1-pct/100),sparsity=pct/100,data=`Training FLOP, total`/(6*params),loss=val_loss"
    cells = {"params": [1e6, 1e6], "pct": [0, 75], "Training FLOP, total": [6e15, 1.2e16], "val_loss": [3, 3.2]}
    runs = made(parse_columns(text), **cells)
    assert (runs.nonzero_params.tolist(), runs.sparsity.tolist()) == ([1e6, 2.5e5], [0, 0.75])
    assert runs.data.tolist() == [1e9, 2e9]


def test_a_density_is_not_taken_for_a_sparsity() -> None:
    with pytest.raises(UserError, match="density is 1 - sparsity; write density=density"):
        made({"sparsity": "density"}, **DENSE, density=[1.0, 0.5])


def test_repeated_data_is_told() -> None:
    (warning,) = made(**DENSE, unique_tokens=[1e9, 5e8]).warnings
    assert warning == "1 of 2 runs repeat their data, for up to 4 epochs: the laws take every repeat for new data."


def test_unique_data_that_is_not_known_for_every_run_is_left_aside() -> None:
    assert made(**DENSE, unique_tokens=[1e9, None]).warnings == ()
    with pytest.raises(UserError, match="is empty or NaN"):
        made({"unique_data": "unique_tokens"}, **DENSE, unique_tokens=[1e9, None])


def test_rows_that_do_not_meet_a_condition_are_left_out() -> None:
    cells = {
        **{name: [*values, values[0]] for name, values in DENSE.items()},
        "status": ["finished", "crashed", "finished"],
    }
    (warning,) = [line for line in made(**cells).warnings if "status" in line]
    assert "not all runs have finished (1 'crashed')" in warning
    runs = made(where="status == 'finished'", **cells)
    assert len(runs) == 2
    assert runs.taken[0] == "1 of 3 rows are left out: they do not meet status == 'finished'"
    assert not any("status" in line for line in runs.warnings)
    with pytest.raises(UserError, match="No row meets"):
        made(where="status == 'done'", **cells)
    with pytest.raises(UserError, match="is no condition"):
        made(where="params * 2", **cells)


def test_empty_losses_are_named_at_once_and_can_be_left_out(tmp_path: Path) -> None:
    text = "params,tokens,loss\n1e6,1e9,3.1\n1e6,2e9,\n4e6,1e9,2.9\n4e6,2e9,nan\n"
    with pytest.raises(UserError, match=r"2 cells are empty \(rows 3, 5\); fill them, or leave these runs out with"):
        read(tmp_path, text)
    assert read(tmp_path, text, where="loss > 0").loss.tolist() == [3.1, 2.9]


PLAIN = [[1e6, 0.5, 1e8, 2.5631], [4e6, 0.0, 4e8, 2.393]]


@pytest.mark.parametrize(
    "text",
    [
        "N,S,D,L\n1000000,0.5,1e8,2.5631\n4000000,0,4e8,2.393\n",
        "# my sweep\n#\nN,S,D,L\n1000000,0.5,1e8,2.5631\n4000000,0,4e8,2.393\n",
        "# N,S,D,L\n1000000,0.5,1e8,2.5631\n4000000,0,4e8,2.393\n",
        "sep=;\nN;S;D;L\n1000000;0.5;1e8;2.5631\n4000000;0;4e8;2.393\n",
        "N;S;D;L\n1000000;0,5;100000000;2,5631\n4000000;0;400000000;2,393\n",
        "N;S;D;L\n1.000.000;0,5;100.000.000;2,5631\n4.000.000;0;400.000.000;2,393\n",
        'N,S,D,L\n"1,000,000",0.5,"100,000,000",2.5631\n"4,000,000",0,"400,000,000",2.393\n',
        "N\tS\tD\tL\n1\u202f000\u202f000\t50%\t100\u00a0000\u00a0000\t2.5631\n4 000 000\t0 %\t400 000 000\t2.393\n",
        '{"N": 1e6, "S": 0.5, "D": 1e8, "L": 2.5631}\n\n{"N": 4e6, "S": 0, "D": 4e8, "L": 2.393}\n',
        "N,S,D,L\n1000000,0.5,1e8,2.5631\n4000000,0,4e8,2.393\n".encode("utf-16"),
    ],
    ids=[
        "plain",
        "comments",
        "commented header",
        "Excel",
        "decimal comma",
        "both",
        "thousands",
        "spaces",
        "lines",
        "utf-16",
    ],
)
def test_numbers_as_people_write_them(tmp_path: Path, text: str | bytes) -> None:
    runs = read(tmp_path, text, columns={"total_params": "N"})
    found = np.column_stack([runs.nonzero_params / (1 - runs.sparsity), runs.sparsity, runs.data, runs.loss])
    np.testing.assert_array_equal(found, PLAIN)


def test_a_separator_without_a_table_is_empty(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is empty; give a table"):
        read(tmp_path, "sep=;\n")


def test_a_comma_that_may_be_either_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'1,000' may have a decimal comma or group thousands"):
        read(tmp_path, "params;tokens;loss\n1,000;1e9;3.1\n")


def test_chinchilla_points_from_raw_columns_to_a_fit() -> None:
    """Loss of the published law E + A/N^.34 + B/D^.28 (Hoffmann et al. 2022) from sizes and FLOPs alone."""
    N, C = (x.ravel() for x in np.meshgrid(np.geomspace(5e7, 1.6e10, 8), np.geomspace(6e18, 3e21, 6)))
    D = C / (6 * N)
    loss = 1.69 + 406.4 / N**0.34 + 410.7 / D**0.28
    table = pd.DataFrame({"Model Size": N, "Training FLOP": C, "loss": loss})
    fitted = fit(table, "dense", bootstrap=0)
    p = fitted.parameters
    assert (p["b_N"], p["b_D"], p["c"]) == pytest.approx((0.34, 0.28, 1.69), rel=1e-4)
    assert p["a_D"] ** p["b_D"] == pytest.approx(410.7, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("eval/loss", "loss"),
        ("config.num_params", "params"),
        ("summary.val_loss", "loss"),
        ("num_input_tokens_seen", "data"),
        ("total_flos", "flops"),
    ],
)
def test_a_name_may_have_a_path_before_it(name, target):
    assert Found([name], {}).source(target) == (target, name)


@pytest.mark.parametrize("name", ["train/loss", "training.loss", "config.n", "model.L", "train_loss"])
def test_what_is_of_training_or_a_letter_is_not_taken(name):
    assert Found([name], {}).source("loss", "params") is None
