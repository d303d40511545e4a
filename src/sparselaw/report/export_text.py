"""What an export says of itself, for a terminal and for machines: bytes against formulas, dense and zstd."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from sparselaw.cost.storage import Storage
from sparselaw.counts import format_bytes, format_count
from sparselaw.report.text import percent, plain_table, warning_lines

if TYPE_CHECKING:
    from sparselaw.prune.export import Export, StoredTensor

PRECISIONS = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16", "int8": "int8"}


def export_text(made: Export) -> Group:
    """What was written, format by format, against the formulas and against dense."""
    dense, values = sum(t.dense_nbytes for t in made.tensors), {t.dtype for t in made.tensors}
    headline = Text.assemble(
        ("Wrote ", ""), (str(made.file), "bold"), f": {format_bytes(made.nbytes)}, {made.nbytes / dense:.1%} of dense"
    )
    table = plain_table("stored as", "tensors", "weights", "non-zero", "sparsity", "bytes", "predicted", "of dense")
    formats = sorted({t.format for t in made.tensors})
    for format in formats:
        table.add_row(format, *_export_cells([t for t in made.tensors if t.format == format]))
    if len(formats) > 1:
        table.add_row("all", *_export_cells(made.tensors))
    facts = (
        f"names and shapes   {format_bytes(made.nbytes - sum(t.nbytes for t in made.tensors))}",
        f"dense              {format_bytes(dense)} in {', '.join(sorted(values))}",
        f"dense + zstd-19    {_zstd(made, dense)}",
    )
    return Group(headline, table, Text("\n".join(facts)), *warning_lines(_export_warnings(made)))


def _zstd(made: Export, dense: int) -> str:
    if made.zstd_share is None:
        return "not measured: the package zstandard is not installed"
    sampled = "" if made.zstd_sampled == 1 else f", from a sample of {made.zstd_sampled:.2g} of it"
    return f"{format_bytes(dense * made.zstd_share)}, {made.zstd_share:.1%} of dense{sampled}"


def export_record(made: Export) -> dict[str, Any]:
    """The same for machines, tensor by tensor."""
    tensors = [asdict(t) | {"predicted_nbytes": predicted_bytes(t)} for t in made.tensors]
    record = asdict(made) | {"file": str(made.file), "tensors": tensors, "warnings": _export_warnings(made)}
    return record | {"dense_nbytes": sum(t.dense_nbytes for t in made.tensors)}


def predicted_bytes(tensor: StoredTensor) -> float:
    """What the formula of a tensor's format says it takes; what it takes where none applies: other types, zeros only."""
    if tensor.format == "dense" or tensor.dtype not in PRECISIONS or not tensor.num_nonzero:
        return tensor.nbytes
    storage = Storage(tensor.format, PRECISIONS[tensor.dtype])
    # An n:m pattern is stored as it is, should some of its values be zero too.
    S = storage.levels[0] if storage.levels else 1 - tensor.num_nonzero / tensor.num_weights
    return float(storage.bytes(S, tensor.num_weights * (1 - S), rows=tensor.num_rows))


def _export_cells(tensors: Sequence[StoredTensor]) -> list[str]:
    weights, nonzero = (sum(getattr(t, name) for t in tensors) for name in ("num_weights", "num_nonzero"))
    nbytes, dense = (sum(getattr(t, name) for t in tensors) for name in ("nbytes", "dense_nbytes"))
    counts = [str(len(tensors)), format_count(weights), format_count(nonzero), percent(1 - nonzero / max(1, weights))]
    sizes = [format_bytes(nbytes), format_bytes(sum(predicted_bytes(t) for t in tensors))]
    return [*counts, *sizes, percent(nbytes / max(1, dense))]


def _export_warnings(made: Export) -> list[str]:
    sentences = []
    if made.format != "dense" and all(t.format == "dense" for t in made.tensors):
        sentences.append(f"no tensor is smaller as {made.format}: all are stored dense")
    if made.num_negative_zeros:
        sentences.append(
            f"{format_count(made.num_negative_zeros)} weights are -0 and stored as values, to the bit; "
            "add 0.0 to the weights to make them zeros"
        )
    return sentences
