"""Sentences as data: rules that choose one by the facts, and placeholders that are filled from them.

A topic is a file of groups; a group is a list of rules, of which the first whose conditions all hold speaks:

    [[whether]]
    when = ["optimal_sparsity > 0", "not size_is_free"]
    say = "At {optimal_sparsity:percent} sparsity each non-zero weight is worth {multiplier:fixed2} dense weights."

A condition is a fact, `not` a fact, or a comparison of facts and numbers; one with a fact that is None does not hold. A
placeholder is {fact:form}, with a form of `forms`, or {group:say}, another group of the topic. A rule without conditions
always holds, and an empty `say` is silence. The page has the same rules and a twin of this module, report/web/words.js.
"""

from __future__ import annotations

import operator
import re
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from sparselaw.words.forms import FORMS

Facts = Mapping[str, Any]
TOPICS = ("verdict", "budget", "lifetime", "warnings", "refusals", "rows", "page", "options")
_PLACEHOLDER = re.compile(r"\{(\w+)(?::(\w+))?\}")
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


@cache
def topic(name: str) -> dict[str, list[dict[str, Any]]]:
    """The groups of a topic, as JSON can hold them."""
    return tomllib.loads((resources.files("sparselaw.words") / f"{name}.toml").read_text(encoding="utf-8"))


def sentences(name: str, facts: Facts) -> tuple[str, ...]:
    """What the groups of a topic say, in their order; those whose names start with _ are parts, said by name only."""
    groups = (group for group in topic(name) if not group.startswith("_"))
    return tuple(filter(None, (say(name, group, facts) for group in groups)))


def say(name: str, group: str, facts: Facts) -> str:
    """What one group says; empty if none of its rules holds."""
    return _filled(name, next((rule["say"] for rule in topic(name)[group] if _speaks(rule, facts)), ""), facts)


def rows(name: str, facts: Facts) -> list[tuple[str, str, str]]:
    """The rows of a topic's table: the key of each number, its label, and its form."""
    found = (row for row in topic("rows")[name] if _speaks(row, facts))
    return [(row["key"], _filled(name, row["label"], facts), row["form"]) for row in found]


def _speaks(rule: dict[str, Any], facts: Facts) -> bool:
    return all(_holds(condition, facts) for condition in rule.get("when", ()))


def _filled(name: str, text: str, facts: Facts) -> str:
    """A text with its placeholders filled."""

    def fill(match: re.Match[str]) -> str:
        key, form = match.groups()
        return say(name, key, facts) if form == "say" else FORMS[form or "text"](facts[key])

    return _PLACEHOLDER.sub(fill, text)


def _holds(condition: str, facts: Facts) -> bool:
    words = condition.split()
    if len(words) < 3:
        return bool(facts[words[-1]]) is (words[0] != "not")
    left, right = (_value(word, facts) for word in (words[0], words[2]))
    return left is not None and right is not None and _COMPARISONS[words[1]](left, right)


def _value(word: str, facts: Facts) -> Any:
    """A fact, a number (`inf` is one), or else the word itself."""
    if word in facts:
        return facts[word]
    try:
        return float(word)
    except ValueError:
        return word
