"""Which column of a table is N, S, D and L: by what the caller says, else by the usual names, and said either way.

Other quantities stand in: total weights or density give N and S, training FLOPs give D = C / (6 total weights), and a table
without any column of sparsity is one of dense runs. Names that may mean two things are asked for.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sparselaw.counts import format_count
from sparselaw.errors import UserError, arg, either

if TYPE_CHECKING:
    from pandas import DataFrame

Array = NDArray[np.float64]
COLUMNS = ("nonzero_params", "sparsity", "data", "loss")
LOSSES = ("loss", "perplexity", "bits")
"""Where a loss is looked for: first in nats, or a unit that the column does not tell."""
TARGETS = (*COLUMNS, "total_params", "density", "flops", "unique_data", "run")
USUAL = {
    "nonzero_params": "nonzeros nonzero non_zeros non_zero_params non_zero_parameters nnz num_nonzero_params n_nonzero "
    "params_nonzero active_params params_active params_active_precise",
    "total_params": "n_params_total params_total total_parameters dense_params num_total_params",
    "params": "n params parameters num_params n_params nparams num_parameters n_parameters model_size model_params "
    "model_parameters param_count parameter_count non_embedding_params num_params_total model_num_parameters size",
    "sparsity": "s sparsity_level target_sparsity final_sparsity weight_sparsity pruning_ratio prune_ratio sparsity_ratio "
    "fraction_zeros share_of_zeros",
    "density": "dens weight_density",
    "data": "d tokens num_tokens n_tokens ntokens train_tokens training_tokens tokens_seen total_tokens images num_images "
    "images_seen examples num_examples examples_seen samples samples_seen num_input_tokens_seen num_tokens_seen n_tokens_seen "
    "tokens_trained consumed_tokens consumed_samples total_train_tokens",
    "flops": "flop compute training_flops train_flops total_flops training_flop training_compute total_flos c",
    "loss": "l final_loss val_loss validation_loss valid_loss eval_loss test_loss heldout_loss held_out_loss dev_loss "
    "final_val_loss validation_cross_entropy val_ce cross_entropy nll val_nll validation_nll best_val_loss loss_nats",
    "perplexity": "ppl val_ppl valid_ppl eval_ppl test_ppl final_ppl val_perplexity validation_perplexity eval_perplexity "
    "test_perplexity perplexities",
    "bits": "loss_bits val_loss_bits bits_per_token bits_per_byte val_bits_per_byte bpb val_bpb eval_bpb final_bpb",
    "unique_data": "unique_tokens unique_examples unique_images num_unique_tokens",
}
SCALES = {"thousands": 1e3, "millions": 1e6, "billions": 1e9, "trillions": 1e12, "percent": 0.01}
_SCALE_ENDINGS = {
    "thousands": ("thousands", "thousand", "k"),
    "millions": ("millions", "million", "mio", "m"),
    "billions": ("billions", "billion", "bn", "b"),
    "trillions": ("trillions", "trillion", "t"),
    "percent": ("percent", "percentage", "pct", "perc"),
}
DATA_TAKEN = " is taken for the data trained on"
_STANDS_FOR = {"params": "nonzero_params", "perplexity": "loss", "bits": "loss"}
UNITS = ("tokens", "images", "examples", "samples")
_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxlong, _SHORT.maxother = 2, 40, 40, 40
ASKED = either("columns", "--columns")


def parse_columns(text: str) -> dict[str, str]:
    """Parses a text such as `nonzero_params=n,data=tokens_b*1e9` into a mapping from targets to columns or expressions.

    A comma or equals sign within backticks belongs to a name.

    Raises:
        UserError: if a part is not name=column, or a name is unknown or given twice.
    """
    mapping: dict[str, str] = {}
    for part in re.split(r",(?=(?:[^`]*`[^`]*`)*[^`]*\Z)", text):
        target, equals, source = (piece.strip() for piece in part.partition("="))
        if not (target and equals and source):
            raise UserError(f"{part.strip()!r} is not name=column; write nonzero_params=n,loss=val.")
        if target in mapping:
            raise UserError(f"{target!r} is given twice; give it one column.")
        mapping[target] = source
    check_targets(mapping)
    return mapping


def check_targets(columns: Mapping[str, str]) -> None:
    """Refuses targets that mean nothing here."""
    for target in columns:
        if target not in TARGETS:
            raise UserError(f"{target!r} cannot be mapped to a column; give one of {', '.join(TARGETS)}.")


class Found:
    """The columns of a table by their meaning: what the caller says, else a column of the target's name, else a usual name."""

    def __init__(self, names: Sequence[str], asked: Mapping[str, str]) -> None:
        check_targets(asked)
        self.names, self.asked = names, asked
        self.taken: list[str] = []

    def source(self, *targets: str) -> tuple[str, str] | None:
        """The first of the targets that the table has, and its column or expression; what the caller asked for comes first.

        Raises:
            UserError: several columns have usual names of it.
        """
        for target in targets:
            if target in self.asked:
                return target, self.asked[target]
        for target in targets:
            if target in self.names and target in TARGETS:
                return target, target
        for target in targets:
            called = {target, *USUAL.get(target, "").split()}
            there = [name for name in self.names if _plain(name) in called]
            there = there or [name for name in self.names if _last_part(name) in called]
            if len(there) > 1:
                raise UserError(
                    f"{' and '.join(map(repr, there))} may both be {_meaning(target)}; say which with {ASKED}, such as "
                    f"{_STANDS_FOR.get(target, target)}={_written(there[0])}."
                )
            if there:
                self.taken.append(f"{there[0]} is taken for {_meaning(target)}")
                return target, there[0]
        return self._scaled(*targets)

    def _scaled(self, *targets: str) -> tuple[str, str] | None:
        """A column whose name tells its scale too, such as `tokens_b` or `sparsity_pct`, as an expression."""
        for target in targets:
            called = {target, *USUAL.get(target, "").split()}
            for name in self.names:
                rest, scale = _scale_in(name)
                if rest in called and (target == "sparsity") == (scale == "percent"):
                    self.taken.append(f"{name} (in {scale}) is taken for {_meaning(target)}")
                    return target, f"{_written(name)} * {SCALES[scale]}"
        return None


