"""A sweep as one small TOML file, and the runs that it defines.

    base = "decoder-laptop"                # recipe, or TOML file of one run
    nonzeros = ["14K", "55K"]              # non-zeros N in the blocks' matrices
    sparsities = [0, 0.5, 0.75]
    data = ["1M", "4M"]                    # tokens or images; or times_chinchilla = [1, 4]
    patterns = ["unstructured"]            # or n:m, used only at the sparsity 1 - n/m
    seeds = [0, 1]                         # seeds of the initial weights and of the data

    [set]                                  # settings of all runs
    data.heldout = 16384

    [variants.rigl]                        # settings of one variant; each cell is trained once per variant
    pruning.method = "rigl"

    [[cells]]                              # single cells in addition to the grid, or instead of it
    nonzeros = "221K"
    sparsity = 0.75
    data = "7M"

To start from dense checkpoints, give their folders or names as `inits` instead of `nonzeros`; they set the size. Models
of different sparsity get the same N by their width at fixed depth (Frantar et al. 2023, arXiv 2309.08520, section 2): a
model of sparsity S is sqrt(1/(1-S)) times as wide as the dense one.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from sparselaw.counts import format_count
from sparselaw.errors import UserError
from sparselaw.train.config import RunConfig, config_from, read_toml, set_key, structured

TOKENS_PER_PARAMETER = 20.0
"""Compute-optimal tokens per parameter of a dense model (rule of Hoffmann et al. 2022, arXiv 2203.15556)."""


@dataclass(frozen=True)
class Cell:
    """One point of (N, S, D), trained once for each seed.

    Attributes:
        nonzeros: target for N, which the width approximates; 0 with `init`.
        sparsity: S at the end of training.
        data: D in tokens or images.
        pattern: `unstructured` or n:m.
        seeds: seeds, each of which gives one run.
        init: checkpoint to start from, which sets the size.
        variant: name of a variant of the sweep; empty for none.
    """

    nonzeros: float
    sparsity: float
    data: float
    pattern: str = "unstructured"
    seeds: tuple[int, ...] = (0,)
    init: str = ""
    variant: str = ""

    def __post_init__(self) -> None:
        if self.init and self.nonzeros:
            raise UserError(
                f"A cell has init {self.init!r} and nonzeros {self.nonzeros:g}, but the checkpoint sets the size; "
                "set nonzeros = 0."
            )
        for name in ("data",) if self.init else ("nonzeros", "data"):
            if not 0 < getattr(self, name) < float("inf"):
                raise UserError(f"{name} is {getattr(self, name):g}; give a positive number.")
        if not 0 <= self.sparsity < 1:
            raise UserError(f"sparsity is {self.sparsity:g}; give a fraction in [0, 1).")

    def names(self) -> Iterator[tuple[str, int]]:
        """The name of the run's folder and the seed, for each seed."""
        size = f"from-{Path(self.init).name}" if self.init else f"N{format_count(self.nonzeros)}"
        pattern = "" if self.pattern == "unstructured" else self.pattern.replace(":", "of")
        words = [size, f"S{self.sparsity:g}", pattern, self.variant, f"D{format_count(self.data)}"]
        for seed in self.seeds:
            yield "-".join([*filter(None, words), f"seed{seed}"]), seed


@dataclass(frozen=True)
class SweepConfig:
    """Everything that defines a sweep; see the module.

    Attributes:
        base: name of a recipe or path of a configuration that all runs share.
        nonzeros: values of N in the grid; or give `inits`.
        inits: checkpoints to start from: folders of runs or of Hugging Face models.
        sparsities: values of S in the grid.
        data: values of D in the grid; or give `times_chinchilla`.
        times_chinchilla: values of D in the grid, as multiples of the compute-optimal data of a dense model of size N.
        law: fit file or published law that defines compute-optimal; if empty, 20 tokens per parameter.
        patterns: patterns of the grid.
        seeds: seeds of the grid.
        set: settings of all runs, with nested or dotted keys.
        variants: settings of each variant, by its name; dense cells ignore variants that set only pruning.
        cells: single cells.
        slurm: options of Slurm jobs, as submitit names them, such as slurm_partition or mem_gb.
        gpus_per_run: GPUs per run on Ray; with a fraction, runs share a device.
    """

    base: str
    nonzeros: tuple[float, ...] = ()
    inits: tuple[str, ...] = ()
    sparsities: tuple[float, ...] = ()
    data: tuple[float, ...] = ()
    times_chinchilla: tuple[float, ...] = ()
    law: str = ""
    patterns: tuple[str, ...] = ("unstructured",)
    seeds: tuple[int, ...] = (0,)
    set: dict[str, Any] = field(default_factory=dict)
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    cells: tuple[Cell, ...] = ()
    slurm: dict[str, Any] = field(default_factory=dict)
    gpus_per_run: float = 0

    def __post_init__(self) -> None:
        sizes = self.nonzeros or self.inits
        axes = {"nonzeros": sizes, "sparsities": self.sparsities, "data": self.data or self.times_chinchilla}
        if self.data and self.times_chinchilla:
            raise UserError("The sweep has both data and times_chinchilla; remove one of them.")
        if self.inits and (self.nonzeros or self.times_chinchilla):
            raise UserError(
                "The sweep has inits, which set the size; remove nonzeros, and give data instead of times_chinchilla."
            )
        if unknown := {cell.variant for cell in self.cells} - {"", *self.variants}:
            raise UserError(
                f"A cell has the variant {min(unknown)!r}, which the sweep does not define; add it to [variants]."
            )
        missing = [name for name, values in axes.items() if not values]
        if len(missing) < len(axes) and missing:
            raise UserError(f"The grid has no {missing[0]}; give at least one value.")
        if missing and not self.cells:
            raise UserError("The sweep has no runs; give nonzeros, sparsities and data, or [[cells]].")


