"""Hostile fits and questions: whatever a law says, no sentence and no JSON has a number that nobody knows."""

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sparselaw.errors import UserError
from sparselaw.fit import Fit, open_fit
from sparselaw.fit.result import Bootstrap
from sparselaw.laws import (
    AVERAGE_PARAMS,
    CAPPED,
    DENSE,
    DENSITY_POWER,
    NO_FLOOR,
    PAPER,
    Array,
    PowerLaw,
    free_multiplier,
)
from sparselaw.plan import plan

LAWS = (PAPER, CAPPED, DENSE, NO_FLOOR, AVERAGE_PARAMS, DENSITY_POWER, free_multiplier((0, 0.5, 0.75)))
UNKNOWN = re.compile(
    r"(?<![a-z])(inf|nan|None)(?![a-z])"  # no number
    r"|(?<![\d.e])-0(?:\.0+)?%?(?![\d.])"  # less than nothing
    r"|\d{25,}|e\+?\d{3,}"  # more digits or powers than anything has
)
QUANTITIES = {
    "nonzeros": (3, 12),
    "memory": (5, 12),
    "flops": (10, 28),
    "data": (4, 15),
    "loss": (-1, 2),
    "times_chinchilla": (-4, 5),
    "inference": (3, 16),
}
"""Powers of ten that are asked."""
KINDS = (
    ("nonzeros", "flops"),
    ("nonzeros", "times_chinchilla"),
    ("nonzeros", "loss"),
    ("memory", "flops"),
    ("memory", "times_chinchilla"),
    ("flops",),
    ("flops", "data"),
    ("flops", "loss"),
    ("data", "loss"),
    ("loss", "inference"),
    ("loss", "inference", "nonzeros"),
)


def values_of(law: PowerLaw, rng: np.random.Generator) -> Array:
    """Parameters of any size."""
    values = 10 ** rng.uniform(-4, 4, len(law.names))
    bounds = [(max(p.lower, 1e-2), min(p.upper, 5.0)) for p in law.parameters]
    exponents = np.array([np.clip(10 ** rng.uniform(-2, 0.7), *bound) for bound in bounds])
    return np.where(law.linear, values, exponents)


def hostile_fit(law: PowerLaw, rng: np.random.Generator) -> Fit:
    base, values = open_fit("vit-jft"), values_of(law, rng)
    num_draws, spread = int(rng.choice([0, 3, 40])), rng.choice([0.0, 1e-3, 0.3, 2.0])
    draws = values * np.exp(spread * rng.standard_normal((num_draws, len(values))))
    centres = rng.standard_normal((num_draws, sum(p.prior is not None for p in law.parameters)))
    return replace(
        base,
        law=law,
        parameters=dict(zip(law.names, values.tolist(), strict=True)),
        bootstrap=Bootstrap(draws, "run", num_draws, 0, centres) if num_draws else None,
        spread=base.spread if rng.random() < 0.5 else None,
    )


def question(rng: np.random.Generator) -> dict[str, Any]:
    asked = {name: 10 ** rng.uniform(*QUANTITIES[name]) for name in KINDS[rng.integers(len(KINDS))]}
    return asked | {"cost": str(rng.choice(["dense", "sparse", "epyc-csr"]))}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("rounds", [12, pytest.param(300, marks=pytest.mark.slow)])
def test_nothing_unknown_is_printed(law: PowerLaw, rounds: int) -> None:
    rng = np.random.default_rng(rounds)
    answered, refused = 0, []
    for _ in range(rounds):
        fitted, asked = hostile_fit(law, rng), question(rng)
        try:
            answer = plan(fitted, **asked)
        except UserError as error:
            refused.append(str(error))
            continue
        answered += 1
        json.dumps(answer.to_json(), allow_nan=False)
        assert answer.verdict in ("sparse", "dense", "unclear")
        for line in answer.summary().splitlines():
            assert not UNKNOWN.search(line), (asked, line)
    assert answered > rounds / 4
    assert not [sentence for sentence in refused if UNKNOWN.search(sentence)]


@pytest.mark.parametrize("rounds", [40, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_verdict_is_not_contradicted(rounds: int) -> None:
    rng = np.random.default_rng(rounds)
    for _ in range(rounds):
        fitted = hostile_fit(PAPER, rng)
        try:
            answer = plan(fitted, **question(rng))
        except UserError:
            continue
        said = " ".join(answer.advice)
        if answer.verdict == "sparse":
            assert answer.optimal_sparsity.value > 0
            assert answer.evidence.advantage.value >= answer.tolerance
            assert "Do not prune" not in said
            assert "Hardly worth it" not in said
        if answer.verdict == "dense":
            assert answer.evidence.possible is None or answer.evidence.possible <= answer.tolerance
        for estimate in (answer.optimal_sparsity, answer.gain, answer.best.loss):
            assert estimate.low is None or estimate.high is None or estimate.low < estimate.high
