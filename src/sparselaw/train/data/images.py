"""Labelled images from a folder of class folders or from a Hugging Face dataset, for vision transformers.

Images are decoded when needed, cropped to the central square, resized and scaled to [-1, 1]. 5% are held out, chosen by
the hash of their names.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sparselaw.errors import UserError
from sparselaw.train.data.config import DataConfig
from sparselaw.train.data.preparation import is_heldout
from sparselaw.train.data.stream import Batch, Data, Maker

if TYPE_CHECKING:
    from datasets import Dataset
    from PIL.Image import Image

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True)
class LabelledImages:
    """Images by number.

    Attributes:
        load: decodes the image with this number.
        labels: class of each image, int64, shape (num_images,).
        names: name of each image, which decides whether it is held out.
        classes: names of the classes.
    """

    load: Callable[[int], "Image"]
    labels: np.ndarray
    names: list[str]
    classes: list[str]


def is_image_folder(path: Path) -> bool:
    """Whether a folder holds images rather than text."""
    return path.is_dir() and any(file.suffix.lower() in IMAGE_SUFFIXES for file in path.rglob("*"))


def open_image_folder(config: DataConfig, path: Path) -> Data:
    """Opens a folder that has one folder of images for each class.

    Raises:
        UserError: if there are fewer than two classes or too few images, or an image cannot be read.
    """
    classes = sorted(folder.name for folder in path.iterdir() if folder.is_dir() and is_image_folder(folder))
    if len(classes) < 2:
        raise UserError(f"The folder {str(path)!r} has {len(classes)} class folders of images; give at least 2.")
    files = list(_distinct(path, classes))
    labels = np.array([classes.index(file.relative_to(path).parts[0]) for file in files], dtype=np.int64)
    names = [file.relative_to(path).as_posix() for file in files]
    images = LabelledImages(lambda number: _read_image(files[number]), labels, names, classes)
    listing = "\n".join(f"{name} {file.stat().st_size}" for name, file in zip(names, files, strict=True))
    return _as_data(config, images, {"files": len(files), "listing_blake2b": _digest(listing.encode())})


def open_image_dataset(config: DataConfig, name: str, *, configuration: str | None = None) -> Data:
    """Opens the training split of a Hugging Face image dataset, which is downloaded completely.

    Raises:
        UserError: if the dataset has no images, no class labels or too few images.
    """
    from datasets import load_dataset

    dataset: Dataset = load_dataset(name, configuration, split="train")
    image_column, label_column = image_columns(dataset.features)
    if image_column is None or label_column is None:
        raise UserError(
            f"The dataset {name!r} has no image and class label columns, only {', '.join(dataset.features)}; choose another."
        )
    images = LabelledImages(
        load=lambda number: dataset[number][image_column],
        labels=np.array(dataset[label_column], dtype=np.int64),
        names=[str(number) for number in range(len(dataset))],
        classes=dataset.features[label_column].names,
    )
    return _as_data(config, images, {"dataset": name, "configuration": configuration, "version": str(dataset.version)})


def image_columns(features: Any) -> tuple[str | None, str | None]:
    """Names of the first image column and the first class label column of a dataset, None for a missing one."""
    from datasets import ClassLabel, Image

    images = [name for name, feature in features.items() if isinstance(feature, Image)]
    labels = [name for name, feature in features.items() if isinstance(feature, ClassLabel)]
    return next(iter(images), None), next(iter(labels), None)


def _as_data(config: DataConfig, images: LabelledImages, origin: dict[str, Any]) -> Data:
    held = np.array([is_heldout(name) for name in images.names], dtype=bool)
    train, heldout = np.flatnonzero(~held), np.flatnonzero(held)
    if not len(train) or not len(heldout):
        raise UserError(
            f"{config.source!r} has {len(held)} images, too few to train on some and hold out others; add more."
        )
    return Data(
        make_train=_maker(images, train, config.image_size),
        make_heldout=_maker(images, heldout, config.image_size),
        num_heldout=min(config.heldout, len(heldout)),
        heldout_pool=len(heldout),
        num_examples=len(train),
        unit="images",
        units_per_example=1,
        provenance={"source": config.source, "seed": config.seed, "images": origin, "classes": images.classes},
        seed=config.seed,
        num_classes=len(images.classes),
        image_size=config.image_size,
        num_channels=3,
    )


def _maker(images: LabelledImages, members: np.ndarray, image_size: int) -> Maker:
    def make(indices: np.ndarray) -> Batch:
        numbers = members[indices]
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            pixels = np.stack(list(pool.map(lambda number: _square(images.load(int(number)), image_size), numbers)))
        pixels_BCHW = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
        return {"pixel_values": pixels_BCHW.contiguous(), "labels": torch.from_numpy(images.labels[numbers])}

    return make


def _square(image: "Image", size: int) -> np.ndarray:
    """The central square of an image, resized, uint8 (H, W, 3)."""
    from PIL import Image, ImageOps

    return np.asarray(ImageOps.fit(image.convert("RGB"), (size, size), Image.Resampling.BICUBIC))


def _distinct(path: Path, classes: list[str]) -> Iterator[Path]:
    """Image files in a fixed order without copies, so that no held-out image is trained on under another name."""
    files = sorted(
        file for name in classes for file in (path / name).rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES
    )
    sizes = Counter(file.stat().st_size for file in files)
    seen: set[str] = set()
    for file in files:
        if sizes[file.stat().st_size] > 1:  # only files of one size can be equal, so few need reading
            digest = _digest(file.read_bytes())
            if digest in seen:
                continue
            seen.add(digest)
        _check_header(file)
        yield file


def _check_header(file: Path) -> None:
    from PIL import Image

    try:
        Image.open(file).close()
    except OSError as error:
        raise _unreadable(file) from error


def _read_image(file: Path) -> "Image":
    from PIL import Image

    try:
        with Image.open(file) as image:
            return image.convert("RGB")
    except OSError as error:
        raise _unreadable(file) from error


def _unreadable(file: Path) -> UserError:
    return UserError(f"The image {str(file)!r} cannot be read; repair it or remove it from the folder.")


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
