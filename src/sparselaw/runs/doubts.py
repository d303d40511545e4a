"""What a table that is possible probably means otherwise: warnings, each a sentence that says what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sparselaw.runs.columns import COLUMNS, repetition, shown
from sparselaw.runs.rows import Rows, cell_labels, training_column

if TYPE_CHECKING:
    from pandas import DataFrame

Array = NDArray[np.float64]
DONE = ("finished", "completed", "complete", "done", "success")
NAMED = 10  # rows in a sentence
HIGHEST_NATS = 11.1  # a token of a vocabulary of 65,536 at random has this loss
HIGH_SHARE = 0.1  # of runs above it, from which they are no exceptions
LOWEST_NATS = 1.1  # text of tokens is hardly predicted better
HYPERPARAMETERS = {
    *("lr", "learning_rate", "peak_lr", "max_lr", "base_lr", "init_lr", "eta", "bs", "batch_size", "global_batch_size"),
    *("batch_tokens", "wd", "weight_decay", "warmup", "warmup_steps", "beta1", "beta2", "dropout", "momentum"),
    *("optimizer", "optimiser", "schedule", "lr_schedule"),
}
FAR = 0.3  # of ln loss from its neighbours: a run that went wrong, if it is beyond FAR_IN_SPREADS too
FAR_IN_SPREADS = 10.0
FEWEST_FOR_OUTLIERS = 8
STEPS = 50  # of reweighting
CONTRADICTED = 0.8  # share of pairs in which the loss rises with sparsity
FEWEST_PAIRS = 4


def doubts(table: DataFrame, rows: Rows, unit: str) -> tuple[str, ...]:
    """Warnings about values of a checked table that are possible but probably mistakes.

    Args:
        table: of `reading`; rows: name of each row; unit: of the loss.
    """
    odd_unit = _unit(table, unit)
    suspects = (
        ("loss", (table["loss"] > 100) & (odd_unit == ""), "above 100", "is it a perplexity, or a sum over tokens?"),
        ("nonzero_params", table["nonzero_params"] < 1000, "below 1000", "is it in millions or billions?"),
        ("data", table["data"] < 1000, "below 1000", "is it in millions, billions or epochs?"),
    )
    hyper = _hyperparameters(table)
    found = [hyper or _repeats(table, rows), repetition(table), _unfinished(table)]
    found += [_experts(table)]
    found += [odd_unit or _outlying(table, rows), _contradiction(table)]
    for column, odd, how, question in suspects:
        if odd.any():
            at = int(np.argmax(odd))
            extent = f"{how} in {int(odd.sum())} of {len(table)} runs"
            found.append(f"{column} is {table[column].iloc[at]:g} in row {rows[at]} ({extent}): {question}")
    return tuple(sentence for sentence in found if sentence)


def _unit(table: DataFrame, unit: str) -> str:
    """That losses are in another unit, by their range."""
    if unit != "nats" or not len(table):
        return ""
    loss = table["loss"]
    if loss.quantile(1 - HIGH_SHARE) > HIGHEST_NATS:
        return (
            f"loss is up to {loss.max():.3g}, more than the nats of a token at random: if these are perplexities, give "
            "--loss-unit ppl; sums over tokens are to be divided first."
        )
    if loss.max() < LOWEST_NATS and "tokens" in str(table.get("data_unit", "")):
        return f"loss is at most {loss.max():.3g}: if it is in bits per byte, give --loss-unit bits-per-byte."
    return ""


def _experts(table: DataFrame) -> str:
    """That the models are mixtures of experts, which compute with some of their weights and store all."""
    named = [str(name) for name in table if "expert" in str(name).lower()]
    if not named or (
        table[named[0]].nunique() == 1 and str(table[named[0]].iloc[0]) in ("0", "1", "0.0", "1.0", "nan")
    ):
        return ""
    return (
        f"{named[0]} tells of mixtures of experts, which no law here covers: weights that a token does not use are no zeros, "
        "see 'Limits of the method' in the docs."
    )


def _unfinished(table: DataFrame) -> str:
    """That a column of states has several, where one of them is that of a finished run."""
    for name in ("status", "state"):
        if name in table:
            counts = table[name].astype(str).value_counts()
            done = next((state for state in DONE if state in counts.index), None)
            if done and len(counts) > 1:
                others = ", ".join(f"{count} {shown(state)}" for state, count in counts.items() if state != done)
                return (
                    f"{name} says that not all runs have finished ({others}), and all are fitted; leave them out with the "
                    f"condition \"{name} == '{done}'\" (--where)."
                )
    return ""


def _hyperparameters(table: DataFrame) -> str:
    """That cells hold several values of a learning rate or the like: only the best run of each tells what a law is about."""
    there = [name for name in table if str(name).lower().replace(" ", "_") in HYPERPARAMETERS]
    if not there or training_column(table):
        return ""
    cells = table[there].astype(str).groupby(cell_labels(table)).nunique()
    several = cells.gt(1)
    if not several.any(axis=None):
        return ""
    varied = [str(name) for name in there if several[name].any()]
    return (
        f"{int(several.any(axis=1).sum())} of {len(cells)} cells of equal N, S and D hold several values of "
        f"{_joined(varied)}: in a sweep of hyper-parameters only the best run of each cell counts; keep it with --best-of cell."
    )


def _repeats(table: DataFrame, rows: Rows) -> str:
    keys = [name for name in (*COLUMNS, "seed") if name in table]
    again = table.duplicated(keys).to_numpy()
    if not again.any():
        return ""
    return (
        f"{int(again.sum())} of {len(table)} runs repeat an earlier one in {', '.join(keys)}, the first in row "
        f"{rows[int(np.argmax(again))]}: remove them unless they are separate runs."
    )


def _outlying(table: DataFrame, rows: Rows) -> str:
    """Runs whose loss lies far from what the others lead one to expect: diverged, cut off, or of another unit."""
    if len(table) < FEWEST_FOR_OUTLIERS:
        return ""
    loss = table["loss"].to_numpy()
    apart = _from_neighbours(table)
    spread = 1.4826 * float(np.median(np.abs(apart - np.median(apart))))
    is_far = np.abs(apart) > max(FAR, FAR_IN_SPREADS * spread)
    if not is_far.any():
        return ""
    named = [
        f"{row} (loss {value:.4g})"
        for row, value in zip(np.array(rows, dtype=object)[is_far], loss[is_far], strict=True)
    ]
    told = ", ".join(named[:NAMED]) + (", ..." if len(named) > NAMED else "")
    highest, lowest = loss[~is_far].max(), loss[~is_far].min()
    condition = ""
    if (apart[is_far] > 0).all() and loss[is_far].min() > highest:
        condition = f" such as 'loss < {(loss[is_far].min() * highest) ** 0.5:.3g}'"
    elif (apart[is_far] < 0).all() and loss[is_far].max() < lowest:
        condition = f" such as 'loss > {(loss[is_far].max() * lowest) ** 0.5:.3g}'"
    return (
        f"{len(named)} of {len(table)} runs lie far from the others of their size, sparsity and data (rows {told}): if they "
        f"diverged or were cut off, leave them out with a condition{condition} (--where)."
    )


def _from_neighbours(table: DataFrame) -> Array:
    """ln loss above a surface in ln N, ln D and ln(1-S) through most of the runs, [num_runs]: least absolute deviations."""
    axes = [np.log(table["nonzero_params"]), np.log(table["data"]), np.log1p(-table["sparsity"])]
    axes = [np.asarray(axis - axis.mean()) / (np.ptp(axis) or 1.0) for axis in axes if np.ptp(axis) > 0]
    curved = [axis**2 for axis in axes if len(np.unique(axis)) > 2] if len(table) > 4 * FEWEST_FOR_OUTLIERS else []
    design, target = np.column_stack([np.ones(len(table)), *axes, *curved]), np.log(table["loss"].to_numpy())
    weights, surface = np.ones(len(table)), target
    for _ in range(STEPS):
        root = np.sqrt(weights)
        surface = design @ np.linalg.lstsq(design * root[:, None], target * root, rcond=None)[0]
        weights = 1 / np.maximum(np.abs(target - surface), 1e-4)
    return target - surface


def _contradiction(table: DataFrame) -> str:
    """That the loss rises with sparsity at equal N and D, as it does where N counts the zeros too."""
    ordered = table.sort_values("sparsity", kind="stable")
    rises = [
        np.diff(group["loss"].to_numpy())[np.diff(group["sparsity"].to_numpy()) > 0] > 0
        for _, group in ordered.groupby(["nonzero_params", "data"], sort=False)
        if len(group) > 1
    ]
    pairs = np.concatenate(rises) if rises else np.empty(0)
    if len(pairs) < FEWEST_PAIRS or pairs.mean() < CONTRADICTED:
        return ""
    return (
        f"at equal N and D the loss rises with sparsity in {int(pairs.sum())} of {len(pairs)} pairs of runs, where a law of "
        f"non-zeros has it fall: if nonzero_params counts the zeros too, give --columns total_params=nonzero_params."
    )


def _joined(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
