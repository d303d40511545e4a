import numpy as np
import pytest
import torch
from PIL import Image

from sparselaw.errors import UserError
from sparselaw.train.data import DataConfig, open_data
from sparselaw.train.data.opening import _open_dataset

COLOURS = {"blue": (0, 0, 255), "green": (0, 255, 0), "red": (255, 0, 0)}


@pytest.fixture
def folder(tmp_path):
    """60 images of each colour and of many shapes; a dark corner makes each another file."""
    for name, colour in COLOURS.items():
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(60):
            image = Image.new("RGB", (40 + number, 90 - number), colour)
            image.putpixel((0, 0), (number, number, number))
            image.save(tmp_path / "images" / name / f"{number}.png")
    return tmp_path / "images"


def _mean_colours(batch):
    return ((batch["pixel_values"].mean(dim=(2, 3)) + 1) * 127.5).round()


def test_image_folder_gives_pixels_and_labels(folder):
    data = open_data(DataConfig(source=str(folder), image_size=16))
    batch = data.batch(0, 32)
    assert (data.num_classes, data.image_size, data.num_channels, data.unit) == (3, 16, 3, "images")
    assert batch["pixel_values"].shape == (32, 3, 16, 16)
    assert batch["pixel_values"].dtype == torch.float32
    expected = torch.tensor(list(COLOURS.values()))[batch["labels"]]
    assert (_mean_colours(batch) - expected).abs().max() <= 2


def test_image_folder_is_split_and_every_image_is_in_one_part(folder):
    data = open_data(DataConfig(source=str(folder), image_size=16))
    assert data.num_examples + data.num_heldout == 180
    labels = [data.batch(0, data.num_examples)["labels"], *(batch["labels"] for batch in data.validation(4))]
    assert torch.cat(labels).bincount().tolist() == [60, 60, 60]


def test_copies_of_an_image_count_once(folder):
    for number in range(50):
        (folder / "red" / f"copy{number}.png").write_bytes((folder / "red" / "7.png").read_bytes())
    data = open_data(DataConfig(source=str(folder), image_size=16))
    assert data.num_examples + data.num_heldout == 180


def test_hub_image_dataset_gives_the_same_examples(folder):
    data = _open_dataset(DataConfig(image_size=16), str(folder))
    batch = data.batch(0, 32)
    expected = torch.tensor(list(COLOURS.values()))[batch["labels"]]
    assert (_mean_colours(batch) - expected).abs().max() <= 2
    assert data.num_examples + data.num_heldout == 180
    assert data.provenance["classes"] == list(COLOURS)


def test_grey_and_transparent_images_become_colour(folder):
    Image.fromarray(np.full((20, 20), 77, np.uint8)).save(folder / "red" / "grey.png")
    Image.new("RGBA", (20, 20), (10, 20, 30, 255)).save(folder / "red" / "clear.png")
    data = open_data(DataConfig(source=str(folder), image_size=8))
    assert data.batch(0, data.num_examples)["pixel_values"].shape[1] == 3


@pytest.mark.parametrize("content", [b"", b"not an image"], ids=["empty", "text"])
def test_unreadable_image_is_named_when_the_folder_is_opened(folder, content):
    (folder / "red" / "broken.png").write_bytes(content)
    with pytest.raises(UserError, match=r"image .*broken\.png' cannot be read"):
        open_data(DataConfig(source=str(folder)))


def test_truncated_image_is_named_when_it_is_reached(folder):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = folder / "red" / "cut.png"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:5000])
    data = open_data(DataConfig(source=str(folder)))
    with pytest.raises(UserError, match=r"image .*cut\.png' cannot be read"):
        [data.batch(0, data.num_examples), *data.validation(64)]


def test_one_class_or_too_few_images_are_refused(tmp_path):
    for name, count in (("only", 1), ("second", 1)):
        (tmp_path / "images" / name).mkdir(parents=True)
        Image.new("RGB", (9, 9 + len(name))).save(tmp_path / "images" / name / f"{count}.png")
        message = "1 class folders of images; give at least 2" if name == "only" else "2 images, too few"
        with pytest.raises(UserError, match=message):
            open_data(DataConfig(source=str(tmp_path / "images")))
