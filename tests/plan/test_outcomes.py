"""Options under one question, against brute force over (N, S) with the formulas written out once more."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from sparselaw.fit import Fit, open_fit
from sparselaw.laws import DENSE
from sparselaw.laws.precision import FACTORS
from sparselaw.plan import Answer, plan
from sparselaw.plan.outcomes import Outcome
from sparselaw.report.plan_text import answer_text

BITS = {"bf16": 16, "int8": 8, "int4": 4}
MACKO = ([0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9], [1, 0.9, 0.778, 0.675, 0.558, 0.441, 0.343, 0.261])
SIZES = np.geomspace(1e-3, 1, 3001)  # of the limit


def plan_text(answer: Answer) -> str:
    """The screen, without its line breaks."""
    out = io.StringIO()
    Console(file=out, width=200).print(answer_text(answer))
    return " ".join(out.getvalue().split())


def loss(fitted: Fit, S, N, D, precision: str):
    p, N = fitted.parameters, N * FACTORS[precision].value
    capacity = (p["a_S"] * (1 - S) ** p["b_S"] + p["c_S"]) * N ** -p["b_N"]
    return capacity + (p["a_D"] / D) ** p["b_D"] + p["c"]


def bytes_of_weight(pattern: str, precision: str, S):
    """Bytes of a weight, zeros included."""
    bits = BITS[precision]
    if pattern == "2:4":
        return (bits + 2) / 16
    return np.minimum(bits, bits * (1 - S) + 1) / 8 if pattern == "unstructured" else bits / 8


def seconds_of_weight(pattern: str, precision: str, S):
    if pattern == "unstructured":
        return 2 * np.interp(S, *MACKO) / 1.01e12
    return bytes_of_weight(pattern, precision, S) / 1.01e12


def brute(fitted: Fit, one: Outcome, limit: float, per_weight, flops: float) -> float:
    """The lowest loss of any sparsity and any size within the limit."""
    pattern, precision = one.option.pattern, one.option.precision
    S = np.linspace(0, 0.99, 991)[:, None] if one.option.sparsity is None else np.array([[one.option.sparsity]])
    weights = SIZES * limit / per_weight(pattern, precision, S)
    return float(loss(fitted, S, weights * (1 - S), flops / (6 * weights), precision).min())


CASES: dict[str, tuple[dict[str, Any], float, Any, float]] = {
    "a memory that binds": ({"memory": "85MB", "flops": 7.9e20}, 85e6, bytes_of_weight, 7.9e20),
    "a memory that does not": ({"memory": "80GB", "flops": 1e19}, 80e9, bytes_of_weight, 1e19),
    "a memory between": ({"memory": "300MB", "flops": 3e18}, 300e6, bytes_of_weight, 3e18),
    "a time": ({"latency": "0.1ms", "device": "rtx4090", "flops": 1e20}, 1e-4, seconds_of_weight, 1e20),
}


def least_flops(fitted: Fit, one: Outcome, limit: float, per_weight, wanted: float) -> float:
    """The fewest FLOPs with which any sparsity and any size within the limit reach a loss."""
    pattern, precision, p = one.option.pattern, one.option.precision, fitted.parameters
    S = np.linspace(0, 0.99, 991)[:, None] if one.option.sparsity is None else np.array([[one.option.sparsity]])
    weights = SIZES * limit / per_weight(pattern, precision, S)
    room = wanted - loss(fitted, S, weights * (1 - S), np.inf, precision)
    with np.errstate(divide="ignore", invalid="ignore"):
        flops = 6 * weights * p["a_D"] * room ** (-1 / p["b_D"])
    return float(np.nanmin(np.where(room > 0, flops, np.nan)))


@pytest.mark.parametrize(
    ("name", "asked", "limit"),
    [
        ("t5-c4-refit", {"memory": "40MB", "loss": 3.0}, 40e6),
        ("t5-c4-refit", {"memory": "4GB", "loss": 2.8}, 4e9),
        ("vit-jft", {"memory": "500MB", "loss": 4.9}, 5e8),
    ],
)
def test_nothing_reaches_a_loss_with_fewer_flops(name: str, asked: dict[str, Any], limit: float) -> None:
    fitted = open_fit(name)
    answer = plan(fitted, **asked)
    first = answer.outcomes[0]
    assert len(answer.outcomes) >= 5
    for one in answer.outcomes:
        S, N, D = one.sparsity, one.nonzero_params, one.data
        assert loss(fitted, S, N, D, one.option.precision) == pytest.approx(asked["loss"], rel=1e-9)
        assert one.flops.value == pytest.approx(6 * N / (1 - S) * D, rel=1e-12)
        least = least_flops(fitted, one, limit, bytes_of_weight, asked["loss"])
        assert one.flops.value <= least * (1 + 1e-6)
        assert one.flops.value == pytest.approx(least, rel=1e-3)
        assert one.times_best is not None
        assert one.times_best.value == pytest.approx(one.flops.value / first.flops.value, rel=1e-9)
        assert one.difference is None


def test_how_long_a_sparse_model_trains_to_equal_a_dense_one() -> None:
    """At equal weights before pruning: the data that takes the sparse one to the loss of the dense one, solved by hand."""
    fitted = open_fit("t5-c4-refit")
    reached = float(loss(fitted, 0.0, 2e7, 3e10, "bf16"))
    answer = plan(fitted, total="20M", loss=reached, options=("dense", "50%", "99%"))
    p = fitted.parameters
    data = {one.option.name: one.data for one in answer.outcomes}
    room = reached - float(loss(fitted, 0.5, 1e7, np.inf, "bf16"))
    assert data == {
        "dense": pytest.approx(3e10, rel=1e-9),
        "50%": pytest.approx(p["a_D"] * room ** (-1 / p["b_D"]), rel=1e-9),
    }
    shown = plan_text(answer)
    assert "Left out, because nothing is known to reach this loss with them: 99%." in shown
    assert "dense reaches the loss with the fewest FLOPs; 50% comes next" in shown


@pytest.mark.parametrize("name", ["vit-jft", "t5-c4-refit"])
@pytest.mark.parametrize("case", CASES)
def test_no_size_and_sparsity_does_better(name: str, case: str) -> None:
    asked, limit, per_weight, flops = CASES[case]
    fitted = open_fit(name)
    answer = plan(fitted, **asked)
    assert len(answer.outcomes) == (5 if "latency" in asked else 7)
    for one in answer.outcomes:
        found, S = one.loss.value, one.sparsity
        expected = loss(fitted, S, one.nonzero_params, one.data, one.option.precision)
        assert found == pytest.approx(expected, rel=1e-12)
        least = brute(fitted, one, limit, per_weight, flops)
        assert found <= least * (1 + 1e-6)
        assert found == pytest.approx(least, rel=1e-4)  # as fine as the grid is
        used = one.total_params * per_weight(one.option.pattern if S else "dense", one.option.precision, S)
        assert used <= limit * (1 + 1e-9)
        assert one.fills == pytest.approx(used == pytest.approx(limit))
        assert one.flops.value == pytest.approx(flops)
        assert one.bytes.value == pytest.approx(
            one.total_params * bytes_of_weight(one.option.pattern, one.option.precision, S)
        )


def answer_at_a_total(**more: Any) -> Answer:
    return plan("t5-c4-refit", total="1B", flops=1e21, **more)


def test_half_of_a_larger_model_or_a_dense_one() -> None:
    found = {one.option.name: one for one in answer_at_a_total(options=("1B", "2B 50%")).outcomes}
    assert found["1B"].nonzero_params == found["2B 50%"].nonzero_params == 1e9
    assert found["2B 50%"].data == pytest.approx(1e21 / 6 / 2e9)


def test_differences_are_paired() -> None:
    """The interval of a difference is that of the draws' differences, far narrower than those of the losses."""
    answer, fitted = answer_at_a_total(options=("dense", "50%")), open_fit("t5-c4-refit")
    dense, half = answer.outcomes
    assert (dense.option.name, half.option.name) == ("dense", "50%")
    drawn = [fitted.law.predict(fitted.draws, S, N, 1e21 / 6e9) for S, N in ((0.5, 5e8), (0.0, 1e9))]
    assert half.difference.bounds == pytest.approx(list(np.quantile(drawn[0] - drawn[1], [0.025, 0.975])), abs=1e-11)
    assert "dense is best; 50% comes next" in answer.options_reason


