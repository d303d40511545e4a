"""A sweep as one small TOML file, and the runs that it stands for.

    base = "decoder-laptop"                # recipe, or TOML file of one run
    nonzeros = ["14K", "55K"]              # non-zeros N in the blocks' matrices
    sparsities = [0, 0.5, 0.75]
    data = ["1M", "4M"]                    # tokens or images; or times_chinchilla = [1, 4]
    patterns = ["unstructured"]            # or n:m, for the sparsities that they have
    seeds = [0, 1]                         # of weights, of the data's order, and of which endless data is seen

    [set]                                  # keys of every run's configuration
    data.heldout = 16384

    [variants.rigl]                        # keys of one variant; each cell is trained in each
    pruning.method = "rigl"

    [[cells]]                              # single cells beside the grid, or in its place
    nonzeros = "221K"
    sparsity = 0.75
    data = "7M"

`inits`, folders or names of dense checkpoints, in place of `nonzeros` starts from those, which then decide the size.
Non-zeros are matched across sparsities by width at fixed depth (Frantar et al. 2023, arXiv 2309.08520, section 2): a
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
"""Compute-optimal tokens for each parameter of a dense model by the rule of Hoffmann et al. 2022 (arXiv 2203.15556)."""


@dataclass(frozen=True)
class Cell:
    """One point of (N, S, D), trained once for each seed.

    Attributes:
        nonzeros: N wanted; the width comes as near as it can. 0 with `init`.
        sparsity: S at the end of training.
        data: D in tokens or images.
        pattern: `unstructured` or n:m.
        seeds: one run each.
        init: checkpoint to start from, which decides the size.
        variant: of the sweep's, by name.
    """

    nonzeros: float
    sparsity: float
    data: float
    pattern: str = "unstructured"
    seeds: tuple[int, ...] = (0,)
    init: str = ""
    variant: str = ""

    def __post_init__(self) -> None:
        """Refuses what no run can have."""
        if self.init and self.nonzeros:
            raise UserError(f"{self.init} decides the size of its cell; give that nonzeros = 0.")
        for name in ("data",) if self.init else ("nonzeros", "data"):
            if not 0 < getattr(self, name) < float("inf"):
                raise UserError(f"{name} is {getattr(self, name):g}; give a positive number.")
        if not 0 <= self.sparsity < 1:
            raise UserError(f"sparsity is {self.sparsity:g}; give a fraction of [0, 1).")

    def names(self) -> Iterator[tuple[str, int]]:
        """A folder's name for each seed."""
        size = f"from-{Path(self.init).name}" if self.init else f"N{format_count(self.nonzeros)}"
        pattern = "" if self.pattern == "unstructured" else self.pattern.replace(":", "of")
        words = [size, f"S{self.sparsity:g}", pattern, self.variant, f"D{format_count(self.data)}"]
        for seed in self.seeds:
            yield "-".join([*filter(None, words), f"seed{seed}"]), seed


@dataclass(frozen=True)
class SweepConfig:
    """All that decides a sweep; see the module.

    Attributes:
        base: recipe or path of the configuration that all runs share.
        nonzeros: N of the grid; or give `inits`.
        inits: checkpoints to start from: folders of runs or of Hugging Face models.
        sparsities: S of the grid.
        data: D of the grid; or give `times_chinchilla`.
        times_chinchilla: D of the grid in multiples of the dense compute-optimal data of N.
        law: fit file or published law that says what is compute-optimal; without one, 20 tokens a parameter.
        patterns: of the grid.
        seeds: of the grid.
        set: keys of the runs' configuration and their values, nested or dotted.
        variants: more such keys by the name of a variant; those of pruning alone leave dense cells as they are.
        cells: single cells.
        slurm: options of the jobs for the engine `slurm`, as submitit names them, such as slurm_partition or mem_gb.
        gpus_per_run: for the engine `ray`; fractions share a device.
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
        """Refuses a grid that has no cell."""
        sizes = self.nonzeros or self.inits
        axes = {"nonzeros": sizes, "sparsities": self.sparsities, "data": self.data or self.times_chinchilla}
        if self.data and self.times_chinchilla:
            raise UserError("A sweep's budgets are given by data or by times_chinchilla, not both.")
        if self.inits and (self.nonzeros or self.times_chinchilla):
            raise UserError(
                "A checkpoint decides the size; give inits without nonzeros, and data in place of times_chinchilla."
            )
        if unknown := {cell.variant for cell in self.cells} - {"", *self.variants}:
            raise UserError(f"A cell is of the variant {min(unknown)}, which the sweep does not have.")
        missing = [name for name, values in axes.items() if not values]
        if len(missing) < len(axes) and missing:
            raise UserError(f"The grid has no {missing[0]}; give at least one value.")
        if missing and not self.cells:
            raise UserError("The sweep has no runs; give nonzeros, sparsities and data, or [[cells]].")


@dataclass(frozen=True)
class PlannedRun:
    """A run of a sweep: the name of its folder, and what is trained there."""

    name: str
    config: RunConfig


def load_sweep(path: str | Path) -> SweepConfig:
    """A sweep from a TOML file; a relative `base`, `law` or checkpoint that exists beside the file is taken from there.

    Raises:
        UserError: one sentence about a missing file, bad TOML, an unknown key or a bad value.
    """
    if not Path(path).is_file():
        raise UserError(f"{path} is no file; give the TOML file of a sweep")
    sweep = structured(read_toml(path), SweepConfig, source=str(path))
    inits = tuple(_beside(path, init) for init in sweep.inits)
    cells = tuple(replace(cell, init=_beside(path, cell.init)) for cell in sweep.cells)
    return replace(sweep, base=_beside(path, sweep.base), law=_beside(path, sweep.law), inits=inits, cells=cells)


def _beside(path: str | Path, name: str) -> str:
    """The file or folder of this name in the sweep's folder, if there is one, else the name."""
    found = Path(path).parent / name
    return str(found) if name and found.exists() else name


def expand(sweep: SweepConfig) -> list[PlannedRun]:
    """The runs of a sweep, each once, in the order of the file.

    Raises:
        UserError: if the base configuration cannot be read, or two different cells get one name.
    """
    base = read_toml(sweep.base)
    runs: dict[str, PlannedRun] = {}
    for cell in (*_grid(sweep), *sweep.cells):
        for name, seed in cell.names():
            run = PlannedRun(name, _config(base, sweep, cell, seed))
            if runs.setdefault(name, run) != run:
                raise UserError(f"Two cells of the sweep are both called {name}; keep their counts further apart.")
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
    """The variants of cells of a sparsity; at S = 0 those that differ in pruning alone are one, without a name."""
    names = list(sweep.variants) or [""]
    if S:
        return names
    of_pruning = {n for n in names if all(key.startswith("pruning.") for key in _flat(sweep.variants.get(n, {})))}
    return list(dict.fromkeys("" if name in of_pruning else name for name in names))


def _fitting(pattern: str, S: float) -> str | None:
    """The pattern of a cell: none at S = 0, an n:m one only at the sparsity that it has."""
    if S == 0 or pattern == "unstructured":
        return "unstructured"
    from sparselaw.prune.patterns import parse_pattern

    group = parse_pattern(pattern)
    return pattern if group and abs(group.sparsity - S) < 1e-9 else None


def _chinchilla(law: str) -> Callable[[float], float]:
    """Dense compute-optimal data as a function of N."""
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
