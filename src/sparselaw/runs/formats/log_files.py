"""Which files in a folder belong to which run, by their places alone.

    FOLDER/run-a.csv                                    a file for each run, or
    FOLDER/run-a/metrics.csv, config.json, ...          a folder for each run, or
    FOLDER/size-1/seed-0/results.json                   folders in folders, or
    FOLDER/metrics.csv, config.json, checkpoint-500/    one run

Of the checkpoints of a run the last counts, and stands for its run.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import takewhile
from pathlib import PurePosixPath
from typing import NamedTuple

from sparselaw.errors import UserError
from sparselaw.runs.formats.archives import stem

_READ = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")
_CHECKPOINT = re.compile(r"checkpoint-([0-9]{1,18})")
STATE = "trainer_state.json"
_OF_CHECKPOINTS = (STATE, "config.json")
_LEFTOVERS = re.compile(
    r"(tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|generation_config|preprocessor_config|package|manifest"
    r"|wandb-metadata|.*\.index)\.json"
)
_PARTS_OF_A_RUN = re.compile(
    r"((all|eval|train|test|val|trainer|training|model|run|final|wandb)[_-])?"
    r"(config|hparams|args|arguments|params|settings|results?|metrics|summary|history|logs?|state)|eval|train|test|val"
)
Place = tuple[str, ...]
"""A path in a folder, by its parts."""


def places(paths: Iterable[str]) -> dict[Place, str]:
    """The paths of the files that may be logs or settings, by their place in the folder of their run."""
    found: dict[Place, tuple[int, str]] = {}
    for path in sorted(paths):
        parts = PurePosixPath(path).parts
        steps = [int(match[1]) for part in parts[:-1] if (match := _CHECKPOINT.fullmatch(part))]
        if not _may_be_read(parts) or (steps and stem(parts[-1]) not in _OF_CHECKPOINTS):
            continue
        place = tuple(part for part in parts[:-1] if not _CHECKPOINT.fullmatch(part)) + parts[-1:]
        rank = steps[-1] if steps else 10**18  # a state beside the checkpoints is the last
        if place not in found or rank > found[place][0]:
            found[place] = rank, path
    return {place: path for place, (_, path) in found.items()}


def _may_be_read(parts: Place) -> bool:
    name = stem(parts[-1]).lower()
    return name.endswith(_READ) and not _LEFTOVERS.fullmatch(name) and not any(part.startswith(".") for part in parts)


def name_of(place: Place) -> str:
    """The name of a file without its endings."""
    return stem(place[-1]).rpartition(".")[0]


class Kind(NamedTuple):
    """What a file holds: a loss, and rows for several steps."""

    has_loss: bool
    is_log: bool


def runs_of(kinds: Mapping[Place, Kind], folder: str) -> dict[str, list[Place]]:
    """The files of each run by the name of the run; a folder that is itself one run gives its own name.

    Args:
        kinds: what each file holds, by its place.
        folder: path of the folder.

    Raises:
        UserError: files and folders both have losses.
    """
    shared = _shared(list(kinds))
    name = (folder.rstrip("/").rsplit("/", 1)[-1], *shared)[-1]
    files = [place for place in kinds if len(place) == len(shared) + 1]
    with_loss = [place for place in files if kinds[place].has_loss]
    deeper = [place for place in kinds if kinds[place].has_loss and place not in files]
    is_run = _is_one_run(files, kinds)
    if with_loss and deeper and (not is_run or any(kinds[place].is_log for place in deeper)):
        raise UserError(
            f"{folder} has losses in files ({'/'.join(with_loss[0])}) and in folders ({'/'.join(deeper[0])}); keep one kind."
        )
    if is_run:
        return {name: files + deeper}
    if with_loss:
        return {_unique(place, with_loss): [place] for place in with_loss}
    return _in_folders(kinds, deeper, len(shared))


def _shared(places: list[Place]) -> Place:
    """The folders that all files are in."""
    first, last = min(places), max(places)
    common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first[:-1], last[:-1], strict=False)))
    return first[:common]


def _is_one_run(files: list[Place], kinds: Mapping[Place, Kind]) -> bool:
    """Whether files are the parts of one run: by their names, or because one is a log and the others have no loss."""
    with_loss = [place for place in files if kinds[place].has_loss]
    logs = [place for place in files if kinds[place].is_log]
    only = len(files) > 1 and with_loss == logs and len(logs) == 1
    return bool(with_loss) and (only or all(_PARTS_OF_A_RUN.fullmatch(name_of(place).lower()) for place in files))


def _unique(place: Place, places: list[Place]) -> str:
    """The name of a file without its ending, where this tells it from the others."""
    names = [name_of(one) for one in places]
    return name_of(place) if names.count(name_of(place)) == 1 else place[-1]


def _in_folders(kinds: Mapping[Place, Kind], with_loss: list[Place], depth: int) -> dict[str, list[Place]]:
    """Runs that have a folder each: the highest folders with a loss in them."""
    folders = {place[:-1] for place in with_loss}
    highest = sorted(one for one in folders if not any(one[:k] in folders for k in range(len(one))))
    tops = Counter(one[depth] for one in highest)
    runs = {}
    for one in highest:
        is_alone = tops[one[depth]] == 1
        inside = one[: depth + 1] if is_alone else one
        runs[inside[depth:]] = [
            place
            for place, kind in kinds.items()
            if place[: len(inside)] == inside or (place[:-1] == inside[: len(place) - 1] and not kind.is_log)
        ]
    return {"/".join(name): places for name, places in runs.items()}