def test_a_capacity_factor_can_be_given() -> None:
    given = answer_at_a_total(options=("int4",), capacity={"int4": 0.5}).outcomes[0]
    half = plan("t5-c4-refit", total="500M", data=1e21 / 6e9, options=("dense",)).outcomes[0]
    assert given.loss.value == pytest.approx(half.loss.value, rel=1e-9)


def test_no_data_is_seen_that_is_not_there() -> None:
    answer = plan("t5-c4-refit", flops="1e21", data="20B")
    assert all(one.data <= 20e9 * (1 + 1e-9) for one in answer.outcomes)


def test_a_model_brings_its_weights(tmp_path: Path) -> None:
    config = {"model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32}
    (tmp_path / "config.json").write_text(json.dumps(config | {"intermediate_size": 11008, "vocab_size": 32000}))
    answer = plan("t5-c4-refit", model=tmp_path, flops=1e22, options=("dense", "2:4"))
    prunable, kept = 6_476_005_376, 6_738_415_616 - 6_476_005_376
    found = {one.option.name: one for one in answer.outcomes}
    assert found["dense"].nonzero_params == prunable
    assert found["dense"].bytes.value == 2 * (prunable + kept)
    assert found["2:4"].bytes.value == pytest.approx(prunable * 9 / 8 + 2 * kept)
    assert "6.74B weights" in answer.summary().replace("\n", " ")


def test_a_sparse_option_that_is_best_without_zeros_is_not_a_rival() -> None:
    answer = plan("t5-c4-refit", total="20M", flops=1e19, options=("dense", "unstructured", "2:4"))
    assert [one.is_dense_after_all for one in answer.outcomes] == [False, True, False]
    assert "2:4 comes next" in answer.options_reason


def test_the_table_and_the_record_have_the_same() -> None:
    answer = plan("vit-jft", memory="85MB", flops=1e19)
    record = answer.to_json()["options"]
    assert answer.options["loss"].tolist() == [one["loss"] for one in record] == sorted(one["loss"] for one in record)
    assert {"name", "precision", "pattern", "sparsity", "nonzero_params", "total_params", "bytes", "flops", "data", "loss",
            "loss_interval", "seconds_per_token", "runtimes"} <= set(record[0])  # fmt: skip


@pytest.mark.parametrize("width", [100, 120])
def test_a_screen_has_no_longer_line(width: int) -> None:
    from sparselaw.report.plan_text import answer_text
    from sparselaw.report.text import printed

    for asked in (
        {"memory": "8GB", "flops": 1e22},
        {"latency": "20ms", "device": "rtx4090", "flops": 1e22},
        {"flops": 1e21},
    ):
        lines = printed(answer_text(plan("t5-c4-refit", **asked)), width).splitlines()
        assert max(map(len, lines)) <= width
        rows = [line for line in lines if line.startswith(("dense", " dense", "unstructured", " unstructured"))]
        assert len(rows) >= 6


def test_a_dense_law_says_nothing_of_sparse_options() -> None:
    fitted = open_fit("t5-c4-refit")
    values = {name: fitted.parameters[name] for name in ("b_N", "a_D", "b_D", "c")}
    dense = replace(fitted, law=DENSE, parameters={"a_N": 60.0} | values, bootstrap=None)
    assert set(DENSE.names) == set(dense.parameters)
    dense = replace(dense, parameters={name: dense.parameters[name] for name in DENSE.names})
    answer = plan(dense, memory="8GB", flops=1e20)
    assert [one.option.pattern for one in answer.outcomes] == ["dense"] * 3
    assert "No sparsity helps" not in answer.summary()