def shown(cell: object) -> str:
    """A value for a message: shortened, on one line."""
    return " ".join(_SHORT.repr(cell).split())


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _scale_in(name: str) -> tuple[str, str]:
    """A name without the scale at its end, and that scale; empty without one."""
    plain = _plain(name)
    for scale, endings in _SCALE_ENDINGS.items():
        for ending in endings:
            if plain.endswith(f"_{ending}"):
                return plain.removesuffix(f"_{ending}").removesuffix("_in"), scale
    return "", ""


def _last_part(name: str) -> str:
    """The last part of a name such as `config.num_params` or `eval/loss`; nothing of what was measured in training."""
    first, *rest = [part for part in re.split(r"[./]", name) if part] or [""]
    last = _plain(rest[-1]) if rest else ""
    return "" if len(last) < 2 or _plain(first).startswith("train") else last  # a letter may be anything there


def _written(name: str) -> str:
    """A name as an expression takes it."""
    return name if name.isidentifier() else f"`{name}`"


def _meaning(target: str) -> str:
    return {
        "nonzero_params": "non-zero weights",
        "total_params": "weights before pruning",
        "params": "the number of weights",
        "data": "the data trained on",
        "flops": "training FLOPs",
        "unique_data": "the unique data",
        "perplexity": "the loss, as a perplexity",
        "bits": "the loss, in bits",
    }.get(target, target)


def unit_in(name: str) -> str | None:
    """What D counts by the name of its column, such as `train_tokens`."""
    return next((unit for unit in UNITS if unit in _plain(name).split("_")), None)


def counts_zeros(params: Array, S: Array, name: str) -> bool:
    """Whether a number of weights [num_rows] counts zeros, where the sparsities [num_rows] tell.

    Raises:
        UserError: it cannot.
    """
    if not (S > 0).any():
        return False
    if any(len(set(np.round(S[params == size], 6))) > 1 for size in np.unique(params)):
        return True
    raise UserError(
        f"{name!r} may count the zeros or not; say which with {arg('columns')}: total_params={_written(name)} or "
        f"nonzero_params={_written(name)}."
    )


def missing(target: str, where: str, names: Sequence[str]) -> UserError:
    """That a table has nothing for one of the four columns."""
    there = ", ".join(shown(name) for name in names[:10]) + (", ..." if len(names) > 10 else "")
    yours = either(f"columns={{'{target}': NAME}}", f"--columns {target}=NAME")
    return UserError(
        f"{where} has no column {target!r} (its columns: {there}); give its name, or an expression over columns, with {yours}."
    )


def repetition(table: DataFrame) -> str:
    """How far the runs go beyond one epoch, where the table has unique data."""
    if "unique_data" not in table:
        return ""
    epochs = table["data"] / table["unique_data"]
    if not (epochs > 1.01).any():
        return ""
    most = format_count(epochs.max()) if epochs.max() >= 1000 else f"{epochs.max():.3g}"
    return (
        f"{int((epochs > 1.01).sum())} of {len(table)} runs repeat their data, for up to {most} epochs: the laws "
        "take every repeat for new data."
    )
