"""The configuration of a run: frozen dataclasses, read from TOML, written as JSON; unknown keys are errors."""

import dataclasses
import json
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from sparselaw.counts import parse_count
from sparselaw.errors import UserError
from sparselaw.train.data.config import DataConfig
from sparselaw.train.lr import LearningRate
from sparselaw.train.models import ModelConfig
from sparselaw.train.optimizers import OptimizerConfig

T = TypeVar("T")

RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class PruningConfig:
    """How weights become zero; the default is the gradual magnitude pruning of the sparse scaling paper.

    For one-shot pruning set `start` equal to `end`; for a static mask set both to 0.

    Attributes:
        sparsity: final fraction of zeros in the matrices that N counts; 0 trains a dense model.
        method: `gradual` prunes by magnitude and never restores a weight; `straight-through` chooses the largest weights
            again at every step and trains the hidden ones too; `rigl` and `set` are sparse from the first step and move
            weights, `rigl` to where the gradient is largest and `set` at random.
        start: fraction of the run before the first weight is pruned (ignored by `rigl` and `set`).
        end: fraction of the run at which the target is reached; for `rigl` and `set`, at which the last weight moves.
        exponent: exponent of the ramp S (1 - (1-u)^exponent).
        update_every: steps between mask updates (ignored by `straight-through`).
        distribution: `uniform` (the same sparsity in every tensor), `global` or `erdos-renyi-kernel`.
        pattern: `unstructured`, or `n:m` with n non-zeros among each m consecutive inputs (not for `rigl` and `set`).
        indivisible: how to treat matrices whose inputs do not divide by m: `refuse` the run or leave them `dense`.
    """

    sparsity: float = 0.0
    method: Literal["gradual", "straight-through", "rigl", "set"] = "gradual"
    start: float = 0.25
    end: float = 0.75
    exponent: float = 3.0
    update_every: int = 100
    distribution: Literal["uniform", "global", "erdos-renyi-kernel"] = "uniform"
    pattern: str = "unstructured"
    indivisible: Literal["refuse", "dense"] = "refuse"

    def __post_init__(self) -> None:
        """Finds mistakes that the pruner would find only after the data has been prepared."""
        if not 0 <= self.sparsity < 1:
            raise UserError(f"pruning.sparsity is {self.sparsity}; give a fraction in [0, 1).")
        if not 0 <= self.start <= self.end <= 1:
            raise UserError(
                f"pruning.start is {self.start} and pruning.end is {self.end}; give 0 <= start <= end <= 1."
            )
        if not 0 < self.exponent < math.inf:
            raise UserError(f"pruning.exponent is {self.exponent}; give a positive number.")
        if self.update_every < 1:
            raise UserError(f"pruning.update_every is {self.update_every}; give 1 or more.")
        if self.is_dynamic and self.pattern != "unstructured":
            raise UserError(
                f"pruning.pattern is {self.pattern!r}, but {self.method} moves single weights; set it to 'unstructured'."
            )

    @property
    def is_dynamic(self) -> bool:
        """Whether non-zero weights move at constant sparsity."""
        return self.method in ("rigl", "set")


