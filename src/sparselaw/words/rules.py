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
TOPICS = ("budget", "lifetime", "warnings")
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
    rules = topic(name)[group]
    found = next((rule["say"] for rule in rules if all(_holds(c, facts) for c in rule.get("when", ()))), "")
    return _PLACEHOLDER.sub(lambda match: _filled(name, facts, *match.groups()), found)


def _filled(name: str, facts: Facts, key: str, form: str | None) -> str:
    return say(name, key, facts) if form == "say" else FORMS[form or "text"](facts[key])


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
