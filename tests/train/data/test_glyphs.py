import numpy as np
import pytest
import torch
from torch import nn

from sparselaw.errors import UserError
from sparselaw.train.data import DataConfig, open_data
from sparselaw.train.data.counter import keys
from sparselaw.train.data.glyphs import CHARACTERS, _view, glyph_atlas, render


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
    assert distances.min() > 3  # the nearest, i and l, differ by a dot of 9 pixels' worth of ink


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
    labels = torch.cat(
        [open_data(DataConfig(source="glyphs", image_size=8)).batch(s, 4096)["labels"] for s in range(6)]
    )
    counts = labels.bincount(minlength=242).double()
    chi_squared = ((counts - counts.mean()) ** 2 / counts.mean()).sum()
    assert chi_squared < 241 + 4 * np.sqrt(2 * 241)


def test_fewer_classes_are_the_first_characters():
    data = open_data(DataConfig(source="glyphs", image_size=8, num_classes=10))
    assert data.num_classes == 10
    assert data.provenance["characters"] == "0123456789"
    assert set(data.batch(0, 512)["labels"].tolist()) == set(range(10))


@pytest.mark.parametrize("number", [1, 243])
def test_refuses_classes_there_are_not(number):
    with pytest.raises(UserError, match=f"num_classes is {number}; give 2 to 242"):
        open_data(DataConfig(source="glyphs", num_classes=number))


def test_an_image_depends_on_its_key_alone():
    whole = render(keys(7, 1, np.arange(64)), image_size=32, num_classes=242)
    alone = render(keys(7, 1, np.array([40])), image_size=32, num_classes=242)
    assert torch.equal(whole["pixel_values"][40], alone["pixel_values"][0])
    assert whole["labels"][40] == alone["labels"][0]


def test_validation_is_one_set_for_all_seeds_and_no_training_image():
    one, two = (open_data(DataConfig(source="glyphs", seed=seed, heldout=300)) for seed in (0, 1))
    heldout = torch.cat([batch["pixel_values"] for batch in one.validation(128)])
    assert torch.equal(heldout, torch.cat([batch["pixel_values"] for batch in two.validation(50)]))
    assert torch.cdist(heldout.flatten(1), one.batch(0, 300)["pixel_values"].flatten(1)).min() > 1
    assert (
        torch.cdist(two.batch(0, 300)["pixel_values"].flatten(1), one.batch(0, 300)["pixel_values"].flatten(1)).min()
        > 1
    )


def test_view_without_turn_shift_or_stretch_is_the_cell_itself():
    cells = glyph_atlas().cells[:5]
    size_one = np.log(1 / 0.6) / np.log(1.8)
    draws = torch.tensor([0.5, size_one, 0.5, 0.5, 0.5, 0.5], dtype=torch.float64)[:, None].expand(6, 5)
    assert torch.allclose(_view(cells, draws, image_size=64)[:, 0], cells, atol=1e-4)


def test_a_small_network_learns_to_tell_unseen_digits():
    """Pixels show their label: 10 classes, chance is 0.1."""
    torch.manual_seed(0)
    batch = render(keys(0, 1, np.arange(5500)), image_size=16, num_classes=10)
    pixels, labels = batch["pixel_values"], batch["labels"]
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1024, 10),
    )  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(320):
        chosen = torch.arange(64 * step, 64 * step + 64) % 5000
        loss = nn.functional.cross_entropy(model(pixels[chosen]), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    accuracy = (model(pixels[5000:]).argmax(dim=1) == labels[5000:]).double().mean()
    assert accuracy > 0.3, accuracy
