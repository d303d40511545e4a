"""From a configuration to the data it names."""

from sparselaw.train.data.config import DataConfig
from sparselaw.train.data.stream import Data


def open_data(config: DataConfig) -> Data:
    """Opens, and on first use prepares, what the configuration names.

    Raises:
        UserError: one sentence about a source that cannot be read or is too small.
    """
    if config.source == "synthetic":
        from sparselaw.train.data.synthetic import open_synthetic

        return open_synthetic(config)
    from sparselaw.train.data.corpus import open_text
    from sparselaw.train.data.python_source import python_source

    assert config.source == "python"
    return open_text(config, python_source())
