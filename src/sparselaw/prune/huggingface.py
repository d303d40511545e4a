"""The pruner inside a Hugging Face `Trainer`.

    Trainer(..., callbacks=[HuggingFaceCallback(sparsity=0.75)])

The trainer decides the number of steps. Each checkpoint holds the pruner's state beside the trainer's, and a resumed
training reads it.
"""

import os
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from sparselaw.errors import UserError
from sparselaw.prune.pruner import MagnitudePruner

STATE_FILE = "pruner.pt"


class HuggingFaceCallback(TrainerCallback):
    """Prunes the trainer's model after each of its optimiser steps.

    Attributes:
        pruner: the pruner; None before training begins.
    """

    def __init__(self, sparsity: float, **options: Any) -> None:
        """Stores the pruner's options.

        Args:
            sparsity: final fraction of zeros, in [0, 1).
            **options: of `MagnitudePruner`, without the number of steps.
        """
        self._sparsity, self._options = sparsity, options
        self.pruner: MagnitudePruner | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Builds the pruner; a resumed training loads its state from the checkpoint."""
        self.pruner = MagnitudePruner(kwargs["model"], self._sparsity, state.max_steps, **self._options)
        if state.global_step:
            self.pruner.load_state_dict(_read_state(args, state))

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Steps the pruner."""
        assert self.pruner is not None
        self.pruner.step()

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Writes the pruner's state into the checkpoint; every rank takes part, and one writes."""
        assert self.pruner is not None
        content = self.pruner.state_dict()
        if state.is_world_process_zero:
            file = _own_checkpoint(args, state) / STATE_FILE
            torch.save(content, file.with_suffix(".part"))
            os.replace(file.with_suffix(".part"), file)


def _own_checkpoint(args: TrainingArguments, state: TrainerState) -> Path:
    assert args.output_dir is not None
    return Path(args.output_dir) / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"


def _read_state(args: TrainingArguments, state: TrainerState) -> dict[str, Any]:
    given = args.resume_from_checkpoint
    file = (Path(given) if given and Path(given).is_dir() else _own_checkpoint(args, state)) / STATE_FILE
    if not file.is_file():
        raise UserError(
            f"{file} does not exist, so pruning cannot continue; resume from a checkpoint that was saved with the pruner."
        )
    return torch.load(file, weights_only=True)
