"""A sparse model as a smaller file, and back.

Every tensor is stored in the requested format (with `auto`, in the smallest), or dense if that is smaller. The file is a
safetensors file: a tensor `a.weight` in a sparse format is stored as `a.compressed` and the positions of its values, see
`encodings`. The bitmask format is compressed-tensors' sparse-bitmask; each library reads the other's files. Metadata holds
types, shapes, the model's config.json and a checksum.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from sparselaw.errors import UserError, first_line
from sparselaw.files import write_atomically
from sparselaw.prune import encodings, tensor_files
from sparselaw.prune.compression import Zstandard
from sparselaw.prune.encodings import PARTS, Encoded

WEIGHTS, INDEX, CONFIG = "model.safetensors", "model.safetensors.index.json", "config.json"
KEY, FORMAT = "sparselaw", "sparselaw-sparse/1"
_TYPES = {name: dtype for dtype, name in tensor_files.TYPES.items()}
_DAMAGE = (ValueError, KeyError, IndexError, TypeError, AttributeError, RuntimeError, MemoryError, OverflowError)
NO_DIFFERENCE = 1.005
"""Among formats whose sizes differ by less than this factor, the one that `encodings` lists first is used: kernels read it."""
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class StoredTensor:
    """One tensor of an export: its format, its bytes as stored and its bytes if dense."""

    name: str
    format: str
    dtype: str
    num_weights: int
    num_nonzero: int
    num_rows: int
    nbytes: int
    dense_nbytes: int


@dataclass(frozen=True)
class Export:
    """An exported file.

    Attributes:
        file: its path.
        format: the requested format.
        nbytes: its size in bytes.
        source_nbytes: size of the model's files.
        tensors: its tensors.
        num_negative_zeros: weights that are -0, which are stored as values.
        zstd_share: size of the dense tensors after zstd -19, as a fraction; None if the package zstandard is not installed.
        zstd_sampled: fraction of the dense tensors' bytes that was measured.
    """

    file: Path
    format: str
    nbytes: int
    source_nbytes: int
    tensors: tuple[StoredTensor, ...]
    num_negative_zeros: int
    zstd_share: float | None
    zstd_sampled: float


def export_sparse(
    source: str | Path, output: str | Path, *, format: str = "auto", precision: str | None = None
) -> Export:
    """Writes a model to a smaller file, one tensor at a time.

    Args:
        source: a safetensors file, a folder with model.safetensors (or its shards), or the folder of a run.
        output: the file to write.
        format: auto, dense, bitmask, delta (delta1 to delta16 set the bits of a code), csr (csr16, csr64) or n:m; a tensor
            that it does not make smaller stays dense.
        precision: fp32, bf16 or fp16 to convert floating-point weights to; unchanged if None.

    Raises:
        UserError: if the source cannot be read, the output cannot be written, or the format or precision does not exist.
    """
    _check(format, precision)
    files, output = weight_files(Path(source)), Path(output)
    if output.resolve() in [file.resolve() for file in files]:
        raise UserError(f"{output} is the model itself; give another name for the export.")
    headers = [tensor_files.read_header(file) for file in files]
    if any(KEY in header[tensor_files.METADATA] for header in headers):
        raise UserError(f"{source} is already an export; restore it first.")
    source_nbytes, taken = sum(file.stat().st_size for file in files), {name for header in headers for name in header}
    zstandard, stored, sparse, negative = Zstandard(source_nbytes), [], {}, 0
    with _writing(output) as (add, metadata):
        for name, tensor in _tensors(files, precision):
            zstandard.add(tensor)
            negative += encodings.count_negative_zeros(tensor)
            encoded = _smallest(name, tensor, format, taken)
            parts = _named_parts(name, encoded) if encoded else {name: tensor}
            for part, content in parts.items():
                add(part, content)
            taken.update(parts)
            stored.append(_stored(name, tensor, encoded))
            if encoded:
                sparse[name] = [encoded.format, tensor_files.TYPES[tensor.dtype], list(tensor.shape)]
        about = {
            "format": FORMAT,
            "tensors": sparse,
            "metadata": dict(sorted(headers[0][tensor_files.METADATA].items())),
        }
        metadata.update({"format": "pt", KEY: json.dumps(about | _config(Path(source), files[0]))})
    size = output.stat().st_size
    return Export(output, format, size, source_nbytes, tuple(stored), negative, zstandard.finish(), zstandard.sampled)


def load_sparse(file: str | Path) -> dict[str, Tensor]:
    """The dense tensors of a file that `export_sparse` or compressed-tensors' sparse-bitmask wrote, by name.

    Raises:
        UserError: if the file cannot be read or is damaged.
    """
    return dict(iterate_sparse(file))


def iterate_sparse(file: str | Path) -> Iterator[tuple[str, Tensor]]:
    """As `load_sparse`, one tensor at a time."""
    path = Path(file)
    header = tensor_files.read_header(path)
    sparse = _sparse_tensors(path, header)
    inner = {part for name, encoding in sparse.items() for part in _part_names(name, encoding[0]).values()}
    with _reading(path) as tensors:
        for name in (name for name in header if name not in inner | {tensor_files.METADATA}):
            yield name, tensors.get_tensor(name)
        for name, encoding in sparse.items():
            parts = {part: tensors.get_tensor(key) for part, key in _part_names(name, encoding[0]).items()}
            try:
                yield name, _decoded(parts, *encoding)
            except _DAMAGE as error:
                raise UserError(
                    f"{path} is damaged (the parts of {name} do not fit together); export the model again."
                ) from error


def _decoded(parts: dict[str, Tensor], format: str, dtype: str | None, shape: list[int] | None) -> Tensor:
    type = parts["compressed"].dtype if dtype is None else _TYPES[dtype]
    return encodings.decode(Encoded(format, type, tuple(parts["shape"].tolist() if shape is None else shape), parts))


def restore(file: str | Path, output: str | Path) -> list[Path]:
    """Writes the dense model of an exported file.

    Args:
        file: an export of `export_sparse`.
        output: a file that ends in .safetensors, or a folder for model.safetensors and config.json, as `from_pretrained` of
            `transformers` reads it.

    Returns:
        The files written.

    Raises:
        UserError: if the file is damaged, or the output cannot be written.
    """
    path, output = Path(file), Path(output)
    about = _about(path, tensor_files.read_header(path))
    weights = output if output.suffix == ".safetensors" else output / WEIGHTS
    if weights.resolve() == path.resolve():
        raise UserError(f"{output} is the export itself; give another name for the dense model.")
    with _writing(weights) as (add, metadata):
        for name, tensor in iterate_sparse(path):
            add(name, tensor)
        metadata.update({"format": "pt"} | about.get("metadata", {}))
        if weights == output or CONFIG not in about:
            return [weights]
        write_atomically(output / CONFIG, about[CONFIG])
    return [weights, output / CONFIG]


def weight_files(source: Path) -> list[Path]:
    """The safetensors files of a model: the file itself, a folder's file or shards, or a run's newest checkpoint.

    Raises:
        UserError: if there are none.
    """
    if source.is_file():
        return [source]
    if (source / WEIGHTS).is_file():
        return [source / WEIGHTS]
    if (source / INDEX).is_file():
        try:
            shards = sorted(set(json.loads((source / INDEX).read_text())["weight_map"].values()))
            return [source / Path(shard).name for shard in shards]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{source / INDEX} is damaged ({error}); save the model again.") from error
    checkpoints = sorted(source.glob("checkpoint/step-*")) + sorted(source.glob("step-*"))
    if checkpoints:
        return weight_files(checkpoints[-1])
    raise UserError(f"{source} is neither a safetensors file nor a folder with {WEIGHTS}; give one of these.")


def _smallest(name: str, tensor: Tensor, format: str, taken: set[str]) -> Encoded | None:
    """The smallest encoding that the format allows; None if dense is smaller, or the name of a part is taken."""
    found = {} if format == "dense" else {e.format: e for e in encodings.encodings(tensor, format)}
    sizes = {
        e.format: sum(tensor_files.entry_size(*part) for part in _named_parts(name, e).items()) for e in found.values()
    }
    least = min(sizes.values(), default=math.inf)
    if least >= tensor_files.entry_size(name, tensor):
        return None
    best = found[next(format for format, size in sizes.items() if size <= NO_DIFFERENCE * least)]
    return None if taken.intersection(_named_parts(name, best)) else best


def _named_parts(name: str, encoded: Encoded) -> dict[str, Tensor]:
    return {key: encoded.parts[part] for part, key in _part_names(name, encoded.format).items()}


def _part_names(name: str, format: str) -> dict[str, str]:
    stem = name.removesuffix(".weight")
    return {part: f"{stem}.{part}" for part in PARTS[encodings.kind_of(format)]}


def _stored(name: str, tensor: Tensor, encoded: Encoded | None) -> StoredTensor:
    nonzero = int(np.count_nonzero(encodings.bits_of(tensor))) if not tensor.is_complex() else tensor.numel()
    return StoredTensor(
        name=name,
        format=encoded.format if encoded else "dense",
        dtype=str(tensor.dtype).removeprefix("torch."),
        num_weights=tensor.numel(),
        num_nonzero=nonzero,
        num_rows=encodings.num_rows(tuple(tensor.shape)),
        nbytes=encoded.nbytes if encoded else tensor.nbytes,
        dense_nbytes=tensor.nbytes,
    )


def _converted(name: str, tensor: Tensor, dtype: torch.dtype) -> Tensor:
    if not tensor.is_floating_point():
        return tensor
    converted = tensor.to(dtype)
    if (tensor.isfinite() & ~converted.isfinite()).any():
        raise UserError(
            f"{name} has weights that are too large for {str(dtype).removeprefix('torch.')}; give the precision bf16 or fp32."
        )
    return converted


def _tensors(files: list[Path], precision: str | None) -> Iterator[tuple[str, Tensor]]:
    for file in files:
        with _reading(file) as tensors:
            for name in tensors.offset_keys():
                tensor = tensors.get_tensor(name)
                yield name, tensor if precision is None else _converted(name, tensor, PRECISIONS[precision])


def _config(source: Path, file: Path) -> dict[str, str]:
    """config.json beside the weights, if the source is a folder."""
    path = file.parent / CONFIG
    return {CONFIG: path.read_text(encoding="utf-8")} if source.is_dir() and path.is_file() else {}


def _about(path: Path, header: dict[str, Any]) -> dict[str, Any]:
    """The metadata of an export; empty if another tool wrote the file."""
    text = header[tensor_files.METADATA].get(KEY)
    try:
        about = {} if text is None else json.loads(text)
        known = text is None or about["format"] == FORMAT
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged (its metadata cannot be read); export the model again.") from error
    if not known:
        raise UserError(
            f"{path} has the format {about['format']}, not {FORMAT}; restore it with the version that wrote it."
        )
    return about


def _sparse_tensors(path: Path, header: dict[str, Any]) -> dict[str, tuple[str, str | None, list[int] | None]]:
    """Format, type and shape of each sparse tensor; in another tool's file, bitmasks hold type and shape themselves."""
    if about := _about(path, header):
        try:
            found = {name: (format, dtype, shape) for name, (format, dtype, shape) in about["tensors"].items()}
            for name, (format, _, _) in found.items():
                _part_names(name, format)
        except _DAMAGE as error:
            raise UserError(f"{path} is damaged (its metadata cannot be read); export the model again.") from error
        return found
    stems = [name.removesuffix(".bitmask") for name in header if name.endswith(".bitmask")]
    return {f"{stem}.weight": ("bitmask", None, None) for stem in stems if f"{stem}.compressed" in header}


def _check(format: str, precision: str | None) -> None:
    if format not in ("auto", "dense"):
        encodings.check_format(format)
    if precision is not None and precision not in PRECISIONS:
        raise UserError(f"{precision!r} is not a precision; give {', '.join(PRECISIONS)}.")


@contextmanager
def _reading(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as tensors:
            yield tensors
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} cannot be read ({first_line(error)}); give another file.") from error


@contextmanager
def _writing(path: Path) -> Iterator[Any]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tensor_files.writing(path) as (add, metadata):
            yield add, metadata
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}); give another place.") from error
