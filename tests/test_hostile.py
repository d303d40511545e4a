"""Hostile fits, tables and questions: whatever a law says, no sentence and no JSON has a number that nobody knows."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sparselaw import contours
from sparselaw.design import design
from sparselaw.errors import UserError
from sparselaw.fit import Fit, compare, fit, open_fit
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
from sparselaw.report import report

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


@pytest.mark.parametrize("rounds", [20, pytest.param(1000, marks=pytest.mark.slow)])
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


def assert_known(text: str, asked: Any) -> None:
    for line in text.splitlines():
        assert not UNKNOWN.search(line), (asked, line)


def tried(rounds: int, ask: Callable[[np.random.Generator], tuple[str, Any]]) -> int:
    """How many questions were answered; each answer, and each refusal, is known."""
    answered = 0
    for seed in range(rounds):
        try:
            text, record = ask(np.random.default_rng([rounds, seed]))
        except UserError as error:
            assert_known(str(error), seed)
            continue
        answered += 1
        assert_known(text, seed)
        json.dumps(record, allow_nan=False)
    return answered


def hostile_table(rng: np.random.Generator) -> pd.DataFrame:
    """Runs of any size on a grid with holes, whose losses follow a law, or nothing."""
    sizes, durations = 10 ** rng.uniform(2, 11, rng.integers(1, 6)), 10 ** rng.uniform(3, 13, rng.integers(1, 6))
    levels = rng.choice([0, 0.3, 0.5, 0.75, 0.9, 0.99], rng.integers(1, 5), replace=False)
    N, S, D = (axis.ravel() for axis in np.meshgrid(sizes, levels, durations))
    values = values_of(PAPER, rng)
    follows = np.nan_to_num(PAPER.predict(values, S, N, D), nan=1.0, posinf=1e9)
    loss = follows if rng.random() < 0.5 else 10 ** rng.uniform(-1, 1, len(N))
    kept = rng.random(len(N)) < rng.choice([0.5, 1.0])
    noisy = np.clip(loss, 1e-6, 1e6) * np.exp(rng.choice([0.0, 0.01, 0.5]) * rng.standard_normal(len(N)))
    return pd.DataFrame({"nonzero_params": N, "sparsity": S, "data": D, "loss": noisy})[kept]


MORE = pytest.mark.parametrize("rounds", [10, pytest.param(300, marks=pytest.mark.slow)])


@MORE
def test_nothing_unknown_is_drawn_as_contours(rounds: int) -> None:
    def ask(rng: np.random.Generator) -> tuple[str, Any]:
        fitted = hostile_fit(LAWS[rng.integers(len(LAWS))], rng)
        found = contours(fitted, grid=6, cost=str(rng.choice(["dense", "sparse", "epyc-csr"])))
        return found.summary(), {}

    assert tried(rounds, ask) > 0


@MORE
def test_nothing_unknown_is_designed(rounds: int) -> None:
    def ask(rng: np.random.Generator) -> tuple[str, Any]:
        fitted = hostile_fit(LAWS[rng.integers(len(LAWS))], rng)
        answer = "loss" if rng.random() < 0.3 else "sparsity"
        found = design(fitted, budget=10 ** rng.uniform(17, 24), answer=answer, max_runs=int(rng.integers(1, 9)))
        return f"{found.summary()}\n{found.reason}", found.to_json()

    assert tried(rounds, ask) > 0


@pytest.mark.parametrize("rounds", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_nothing_unknown_is_fitted_or_compared(rounds: int) -> None:
    def ask(rng: np.random.Generator) -> tuple[str, Any]:
        table = hostile_table(rng)
        found = compare(table)
        fitted = fit(table, bootstrap=20)
        return f"{found.summary()}\n{fitted.summary()}", fitted.to_json()["warnings"]

    assert tried(rounds, ask) > 0


@pytest.mark.parametrize("rounds", [2, pytest.param(100, marks=pytest.mark.slow)])
def test_nothing_unknown_is_reported(rounds: int, tmp_path: Path) -> None:
    def ask(rng: np.random.Generator) -> tuple[str, Any]:
        source = hostile_fit(LAWS[rng.integers(len(LAWS))], rng) if rng.random() < 0.5 else hostile_table(rng)
        page = report(source, output=tmp_path / "report.html", bootstrap=20, plotlyjs="cdn").output
        html = re.sub(r"(?s)<(script|style).*?</\1>", "", page.read_text(encoding="utf-8"))
        return re.sub(r"<[^>]*>", "\n", html), {}

    assert tried(rounds, ask) > 0
