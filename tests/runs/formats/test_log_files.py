"""Which files belong to which run, by their places."""

import pytest

from sparselaw.errors import UserError
from sparselaw.runs.formats.log_files import Kind, places, runs_of

LOG, RESULT, SETTINGS = Kind(True, True), Kind(True, False), Kind(False, False)


def found(**kinds: Kind) -> dict[str, list[str]]:
    given = {tuple(path.split("/")): kind for path, kind in kinds.items()}
    return {name: sorted("/".join(place) for place in members) for name, members in runs_of(given, "/at/sweep").items()}


@pytest.mark.parametrize(
    ("kinds", "runs"),
    [
        ({"a.csv": LOG, "b.jsonl.gz": LOG}, {"a": ["a.csv"], "b": ["b.jsonl.gz"]}),
        ({"a.json": RESULT, "b.json": RESULT, "c.json": SETTINGS}, {"a": ["a.json"], "b": ["b.json"]}),
        ({"a.csv": LOG, "a.json": RESULT}, {"a.csv": ["a.csv"], "a.json": ["a.json"]}),
        ({"only.csv": LOG}, {"only": ["only.csv"]}),
        ({"logs/a.csv": LOG, "logs/b.csv": LOG}, {"a": ["logs/a.csv"], "b": ["logs/b.csv"]}),
        ({"350m-log.csv": LOG, "1b-log.csv": LOG}, {"350m-log": ["350m-log.csv"], "1b-log": ["1b-log.csv"]}),
    ],
)
def test_a_file_for_each_run(kinds: dict, runs: dict) -> None:
    assert found(**kinds) == runs


@pytest.mark.parametrize(
    ("kinds", "runs"),
    [
        (
            {"a/metrics.csv": LOG, "a/config.json": SETTINGS, "b/metrics.csv": LOG},
            {"a": ["a/config.json", "a/metrics.csv"], "b": ["b/metrics.csv"]},
        ),
        (
            {
                "a/config.json": SETTINGS,
                "a/version_0/metrics.csv": LOG,
                "b/v/metrics.csv": LOG,
                "c/config.json": SETTINGS,
            },
            {"a": ["a/config.json", "a/version_0/metrics.csv"], "b": ["b/v/metrics.csv"]},
        ),
        (
            {
                "s/0/results.json": RESULT,
                "s/1/results.json": RESULT,
                "s/config.json": SETTINGS,
                "t/results.json": RESULT,
            },
            {
                "s/0": ["s/0/results.json", "s/config.json"],
                "s/1": ["s/1/results.json", "s/config.json"],
                "t": ["t/results.json"],
            },
        ),
        (
            {"shared.json": SETTINGS, "a/r.json": RESULT, "b/r.json": RESULT},
            {"a": ["a/r.json", "shared.json"], "b": ["b/r.json", "shared.json"]},
        ),
        (
            {"a/log.csv": LOG, "a/eval/results.json": RESULT, "b/log.csv": LOG},
            {"a": ["a/eval/results.json", "a/log.csv"], "b": ["b/log.csv"]},
        ),
    ],
    ids=["plain", "versions", "folders in folders", "shared settings", "results below"],
)
def test_a_folder_for_each_run(kinds: dict, runs: dict) -> None:
    assert found(**kinds) == runs


@pytest.mark.parametrize(
    "kinds",
    [
        {"metrics.csv": LOG},
        {"metrics.csv": LOG, "config.json": SETTINGS},
        {"trainer_state.json": LOG, "all_results.json": RESULT, "config.json": SETTINGS},
        {"anything.csv": LOG, "whatever.json": SETTINGS},
        {"config.json": SETTINGS, "results.json": RESULT},
        {"metrics.csv": LOG, "eval/results.json": RESULT},
    ],
)
def test_a_folder_that_is_one_run(kinds: dict) -> None:
    assert found(**kinds) == {"sweep": sorted(kinds)}


def test_the_only_folder_names_the_only_run() -> None:
    assert list(found(**{"a/metrics.csv": LOG, "a/config.json": SETTINGS})) == ["a"]


def test_losses_in_files_and_in_folders_are_refused() -> None:
    sentence = r"^/at/sweep has losses in files \(summary\.csv\) and in folders \(a/metrics\.csv\); keep one kind\.$"
    with pytest.raises(UserError, match=sentence):
        found(**{"summary.csv": LOG, "a/metrics.csv": LOG})


def test_which_files_may_be_read() -> None:
    ignored = ["a/plot.png", "a/model.safetensors", "a/tokenizer.json", "a/model.safetensors.index.json", ".git/a.json"]
    ignored += ["a/hparams.yaml", "checkpoint-5/generation_config.json", "a/.hidden.csv", "checkpoint-5/eval.csv"]
    read = ["a/log.CSV", "a/log.jsonl.gz", "b.tsv", "c/config.json"]
    assert list(places([*ignored, *read]).values()) == sorted(read)


def test_the_last_checkpoint_stands_for_its_run() -> None:
    paths = [f"a/checkpoint-{step}/trainer_state.json" for step in (500, 1000, 90)]
    assert places(paths) == {("a", "trainer_state.json"): "a/checkpoint-1000/trainer_state.json"}
    assert places([*paths, "a/trainer_state.json"]) == {("a", "trainer_state.json"): "a/trainer_state.json"}
    assert places(["checkpoint-5/config.json"]) == {("config.json",): "checkpoint-5/config.json"}
