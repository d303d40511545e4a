"""Sweeps: grids of runs over (N, S, D), trained on a laptop or a cluster into a folder that `fit` reads.

`expand(load_sweep("SWEEP.toml"))` gives the runs; `sparselaw.sweep.missing.train_missing` trains the unfinished ones.
"""

from sparselaw.sweep.grid import Cell, PlannedRun, SweepConfig, expand, load_sweep

__all__ = ["Cell", "PlannedRun", "SweepConfig", "expand", "load_sweep"]
