"""Rules choose sentences by facts: against the grammar written out, and every sentence of every topic against a search."""

import itertools
import re

import pytest

from sparselaw.words import FORMS, TOPICS, rows, say, sentences, topic
from sparselaw.words import rules as words

SENTENCES = ("budget", "lifetime", "warnings")


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch):
    """A topic of our own in place of the shipped ones."""

    def speak(groups: dict) -> None:
        monkeypatch.setattr(words, "topic", lambda name: groups)

    return speak


@pytest.mark.parametrize(
    ("condition", "facts", "holds"),
    [
        ("x", {"x": 1}, True),
        ("x", {"x": 0}, False),
        ("x", {"x": None}, False),
        ("not x", {"x": None}, True),
        ("not x", {"x": "text"}, False),
        ("x > 1", {"x": 2.0}, True),
        ("x > 1", {"x": 1.0}, False),
        ("x >= 1", {"x": 1.0}, True),
        ("x < y", {"x": 1.0, "y": 2.0}, True),
        ("x == inf", {"x": float("inf")}, True),
        ("x != converged", {"x": "converged"}, False),
        ("x != converged", {"x": "not converged"}, True),
        ("x > 0", {"x": None}, False),
        ("x < 0", {"x": None}, False),
        ("x > -0.5", {"x": 0}, True),
    ],
    ids=str,
)
def test_conditions(spoken, condition: str, facts: dict, holds: bool) -> None:
    spoken({"group": [{"when": [condition], "say": "yes"}]})
    assert say("any", "group", facts) == ("yes" if holds else "")


def test_the_first_rule_that_holds_speaks_and_parts_keep_quiet(spoken) -> None:
    spoken(
        {
            "first": [{"when": ["x > 5"], "say": "large"}, {"when": ["x > 1"], "say": "middling"}, {"say": "{x} {_part:say}"}],
            "_part": [{"when": ["y"], "say": "with {y:percent}"}],
            "silent": [{"say": ""}],
        }
    )  # fmt: skip
    assert sentences("any", {"x": 6, "y": None}) == ("large",)
    assert sentences("any", {"x": 2, "y": None}) == ("middling",)
    assert sentences("any", {"x": 1, "y": 0.125}) == ("1 with 12.5%",)


def every_rule() -> list:
    return [
        pytest.param(name, group, rule, id=f"{name}-{group}-{k}")
        for name in SENTENCES
        for group, rules in topic(name).items()
        for k, rule in enumerate(rules)
    ]


@pytest.mark.parametrize(("name", "group", "rule"), every_rule())
def test_placeholders_and_conditions_are_of_the_grammar(name: str, group: str, rule: dict) -> None:
    assert set(rule) <= {"when", "say"}
    for key, form in re.findall(r"\{(\w+)(?::(\w+))?\}", rule["say"]):
        assert (key in topic(name)) if form == "say" else (form or "text") in FORMS
    assert not re.search(r"[{}]", re.sub(r"\{\w+(:\w+)?\}", "", rule["say"]))
    for condition in rule.get("when", ()):
        assert re.fullmatch(r"(not )?\w+|\w+ (<|<=|>|>=|==|!=) [\w.-]+", condition)


@pytest.mark.parametrize(("name", "group", "rule"), [p for p in every_rule() if not p.values[1].startswith("_")])
def test_sentences_begin_with_a_capital_and_end_with_a_full_stop(name: str, group: str, rule: dict) -> None:
    said = rule["say"]
    assert re.match(r"[A-Z{]", said)
    assert said.endswith(".")
    assert "--" not in said.replace("(sparselaw fit --bootstrap 1000)", "")


@pytest.mark.parametrize("name", SENTENCES)
def test_every_rule_can_speak(name: str) -> None:
    """Small values of the facts that conditions name reach every rule, so that none is dead."""
    for group, rules in topic(name).items():
        unreached = set(range(len(rules)))
        names = sorted(
            {word for rule in rules for c in rule.get("when", ()) for word in re.findall(r"\b[a-z_]+\b", c)}
            - {"not", "inf", "converged"}
        )
        for values in itertools.product((None, 0.0, 0.5, 2.0, float("inf")), repeat=len(names)):
            facts = dict(zip(names, values, strict=True))
            unreached.discard(next((k for k, rule in enumerate(rules) if words._speaks(rule, facts)), None))
            if not unreached:
                break
        assert not unreached, (group, unreached)


@pytest.mark.parametrize("name", ["budget", "lifetime"])
def test_rows_name_keys_labels_and_forms(name: str) -> None:
    facts = {
        "memory": 1e9,
        "limit": "bytes",
        "data_unit": "tokens",
        "loss_unit": "nats",
        "nonzero_params": 1e6,
        "knows_sparsity": True,
    }
    found = rows(name, facts)
    assert len({key for key, _, _ in found}) == len(found)
    assert all(form in FORMS for _, _, form in found)
    assert not any("{" in label for _, label, _ in found)
    if name == "budget":
        assert "dense_params" in {key for key, _, _ in found}
        assert "dense_params" not in {key for key, _, _ in rows(name, facts | {"limit": "count"})}


def test_topics_are_files() -> None:
    assert all(topic(name) for name in TOPICS)
