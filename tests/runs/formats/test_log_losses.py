"""Which columns of logs are losses."""

import numpy as np
import pandas as pd
import pytest

from sparselaw.errors import UserError
from sparselaw.runs.formats.log_losses import has_loss, is_blank, loss_columns, refuse_training_loss, usual_losses


@pytest.mark.parametrize(
    ("cells", "is_log", "expected"),
    [
        ({"val_loss": [3.5]}, False, True),
        ({"val_loss": ["3.5"]}, False, True),
        ({"eval.loss": [3.5]}, False, True),
        ({"val_ppl": [30]}, False, True),
        ({"train_loss": [3.5]}, True, True),
        ({"train_loss": [3.5]}, False, False),
        ({"router_aux_loss_coef": [0.1]}, False, False),
        ({"loss": ["cross_entropy"]}, False, False),
        ({"val_loss": [None, np.nan]}, True, False),
        ({"val_loss": []}, True, False),
        ({"L": [12], "model.l": [12]}, False, False),
        ({"step": [1]}, True, False),
    ],
)
def test_whether_a_file_has_a_loss(cells: dict, is_log: bool, expected: bool) -> None:
    assert has_loss(pd.DataFrame(cells), {}, is_log=is_log) is expected


def test_what_is_asked_for_is_the_loss() -> None:
    frame = pd.DataFrame({"score": [3.5], "my score": [3.5]})
    assert not has_loss(frame, {}, is_log=True)
    assert has_loss(frame, {"loss": "score"}, is_log=False)
    assert has_loss(frame, {"loss": "`my score` / 2"}, is_log=False)


@pytest.mark.parametrize(
    ("names", "asked", "losses"),
    [
        (["step", "train_loss", "val_loss"], {}, ["val_loss"]),
        (["step", "train_loss"], {}, ["train_loss"]),
        (["train_loss", "val_loss"], {"loss": "train_loss"}, ["train_loss"]),
        (["a b", "c", "val_loss"], {"loss": "`a b` + c"}, ["a b", "c"]),
        (["val_loss", "test_loss"], {}, ["val_loss", "test_loss"]),
        (["val_loss"], {"loss": "missing"}, []),
        (["step"], {}, []),
    ],
)
def test_the_columns_that_a_row_needs(names: list[str], asked: dict, losses: list[str]) -> None:
    assert loss_columns(names, asked) == losses


def test_a_loss_in_training_is_not_taken_for_that_of_the_evaluation() -> None:
    sentence = (
        "^a has 'loss' and 'eval_loss', one of which may be the training loss; say which with columns, such as "
        r"loss=eval_loss\.$"
    )
    with pytest.raises(UserError, match=sentence):
        refuse_training_loss(["loss", "eval_loss"], {}, "a")
    with pytest.raises(UserError, match="such as loss=`eval/loss`"):
        refuse_training_loss(["loss", "eval/loss"], {}, "a")
    refuse_training_loss(["loss", "eval_loss"], {"loss": "loss"}, "a")
    refuse_training_loss(["loss", "train_loss"], {}, "a")
    refuse_training_loss(["val_loss", "test_loss"], {}, "a")


def test_blank_cells() -> None:
    assert all(map(is_blank, [None, np.nan, np.float32("nan"), "", " ", "NaN", "-"]))
    assert not any(map(is_blank, [0, 0.0, "0", False, np.inf, []]))


def test_usual_losses() -> None:
    assert usual_losses(["loss", "Val Loss", "n", "L", "eval/loss", "train/loss"]) == ["loss", "Val Loss", "eval/loss"]
