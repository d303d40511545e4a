"""The two published sweeps of 'Scaling Laws for Sparsely-Connected Foundation Models' (arXiv 2309.08520).

The published sizes are relative to a dense base shape, and durations are in steps or images. Here
N = base * scale * (1 - S) non-zero parameters, with base = 12 * layers * width^2 (without embeddings and
cross-attention), and D is in tokens or images.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sparselaw.errors import UserError

if TYPE_CHECKING:
    from pandas import DataFrame

ADDRESS = (
    "https://raw.githubusercontent.com/google-research/jaxpruner/"
    "f133ee50f31a03d0152b8b272edb534065152f5d/jaxpruner/projects/bigsparse/"
)
FOLDER_VARIABLE = "SPARSELAW_DATASETS"
TOKENS_PER_STEP = 128 * 512


@dataclass(frozen=True)
class Run:
    """One finished run: N, S, D and the measured loss."""

    nonzero_params: float
    sparsity: float
    data: float
    loss: float


@dataclass(frozen=True)
class Published:
    """A published sweep: its file, and how its columns give N, S, D and L."""

    file: str
    sha256: str
    base_params: int
    data_column: str
    data_per_unit: int
    data_unit: str
    held_out: Run | None = None


PUBLISHED = {
    "t5-c4": Published(
        file="t5-data.csv",
        sha256="a9c31ee9e3c2c6fb815f15eb0c6cb07b55383148621abc1973feac72eaaa1cab",
        base_params=24 * 12 * 768**2,
        data_column="steps",
        data_per_unit=TOKENS_PER_STEP,
        data_unit="tokens",
        held_out=Run(48 * 12 * 1024**2, 0.75, 500_000 * TOKENS_PER_STEP, 1.4827780204906797),
    ),
    "vit-jft": Published(
        file="vit-data.json",
        sha256="7ab6f79e94978c03f77182691f49cbf55725e205db2ba2d9da78a857fc515aa8",
        base_params=12 * 12 * 768**2,
        data_column="total_examples",
        data_per_unit=1,
        data_unit="images",
    ),
}


def held_out(name: str) -> Run | None:
    """The larger run that was published with the sweep `name`, for tests of extrapolation; None if there is none."""
    return PUBLISHED[name].held_out if name in PUBLISHED else None


def published_frame(entry: Published, frame: DataFrame) -> DataFrame:
    """A published table with the columns of N, S, D, L and `dense_params` added to its own."""
    dense = entry.base_params * frame["scale"]
    return frame.rename(columns={"val-loss": "loss"}).assign(
        nonzero_params=dense * (1 - frame["sparsity"]),
        data=frame[entry.data_column] * float(entry.data_per_unit),
        dense_params=dense,
    )


def published_bytes(entry: Published) -> bytes:
    """The published file, from the folder SPARSELAW_DATASETS if set, else downloaded once; its SHA-256 is checked.

    Raises:
        UserError: if the file is missing, differs from the published one, or cannot be downloaded.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    content = _from_folder(entry, Path(folder)) if folder else _downloaded(entry)
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise UserError(f"{entry.file} in {folder} is not the published file; replace it by {ADDRESS}{entry.file}.")
    return content


def _from_folder(entry: Published, folder: Path) -> bytes:
    try:
        return (folder / entry.file).read_bytes()
    except (OSError, ValueError) as error:
        raise UserError(
            f"{FOLDER_VARIABLE} is {folder}, but {entry.file} cannot be read there; save {ADDRESS}{entry.file} in it."
        ) from error


def _downloaded(entry: Published) -> bytes:
    import pooch

    advice = f"save {ADDRESS}{entry.file} in a folder and set the environment variable {FOLDER_VARIABLE} to that folder"
    try:
        path = pooch.retrieve(
            ADDRESS + entry.file, f"sha256:{entry.sha256}", fname=entry.file, path=pooch.os_cache("sparselaw")
        )
        return Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"{entry.file} could not be downloaded ({type(error).__name__}); {advice}.") from error
    except ValueError as error:  # pooch's word for a wrong hash
        raise UserError(f"The download of {entry.file} is not the published file; {advice}.") from error
