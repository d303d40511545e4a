import cattrs
import pytest

from sparselaw.errors import UserError
from sparselaw.train.data import DataConfig, open_data


def test_configuration_goes_through_cattrs_and_back():
    config = DataConfig(source="glyphs", image_size=48, seed=3)
    converter = cattrs.Converter(forbid_extra_keys=True)
    assert converter.structure(converter.unstructure(config), DataConfig) == config


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sequence_length": 1}, r"data\.sequence_length is 1; give 2 or more"),
        ({"image_size": 0}, r"data\.image_size is 0; give 8 or more"),
        ({"heldout": 0}, r"data\.heldout is 0; give 1 or more"),
        ({"max_tokens": -1}, r"data\.max_tokens is -1; give 0 or more"),
        ({"seed": -1}, r"data\.seed is -1; give 0 or more"),
        ({"source": ""}, r"data\.source is empty"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_impossible_values_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        DataConfig(**settings)


@pytest.mark.parametrize("source", ["/nowhere/at/all", "./nothing", "missing.txt", "~/no-such-folder-here"])
def test_missing_path_is_told_without_asking_the_hub(source):
    with pytest.raises(UserError, match="There is no file or folder"):
        open_data(DataConfig(source=source))


def test_more_sentinels_than_there_are_is_refused():
    with pytest.raises(UserError, match="needs 103 sentinels, but there are 100"):
        open_data(DataConfig(source="synthetic", sequence_length=1850, span_corruption=True))