@dataclass(frozen=True)
class RunConfig:
    """Everything that defines a run.

    Attributes:
        model: size and shape of the model.
        data: what the run trains on.
        optimizer: how weights are updated.
        learning_rate: learning-rate schedule.
        pruning: how weights become zero.
        steps: optimiser steps; or give `budget`.
        budget: tokens or images to train on, rounded up to whole steps.
        batch_size: examples per step, over all processes and accumulated parts.
        accumulation: number of parts in which each process computes its share of the batch.
        seed: seed of the initial weights; data.seed sets the order of the data.
        dtype: type of the matrix products; weights and optimiser stay in float32.
        device: a PyTorch device, or `auto` for CUDA if available, else the CPU.
        log_every: steps between lines of metrics.
        eval_every: steps between evaluations on held-out data; 0 evaluates only at the end.
        checkpoint_every: steps between checkpoints; 0 saves only on interruption and at the end.
    """

    model: ModelConfig
    data: DataConfig = field(default_factory=DataConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    learning_rate: LearningRate = field(default_factory=LearningRate)
    pruning: PruningConfig = field(default_factory=PruningConfig)
    steps: int = 0
    budget: float = 0
    batch_size: int = 32
    accumulation: int = 1
    seed: int = 0
    dtype: Literal["float32", "bfloat16"] = "float32"
    device: str = "auto"
    log_every: int = 10
    eval_every: int = 0
    checkpoint_every: int = 1000

    def __post_init__(self) -> None:
        if bool(self.steps) == bool(self.budget):
            raise UserError(f"steps is {self.steps} and budget is {self.budget:g}; give exactly one of them.")
        least = {"steps": 0, "budget": 0, "batch_size": 1, "accumulation": 1, "seed": 0, "log_every": 1}
        for name, smallest in (least | {"eval_every": 0, "checkpoint_every": 0}).items():
            if not smallest <= getattr(self, name) < math.inf:
                raise UserError(f"{name} is {getattr(self, name)}; give {smallest} or more.")
        if self.batch_size % self.accumulation:
            raise UserError(
                f"batch_size {self.batch_size} does not divide by accumulation {self.accumulation}; give a multiple."
            )
        if self.model.kind == "t5" and not self.data.span_corruption:
            raise UserError("model.kind is 't5', which trains on span corruption; set data.span_corruption = true.")
        if self.model.kind == "decoder" and self.data.span_corruption:
            raise UserError(
                "model.kind is 'decoder', which cannot train on span corruption; set data.span_corruption = false."
            )
        if self.model.parametrization == "sparse-mup":
            self._check_mup()

    def _check_mup(self) -> None:
        others = self.model.init or self.model.kind == "t5" or self.optimizer.name != "adamw"
        if others or self.pruning.distribution != "uniform":
            raise UserError(
                "model.parametrization is 'sparse-mup', which is only for decoders and vision transformers trained from "
                "scratch with adamw and the uniform distribution; set it to 'standard'."
            )
        if not self.learning_rate.reference_width:
            raise UserError(
                "model.parametrization is 'sparse-mup', which needs a reference width; set learning_rate.reference_width to "
                "the width of the dense model for which learning_rate.peak was tuned."
            )

    def num_steps(self, units_per_example: int) -> int:
        """Optimiser steps of the run, given the tokens or images of an example."""
        return self.steps or math.ceil(self.budget / (self.batch_size * units_per_example))


def load_config(source: str | Path, overrides: Sequence[str] = ()) -> RunConfig:
    """Reads a configuration from a TOML file or a shipped recipe.

    Args:
        source: path of a TOML file, or the name of a recipe such as `decoder-laptop`.
        overrides: `key=value` with a dotted key, such as `pruning.sparsity=0.75`; each replaces a value of the file.

    Raises:
        UserError: if the file is missing, is not TOML, or has an unknown key or a bad value.
    """
    tree = read_toml(source)
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key.strip().rpartition(".")[2]:
            raise UserError(f"{override!r} is not a setting; write key=value, such as pruning.sparsity=0.75.")
        set_key(tree, key.strip(), _parsed(text.strip()))
    return config_from(tree, source=str(source))


def config_from(tree: Mapping[str, Any], *, source: str = "the configuration") -> RunConfig:
    """Builds a configuration from nested mappings; see `load_config`."""
    return structured(tree, RunConfig, source=source)


def structured(tree: Mapping[str, Any], kind: type[T], *, source: str) -> T:
    """Builds a dataclass from nested mappings.

    Args:
        tree: contents of a TOML or JSON file.
        kind: the dataclass.
        source: name of the file for error messages.

    Raises:
        UserError: if a key is unknown or a value is bad.
    """
    import cattrs

    try:
        return _converter().structure(tree, kind)
    except (cattrs.BaseValidationError, cattrs.ForbiddenExtraKeysError) as error:
        raise UserError(_sentence(error, source)) from error


def config_to(config: RunConfig) -> dict[str, Any]:
    """The configuration as nested mappings for JSON, which `config_from` reads."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def recipe_names() -> list[str]:
    """Names of the recipes shipped with the package."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def _converter() -> Any:
    import cattrs

    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(int, _integer)
    converter.register_structure_hook(bool, _flag)
    converter.register_structure_hook(str, _text)
    return converter


def _number(value: Any, _: Any) -> float:
    if isinstance(value, str):
        try:
            return parse_count(value)
        except UserError as error:
            raise ValueError(f"{value!r} is not a number") from error
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a number")
    return float(value)


def _integer(value: Any, _: Any) -> int:
    number = _number(value, float)
    if not number.is_integer():
        raise ValueError(f"{value!r} is not a whole number")
    return int(number)


def _flag(value: Any, _: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is not true or false")
    return value


def _text(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text")
    return value


def read_toml(source: str | Path) -> dict[str, Any]:
    """The contents of a TOML file or a shipped recipe.

    Raises:
        UserError: if neither exists, or the file is not TOML.
    """
    path = Path(source)
    if not path.is_file():
        path = RECIPES / f"{source}.toml"
    if not path.is_file():
        raise UserError(f"{source} is neither a file nor a recipe; give one of {', '.join(recipe_names())}.")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UserError(f"{source} cannot be read as TOML ({error}); correct the file.") from error


def set_key(tree: dict[str, Any], dotted: str, value: Any) -> None:
    """Sets a key such as `pruning.sparsity` in nested mappings.

    Raises:
        UserError: if a part of the key before the last is a value, not a section.
    """
    *sections, key = dotted.split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            raise UserError(f"{dotted} is not a key of the configuration, because {section} is a value; remove it.")
    tree[key] = value


def _parsed(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text  # a bare word such as decoder, or a count such as 1.3B


def _sentence(error: Exception, source: str) -> str:
    import cattrs

    where, cause = _first_cause(error)
    if isinstance(cause, cattrs.ForbiddenExtraKeysError):
        known = ", ".join(f.name for f in dataclasses.fields(cause.cl))
        key = ".".join([*where, min(cause.extra_fields)])
        return f"{source} has the unknown key {key}; the keys here are {known}."
    if isinstance(cause, UserError):
        return str(cause)
    if isinstance(cause, KeyError):
        return f"{source} lacks {'.'.join(where)}, which has no default; add it."
    said = re.sub(r"^(.*) not in literal typing\.Literal\[(.*)\]$", r"\1 is none of \2", str(cause))
    return f"{source} has a bad value for {'.'.join(where)}: {said}; correct it."


def _first_cause(error: BaseException) -> tuple[list[str], BaseException]:
    """The innermost first error of cattrs' tree, and the attributes that lead to it."""
    where: list[str] = []
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
        where += [note.name for note in getattr(error, "__notes__", ()) if hasattr(note, "name")]
    return where, error
