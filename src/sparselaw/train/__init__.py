"""Training of sparse transformers: `run(RunConfig(...), folder)` trains one model in one folder.

PyTorch and transformers are imported only for training.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparselaw.train.config import RunConfig, load_config
    from sparselaw.train.run_folder import read_result, run

__all__ = ["RunConfig", "load_config", "read_result", "run"]

_HOMES = {"RunConfig": "config", "load_config": "config", "read_result": "run_folder", "run": "run_folder"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"sparselaw.train.{_HOMES[name]}"), name)
