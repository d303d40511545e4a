"""What to train on: `open_data(DataConfig(...))` gives batches by step number, a held-out set, and their size."""

from sparselaw.train.data.config import DataConfig
from sparselaw.train.data.opening import open_data
from sparselaw.train.data.stream import Batch, Data, warn_if_repeating

__all__ = ["Batch", "Data", "DataConfig", "open_data", "warn_if_repeating"]