@dataclass(frozen=True)
class PlannedRun:
    """A run of a sweep: the name of its folder and its configuration."""

    name: str
    config: RunConfig


def load_sweep(path: str | Path) -> SweepConfig:
    """Reads a sweep from a TOML file; a relative `base`, `law` or checkpoint is first looked for in its folder.

    Raises:
        UserError: if the file is missing, is not TOML, or has an unknown key or a bad value.
    """
    if not Path(path).is_file():
        raise UserError(f"{path} is not a file; give the TOML file of a sweep.")
    sweep = structured(read_toml(path), SweepConfig, source=str(path))
    inits = tuple(_beside(path, init) for init in sweep.inits)
    cells = tuple(replace(cell, init=_beside(path, cell.init)) for cell in sweep.cells)
    return replace(sweep, base=_beside(path, sweep.base), law=_beside(path, sweep.law), inits=inits, cells=cells)


def _beside(path: str | Path, name: str) -> str:
    """The file or folder of this name in the folder of the sweep file, if it exists, else the name."""
    found = Path(path).parent / name
    return str(found) if name and found.exists() else name


def expand(sweep: SweepConfig) -> list[PlannedRun]:
    """The runs of a sweep, without duplicates, in the order of the file.

    Raises:
        UserError: if the base configuration cannot be read, or two different cells get the same name.
    """
    base = read_toml(sweep.base)
    runs: dict[str, PlannedRun] = {}
    for cell in (*_grid(sweep), *sweep.cells):
        for name, seed in cell.names():
            run = PlannedRun(name, _config(base, sweep, cell, seed))
            if runs.setdefault(name, run) != run:
                raise UserError(f"Two cells of the sweep are both named {name}; make their counts differ more.")
    return list(runs.values())


def _grid(sweep: SweepConfig) -> Iterator[Cell]:
    sizes = [(N, "") for N in sweep.nonzeros] + [(0.0, init) for init in sweep.inits]
    optimal_data = _chinchilla(sweep.law) if sweep.times_chinchilla else None
    for (N, init), S, pattern in product(sizes, sweep.sparsities, sweep.patterns):
        if (fitting := _fitting(pattern, S)) is None:
            continue
        for D in [times * optimal_data(N) for times in sweep.times_chinchilla] if optimal_data else sweep.data:
            for variant in _variants(sweep, S):
                yield Cell(N, S, D, fitting, sweep.seeds, init, variant)


def _variants(sweep: SweepConfig, S: float) -> list[str]:
    """The variants at a sparsity; at S = 0, variants that set only pruning become one without a name."""
    names = list(sweep.variants) or [""]
    if S:
        return names
    of_pruning = {n for n in names if all(key.startswith("pruning.") for key in _flat(sweep.variants.get(n, {})))}
    return list(dict.fromkeys("" if name in of_pruning else name for name in names))


def _fitting(pattern: str, S: float) -> str | None:
    """The pattern of a cell: `unstructured` at S = 0; None for n:m if S differs from its sparsity 1 - n/m."""
    if S == 0 or pattern == "unstructured":
        return "unstructured"
    from sparselaw.prune.patterns import parse_pattern

    group = parse_pattern(pattern)
    return pattern if group and abs(group.sparsity - S) < 1e-9 else None


def _chinchilla(law: str) -> Callable[[float], float]:
    """The compute-optimal data of a dense model, as a function of N."""
    if not law:
        return lambda N: TOKENS_PER_PARAMETER * N
    from sparselaw.cost import Cost
    from sparselaw.fit import open_fit
    from sparselaw.laws import chinchilla_flops

    fitted, cost = open_fit(law), Cost()
    form = fitted.planning_law()
    return lambda N: float(cost.data(0.0, N, chinchilla_flops(form, fitted.values, N, cost)))


def _config(base: Mapping[str, Any], sweep: SweepConfig, cell: Cell, seed: int) -> RunConfig:
    tree = json.loads(json.dumps(base))
    keys = {
        **_flat(sweep.set),
        **_flat(sweep.variants.get(cell.variant, {})),
        **({"model.init": cell.init} if cell.init else {"model.nonzeros": cell.nonzeros}),
        "pruning.sparsity": cell.sparsity,
        "pruning.pattern": cell.pattern,
        "budget": cell.data,
        "seed": seed,
        "data.seed": seed,
    }
    tree.pop("steps", None)
    for size in ("width", "nonzeros", "init"):
        tree.get("model", {}).pop(size, None)
    for key, value in keys.items():
        set_key(tree, key, value)
    return config_from(tree, source=sweep.base)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
