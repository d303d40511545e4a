"""Training data: `open_data(DataConfig(...))` gives batches by step number, a held-out set and the size of both."""

from sparselaw.train.data.config import DataConfig
from sparselaw.train.data.opening import open_data
from sparselaw.train.data.stream import Batch, Data, warn_if_repeating

__all__ = ["Batch", "Data", "DataConfig", "open_data", "warn_if_repeating"]
