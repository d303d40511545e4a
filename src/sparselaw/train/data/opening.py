"""From a configuration to the data it names."""

from pathlib import Path

from sparselaw.errors import UserError
from sparselaw.train.data.config import DataConfig
from sparselaw.train.data.stream import Data

_C4 = "allenai/c4:en"


def open_data(config: DataConfig) -> Data:
    """Opens, and on first use prepares, what the configuration names.

    Raises:
        UserError: one sentence about a source that cannot be read or is too small.
    """
    if config.source == "synthetic":
        from sparselaw.train.data.synthetic import open_synthetic

        return open_synthetic(config)
    if config.source == "glyphs":
        from sparselaw.train.data.glyphs import open_glyphs

        return open_glyphs(config)
    if config.source in ("packages", "python"):
        from sparselaw.train.data.corpus import open_text
        from sparselaw.train.data.pinned_packages import pinned_packages
        from sparselaw.train.data.python_source import python_source

        return open_text(config, pinned_packages() if config.source == "packages" else python_source())
    path = Path(config.source).expanduser()
    if path.exists():
        return _open_path(config, path)
    if path.is_absolute() or config.source.startswith((".", "~")) or path.suffix:
        raise UserError(f"There is no file or folder {config.source!r}; check data.source.")
    return _open_dataset(config, _C4 if config.source == "c4" else config.source)


def _open_path(config: DataConfig, path: Path) -> Data:
    from sparselaw.train.data.corpus import open_text
    from sparselaw.train.data.images import is_image_folder, open_image_folder
    from sparselaw.train.data.text_sources import local_source

    if is_image_folder(path):
        return open_image_folder(config, path)
    return open_text(config, local_source(path, config.text_column))


def _open_dataset(config: DataConfig, source: str) -> Data:
    from sparselaw.train.data.corpus import open_text
    from sparselaw.train.data.images import image_columns, open_image_dataset
    from sparselaw.train.data.text_sources import hub_source, stream_dataset

    name, _, configuration = source.partition(":")
    if config.max_tokens:  # text, so a corpus that is prepared already opens without a network
        return open_text(config, hub_source(name, config.text_column, configuration=configuration or None))
    features = stream_dataset(name, configuration or None).features
    if features is None or image_columns(features)[0] is None:
        raise UserError(
            f"The dataset {name!r} may be too large to take whole; set data.max_tokens to the tokens wanted."
        )
    return open_image_dataset(config, name, configuration=configuration or None)
