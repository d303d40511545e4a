"""Tables of finished training runs: one row per run, with N, S, D and the loss L.

A table comes from a sweep or from any CSV, JSON or Parquet file.
"""

from sparselaw.runs.columns import COLUMNS, parse_columns
from sparselaw.runs.published import PUBLISHED, Run, held_out
from sparselaw.runs.readers import read_all, read_runs
from sparselaw.runs.table import Runs

__all__ = ["COLUMNS", "PUBLISHED", "Run", "Runs", "held_out", "parse_columns", "read_all", "read_runs"]
