"""The page's formulas in node, without a page: on random inputs they give what Python gives.

One node process answers all tests of this module: it holds the program's formulas as the page has them, evaluates a function
for a list of arguments, and writes what it gives as JSON, a line each.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparselaw import counts
from sparselaw.cost import Cost, Memory, Storage, open_hardware
from sparselaw.cost.machine import SHIPPED
from sparselaw.cost.serving import SERVED_DENSE, SERVED_SPARSE
from sparselaw.cost.storage import FORMATS, PRECISIONS
from sparselaw.errors import UserError
from sparselaw.fit import open_fit
from sparselaw.laws import PowerLaw, forms
from sparselaw.laws.free_size import best_size
from sparselaw.laws.lifetime import Demand, best_sparsity, life_at
from sparselaw.laws.multipliers import size_multiplier
from sparselaw.laws.optimum import (
    chinchilla_flops,
    flops_where_optimal,
    flops_where_sparsity_pays,
    loss_on_budget,
    near_optimal_range,
    optimal_sparsity,
    slope_on_budget,
)
from sparselaw.laws.power import Direction
from sparselaw.laws.search import MAX_SPARSITY, least_value, lowest_point, range_within
from sparselaw.plan.estimate import Estimates, sensitivities
from sparselaw.prune.schedules import Schedule
from sparselaw.report.page import FORMULAS, MODULES, program
from sparselaw.report.record import _cost as cost_record
from sparselaw.report.record import law_record, page_record, shared_record
from sparselaw.words import FORMS, TOPICS, rows, sentences, topic

SAME, SEARCHED = 1e-9, 1e-6
COUNT = 300
"""Random inputs of a formula."""
WEB = Path(__file__).parents[2] / "src" / "sparselaw" / "report" / "web"
BEFORE = "const document = { getElementById: () => ({ textContent: RECORD }) };\n"
AFTER = """
import { createInterface } from "node:readline";
const written = (key, value) => (typeof value === "number" && !Number.isFinite(value) ? String(value) : value);
for await (const line of createInterface({ input: process.stdin })) {
  const [code, inputs] = JSON.parse(line), asked = eval(code);
  console.log(JSON.stringify(inputs.map((input) => asked(...input)), written));
}
"""


def node_path() -> str | None:
    """Node, or the one inside Playwright."""
    found = shutil.which("node")
    if found is None:
        from playwright._impl._driver import compute_driver_executable

        found = shutil.which(compute_driver_executable()[0])
    return found


Asked = Callable[[str, list], list]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """Evaluates a JavaScript function for each list of arguments."""
    found = node_path()
    if found is None:
        pytest.skip("no node: neither one of its own nor that of Playwright is installed")
    path = tmp_path_factory.mktemp("node") / "formulas.mjs"
    text = json.dumps(json.dumps(page_record(**shared_record())))
    path.write_text(BEFORE.replace("RECORD", text) + program(FORMULAS) + AFTER, encoding="utf-8")
    process = subprocess.Popen([found, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    pipes = process.stdin, process.stdout

    def ask(code: str, inputs: list) -> list:
        pipes[0].write(json.dumps([code, inputs]) + "\n")
        pipes[0].flush()
        return json.loads(pipes[1].readline())

    yield ask
    pipes[0].close()
    process.wait()
    pipes[1].close()


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    return np.random.default_rng(sum(request.node.name.encode()))


def assert_near(page: Any, python: Any, tolerance: float = SAME, *, floor: float = 0.0) -> None:
    """Equal but for rounding; `floor` is what is nothing beside the numbers that a result is the difference of."""
    np.testing.assert_allclose(np.asarray(page, dtype=float), np.asarray(python, dtype=float), tolerance, floor)


def of(law: PowerLaw, values: np.ndarray) -> list:
    """A law as the page's program is given one."""
    return [page_record(law=law_record(law))["law"], values.tolist()]


# ---- laws

LAWS = {law.name: law for law in (forms.PAPER, forms.NO_FLOOR, forms.AVERAGE_PARAMS, forms.DENSITY_POWER)}
LAWS["free-multiplier"] = forms.free_multiplier((0.0, 0.5, 0.75, 0.875))


def sparsities(law: PowerLaw, rng: np.random.Generator, count: int) -> np.ndarray:
    return (
        rng.choice(law.levels, count)
        if law.levels
        else -np.expm1(-rng.uniform(0, 6, count) * (rng.random(count) > 0.1))
    )


def parameters(law: PowerLaw, rng: np.random.Generator, count: int) -> np.ndarray:
    """Values [count, p] such as fits have: coefficients of the size of the loss at N, D in the range of runs."""
    values = np.empty((count, len(law.names)))
    coefficients = {term.coefficient: term for term in law.terms}
    for k, name in enumerate(law.names):
        term = coefficients.get(name)
        exponent = rng.uniform(0.15, 0.6, count)
        values[:, k] = exponent if term is None else rng.uniform(0.3, 2.5, count)
    for term in law.terms:
        at = law.names.index(term.coefficient)
        for exponent, feature in term.exponents:
            power = values[:, law.names.index(exponent)]
            if feature in ("log_N", "log_mean_N"):
                values[:, at] *= 1e7**power
            if feature == "log_D":
                values[:, at] = 1e9 * values[:, at] if term.inside else values[:, at] * 1e9**power
    return values


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_laws(node: Asked, rng: np.random.Generator, law: PowerLaw) -> None:
    values, S = parameters(law, rng, COUNT), sparsities(law, rng, COUNT)
    N, D, loss = 10 ** rng.uniform(5, 10, COUNT), 10 ** rng.uniform(7, 13, COUNT), rng.uniform(0.01, 3, COUNT)
    code = """(form, values, S, N, D, loss) => {
      const law = lawWith(form, values);
      return [predict(law, S, N, D), capacity(law, S, N), dataFor(law, loss), sizeMultiplier(law, S), law.floor];
    }"""
    inputs = [[*of(law, values[k]), S[k], N[k], D[k], loss[k]] for k in range(COUNT)]
    parts = law.predict(values, S, N, D), law.capacity(values, S, N), law.data_for(values, loss)
    assert_near(node(code, inputs), np.transpose([*parts, size_multiplier(law, values, S), law.floor(values)]))


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_slopes_of_laws(node: Asked, rng: np.random.Generator, law: PowerLaw) -> None:
    values, S = parameters(law, rng, COUNT), sparsities(law, rng, COUNT)
    inputs = [[*of(law, values[k]), S[k]] for k in range(COUNT)]
    found = node("(form, values, S) => shapeSlope(lawWith(form, values), S)", inputs)
    python, _ = law.slope(values, S, 1.0, 1.0, Direction(u=1.0))
    assert_near(found, python, floor=1e-12 * float(np.abs(python[np.isfinite(python)]).max()))


# ---- costs

SCHEDULES = {
    "usual": Schedule(),
    "constant": Schedule.constant(),
    "one shot": Schedule.one_shot(0.3),
    "linear": Schedule(0.1, 1.0, 1.0),
}
MACHINES = {name: open_hardware(name) for name in SHIPPED}
TIMES = {
    "dense": None,
    "sparse": None,
    **{f"{name} {task}": time for name, one in MACHINES.items() for task in ("training", "inference")
       if (time := getattr(one, task))},
}  # fmt: skip


def costs(name: str, schedule: Schedule = Schedule(), units: float = 1.0) -> Cost:
    return Cost(name == "sparse", schedule, units, TIMES[name])


def on_page(cost: Cost) -> dict[str, Any]:
    return {**cost_record(cost), "units": cost.units_per_datum}


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize("name", TIMES)
def test_cost_multipliers(node: Asked, rng: np.random.Generator, name: str, schedule: Schedule) -> None:
    cost = costs(name, schedule, 196.0)
    S = np.concatenate([rng.uniform(0, MAX_SPARSITY, COUNT), [0.0], cost.kinks])
    N, D = 10 ** rng.uniform(5, 10, len(S)), 10 ** rng.uniform(7, 13, len(S))
    code = """(cost, S, N, D) => [
      multiplier(cost, S), multiplierSlope(cost, S), flopsFor(cost, S, N, D), dataOf(cost, S, N, D)]"""
    found = node(code, [[on_page(cost), S[k], N[k], D[k]] for k in range(len(S))])
    python = cost.multiplier(S), cost.multiplier_slope(S), cost.flops(S, N, D), cost.data(S, N, D)
    assert_near(found, np.transpose(python), floor=1e-13)


# ---- storage


STORED = (*FORMATS, "csr64", "coo16", "coo32", "delta1", "delta16", "1:16", "3:7", "17:513")


@pytest.mark.parametrize("format", STORED)
def test_storage(node: Asked, rng: np.random.Generator, format: str) -> None:
    memory = Memory(10 ** rng.uniform(4, 12), Storage(format, str(rng.choice(list(PRECISIONS)))))
    S = rng.choice(memory.levels, COUNT) if memory.levels else rng.uniform(0, MAX_SPARSITY, COUNT)
    at = [[memory.bytes, format, memory.storage.precision, s] for s in S]
    found = node("(bytes, format, precision, S) => nonzerosAt(memoryOf(bytes, format, precision), S)", at)
    assert_near(found, memory.nonzeros(S))
    if not memory.levels:
        slopes = node("(bytes, format, precision, S) => growthAt(memoryOf(bytes, format, precision), S)", at)
        assert_near(slopes, memory.growth(S), floor=1e-12)
    kinks = node("(...memory) => memoryOf(...memory).kinks", [at[0][:3]])[0]
    assert_near(sorted(kinks), sorted(memory.kinks), 1e-8)


def test_formats_that_exist(node: Asked) -> None:
    texts = [*STORED, "4:4", "5:4", "0:4", "csr8", "delta17", "delta0", "dense1", "2:1000", "bitmask ", "", "toString"]

    def exists(format: str) -> bool:
        try:
            Storage(format)
        except UserError:
            return False
        return True

    assert node("isFormat", [[text] for text in texts]) == [exists(text) for text in texts]


# ---- searches: a valley with kinks, whose bottom and depth are random

VALLEY = """(a, b, kinks) => {
  const u = (S) => -Math.log1p(-S), past = (S) => kinks.filter((k) => k <= S).length;
  return { value: (S) => (u(S) - a) ** 2 - b * past(S), slope: (S) => 2 * (u(S) - a) };
}"""


@pytest.mark.parametrize("num_kinks", [0, 1, 3])
def test_searches(node: Asked, rng: np.random.Generator, num_kinks: int) -> None:
    code = f"""(a, b, kinks, allowed) => {{
      const {{ value, slope }} = ({VALLEY})(a, b, kinks), best = lowestPoint(value, slope, {{ kinks }}), grid = scanPoints(kinks);
      return [best, ...pieceWith(best, piecesWithin(value, best, value(best) + allowed, {{ kinks }})),
        leastValue(value, grid, grid.map(value))];
    }}"""
    inputs = [
        [rng.uniform(-1, 8), rng.uniform(0, 2), sorted(rng.uniform(0.01, 0.99, num_kinks)), 10 ** rng.uniform(-4, 0)]
        for _ in range(COUNT)
    ]
    assert_near(node(code, inputs), [searched(*one) for one in inputs], SEARCHED, floor=SEARCHED)


def searched(a: float, b: float, kinks: list[float], allowed: float) -> list[float]:
    def value(S: np.ndarray) -> np.ndarray:
        return (-np.log1p(-S) - a) ** 2 - b * (np.asarray(S)[..., None] >= np.array(kinks)).sum(-1)

    best = float(lowest_point(value, lambda S: 2 * (-np.log1p(-S) - a), kinks=kinks))
    allowed += float(value(np.array(best)))
    return [best, *range_within(value, best, allowed, kinks=kinks), float(least_value(value, kinks=kinks))]


# ---- the optimum

SIZES = ("count", "bitmask", "delta", "csr", "ideal", "2:4")
SIZE = "(typeof size === 'number' ? size : memoryOf(...size))"


def sized(kind: str, N: float) -> Any:
    return N if kind == "count" else Memory(2 * N, Storage(kind))


def size_on_page(size: Any) -> Any:
    return [size.bytes, size.storage.format, size.storage.precision] if isinstance(size, Memory) else size


@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_optimum(node: Asked, rng: np.random.Generator, law: PowerLaw, kind: str) -> None:
    code = f"""(form, values, size, C, cost, S, gap) => {{
      const law = lawWith(form, values), held = {SIZE}, best = optimalSparsity(law, held, C, cost), N = nonzerosAt(held, 0);
      return [lossOnBudget(law, S, held, C, cost), chinchillaFlops(law, N, cost), bestSize(law, S, C, cost),
        slopeOnBudget(law, S, held, C, cost), best, lossOnBudget(law, best, held, C, cost),
        flopsWhereSparsityPays(law, held, cost), ...pieceWith(best, nearOptimalPieces(law, best, held, C, cost, gap))];
    }}"""
    names, inputs, python = list(TIMES), [], []
    for k in range(len(names) * 2):
        cost, values, size = (
            costs(names[k % len(names)]),
            parameters(law, rng, 1)[0],
            sized(kind, 10 ** rng.uniform(6, 9)),
        )
        C, gap = float(10 ** rng.uniform(16, 22)), 10 ** rng.uniform(-4, -2)
        S = float(rng.choice(size.levels) if kind == "2:4" and not law.levels else sparsities(law, rng, 1)[0])
        S = 0.5 * (S > 0) if kind == "2:4" else S
        inputs.append([*of(law, values), size_on_page(size), C, on_page(cost), S, gap])
        python.append(optimum(law, values, size, C, cost, S, gap))
    found, python = np.array(node(code, inputs), dtype=float), np.array(python)
    assert_near(found[:, :3], python[:, :3])
    if not law.levels and kind != "2:4":
        assert_near(found[:, 3], python[:, 3], floor=1e-10)
    assert_near(found[:, 5], python[:, 5], SEARCHED)
    assert_near(found[:, 6], python[:, 6], SEARCHED)
    if (
        law.name != "average-params" or kind == "count"
    ):  # else where FLOPs count what N counts, two sparsities are equally good
        assert_near(found[:, [4, 7, 8]], python[:, [4, 7, 8]], SEARCHED, floor=SEARCHED)


def optimum(law: PowerLaw, values: np.ndarray, size: Any, C: float, cost: Cost, S: float, gap: float) -> list[float]:
    best = float(optimal_sparsity(law, values, size, C, cost))
    N = size.dense_params if isinstance(size, Memory) else size
    return [
        float(loss_on_budget(law, values, S, size, C, cost)),
        float(chinchilla_flops(law, values, N, cost)),
        float(best_size(law, values, S, C, cost)),
        np.nan
        if law.levels or (isinstance(size, Memory) and size.levels)
        else float(slope_on_budget(law, values, S, size, C, cost)),
        best,
        float(loss_on_budget(law, values, best, size, C, cost)),
        float(flops_where_sparsity_pays(law, values, size, cost)),
        *near_optimal_range(law, values, size, C, cost, tolerance=gap),
    ]


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_the_optimum_is_the_inverse_of_its_contours(node: Asked, rng: np.random.Generator, sparse: bool) -> None:
    """The budget at which Python says that S is best is one for which the page finds S."""
    law, cost = forms.PAPER, Cost(sparse=sparse)
    values, S, N = parameters(law, rng, COUNT), rng.uniform(0.05, 0.95, COUNT), 10 ** rng.uniform(6, 9, COUNT)
    C = flops_where_optimal(law, values, S, N, cost)
    reached = np.isfinite(C)
    inputs = [[*of(law, values[k]), N[k], C[k], on_page(cost)] for k in np.flatnonzero(reached)]
    code = "(form, values, N, C, cost) => optimalSparsity(lawWith(form, values), N, C, cost)"
    assert reached.sum() > COUNT / 2
    assert_near(node(code, inputs), S[reached], SEARCHED)


# ---- lifetimes


SERVING = {"dense": SERVED_DENSE, "sparse": SERVED_SPARSE} | {
    name: one.inference_cost() for name, one in MACHINES.items() if one.inference
}


@pytest.mark.parametrize("is_fixed", [False, True], ids=["any size", "fixed size"])
@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_lifetimes(node: Asked, rng: np.random.Generator, law: PowerLaw, is_fixed: bool) -> None:
    code = """(form, values, demand, S) => {
      const law = lawWith(form, values), best = bestSparsity(law, demand), life = lifeAt(law, S, demand);
      const { total } = lifeAt(law, best, demand);
      return [life.nonzeros, life.data, life.training, life.inference, life.total, total, total < Infinity ? best : 0];
    }"""
    trainings, servings = list(TIMES), list(SERVING.values())
    inputs, python = [], []
    for k in range(COUNT // 5):
        values, S = parameters(law, rng, 1)[0], float(sparsities(law, rng, 1)[0])
        training, serving = costs(trainings[k % len(trainings)]), servings[k % len(servings)]
        N, loss = (10 ** rng.uniform(7, 9) if is_fixed else None), float(law.floor(values)) + rng.uniform(-0.3, 3)
        demand = Demand(loss, 10 ** rng.uniform(8, 14), training, serving, N)
        given = {
            "loss": loss,
            "inference": demand.inference,
            "nonzeros": N,
            "training": on_page(training),
            "serving": on_page(serving),
        }
        inputs.append([*of(law, values), given, S])
        python.append(lifetime(law, values, demand, S))
    found, python = np.array(node(code, inputs), dtype=float), np.array(python)
    assert np.isinf(python).any()
    assert np.isfinite(python[:, 5]).sum() > 20
    assert_near(found[:, :5], python[:, :5])
    assert_near(found[:, 5], python[:, 5], SEARCHED)
    assert_near(found[:, 6], python[:, 6], SEARCHED, floor=SEARCHED)


def lifetime(law: PowerLaw, values: np.ndarray, demand: Demand, S: float) -> list[float]:
    life, best = life_at(law, values, S, demand), best_sparsity(law, values, demand)
    total = float(life_at(law, values, best, demand).total)
    parts = life.nonzero_params, life.data, life.training_flops, life.inference_flops, life.total
    return [*map(float, parts), total, float(best) if np.isfinite(total) else 0.0]


# ---- intervals


@pytest.mark.parametrize(
    "beyond", [0.0, 0.01, 0.2], ids=["finite", "one in a hundred infinite", "one in five infinite"]
)
def test_intervals(node: Asked, rng: np.random.Generator, beyond: float) -> None:
    fitted = open_fit("vit-jft")
    samples = [np.where(rng.random(n) < beyond, np.inf, rng.normal(size=n)) for n in rng.integers(1, 400, COUNT)]
    for values in samples:
        values[rng.random(len(values)) < 0.05] = np.nan
    levels = rng.uniform(0.5, 0.99, COUNT)
    texts = [[[str(value) for value in values], level] for values, level in zip(samples, levels, strict=True)]
    found = node(
        "(values, level) => interval(values.map((text) => Number(text.replace('inf', 'Infinity'))), level)", texts
    )
    python = [Estimates(fitted, level).of(0.0, values).bounds for values, level in zip(samples, levels, strict=True)]
    assert [one is None for one in found] == [one is None for one in python]
    known = [k for k, one in enumerate(python) if one is not None]
    assert_near([found[k] for k in known], [python[k] for k in known])


def test_sensitivities(node: Asked, rng: np.random.Generator) -> None:
    """Of the loss at one point, by parameter: slopes and the share of the spread that each explains."""
    fitted = open_fit("vit-jft")
    S, N, D = 0.6, 3e7, 2e9
    draws = [(fitted.values * np.exp(rng.normal(0, 0.05, len(fitted.values)))).tolist() for _ in range(COUNT)]
    code = """(form, values, draws, pinned, S, N, D) => {
      const law = lawWith(form, values), loss = (one) => predict(one, S, N, D);
      const drawn = draws.map((draw) => lawWith(form, draw));
      return sensitivities({ form, law, draws: drawn, pinned }, loss, drawn.map(loss));
    }"""
    found = node(code, [[*of(fitted.law, fitted.values), draws, ["b_S"], S, N, D]])[0]
    assert fitted.bootstrap is not None
    drawn = replace(fitted, pinned=("b_S",), bootstrap=replace(fitted.bootstrap, draws=np.array(draws)))
    python = sensitivities(drawn, lambda p: drawn.law.predict(p, S, N, D), drawn.law.predict(np.array(draws), S, N, D))
    assert [one["name"] for one in found] == [one.name for one in python]
    assert_near([one["explained"] for one in found], [one.explained for one in python])
    assert_near([one["slope"] for one in found], [one.slope for one in python], SEARCHED)


# ---- numbers as text


def numbers(rng: np.random.Generator) -> list[float]:
    """Of every size, and those that lie between two roundings, where the even one is to be taken."""
    ties = [(digits + 0.5) * scale for digits in range(100, 135) for scale in (0.125, 1.0, 1e3, 1e7, 2.0**-12)]
    return [
        *map(float, 10 ** rng.uniform(-7, 25, COUNT)),
        *ties,
        *np.arange(0, 3, 0.125).tolist(),
        999.5,
        9.995e11,
        1e15,
        1e40,
    ]


@pytest.mark.parametrize("form", [form for form in FORMS if form != "text"])
def test_numbers_are_written_alike(node: Asked, rng: np.random.Generator, form: str) -> None:
    values = numbers(rng)
    limits = {"points": (0, 1e13), "fixed2": (0, 1e13), "bytes": (1, 1e40)} | dict.fromkeys(
        ("percent", "percent0", "percent2", "level"), (0, 900)
    )
    low, high = limits.get(form, (0, np.inf))
    values = [value for value in values if low <= value < high]
    values += [-value for value in values if value] if form in ("number", "percent") else []
    found = node(f"(value) => FORMS.{form}(value)", [[value] for value in values])
    assert found == [FORMS[form](value) for value in values]


@pytest.mark.parametrize("form", ["number", "percent", "count", "flops", "bytes"])
def test_what_is_not_finite_is_out_of_reach(node: Asked, form: str) -> None:
    assert node(f"(text) => FORMS.{form}(Number(text))", [["Infinity"], ["NaN"]]) == [
        FORMS[form](np.inf),
        FORMS[form](np.nan),
    ]


AMOUNTS = (
    "", "85M", "1.3B", "4.2e21", "1e3K", "7 t", ".5k", "5.", ".", "1e-3", "-1", "1,000", "0", "1e999",
    "8GB", "512MiB", "8 kib", "3b", "3 ib", "1e3GB", "2e-1KiB", "8XB",
)  # fmt: skip


@pytest.mark.parametrize(("code", "parse"), [("parseCount", counts.parse_count), ("parseBytes", counts.parse_bytes)])
def test_amounts_are_read_alike(
    node: Asked, rng: np.random.Generator, code: str, parse: Callable[[str], float]
) -> None:
    suffixes = ("", "K", " m", "B", "T", "GB", "MiB", "p", "e5", "E-2")
    texts = [*AMOUNTS, *(f"{rng.uniform(0, 1000):.4g}{rng.choice(suffixes)}" for _ in range(COUNT))]

    def read(text: str) -> str | float:
        try:
            return parse(text)
        except UserError:
            return "NaN"

    assert node(code, [[text] for text in texts]) == [read(text) for text in texts]


# ---- sentences


def facts_of(name: str, rng: np.random.Generator) -> dict[str, Any]:
    """A value for every fact that a topic speaks of, of any size and sometimes none."""
    found = {
        "data_unit": "tokens",
        "loss_unit": "bits",
        "memory": rng.choice([None, 8e9]),
        "status": rng.choice(["converged", "stuck"]),
    }
    for rule in (rule for group in topic(name).values() for rule in group):
        for key, form in re.findall(r"\{(\w+)(?::(\w+))?\}", rule.get("say", rule.get("label", ""))):
            if form != "say":
                found[key] = "words" if form in ("", "text") else float(10 ** rng.uniform(-4, 12))
        for condition in rule.get("when", ()):
            for word in re.findall(r"[a-z_]{3,}", condition):
                found.setdefault(word, rng.choice([None, 0.0, 0.5, 2.0]) if word != "inf" else None)
    return found


@pytest.mark.parametrize("name", [name for name in TOPICS if name != "rows"])
def test_sentences_are_chosen_and_filled_alike(node: Asked, rng: np.random.Generator, name: str) -> None:
    facts = [facts_of(name, rng) for _ in range(COUNT)]
    said = node(f"(facts) => sentences('{name}', facts)", [[one] for one in facts])
    assert said == [list(sentences(name, one)) for one in facts]
    assert len({sentence for one in said for sentence in one}) > len(topic(name)) / 2


@pytest.mark.parametrize("name", ["budget", "lifetime"])
@pytest.mark.parametrize("memory", [None, 8e9])
def test_tables_have_the_same_rows(node: Asked, name: str, memory: float | None) -> None:
    facts = {"memory": memory, "data_unit": "images", "loss_unit": "nats", "knows_sparsity": memory is None}
    code = "(topic, facts) => labelledRows(topic, facts)"
    expected = [list(row) for row in rows(name, facts)]
    assert node(code, [[name, facts]]) == [expected]


def test_a_fact_that_is_missing_is_an_error_in_the_page_too(node: Asked) -> None:
    code = "(facts) => { try { return say('warnings', 'status', facts); } catch (error) { return error.message; } }"
    assert node(code, [[{"status": "stuck"}], [{}]]) == ["The fit is stuck.", "no fact is named status"]


# ---- the program as it is written


def test_every_name_that_the_program_declares_is_used() -> None:
    code = re.sub(r"//.*|/\*.*?\*/", "", program(), flags=re.DOTALL * 0)
    declared = re.findall(r"^(?:async )?(?:const|function\*?) (\w+)", code, flags=re.MULTILINE)
    assert len(declared) > 150
    assert [name for name in declared if len(re.findall(rf"\b{name}\b", code)) < 2] == []


def test_every_group_of_words_that_the_program_names_exists() -> None:
    code, page = program(), set(topic("page"))
    named = set(re.findall(r"\bsaid\(\"(\w+)\"", code))
    assert named == {group for group in page if not group.startswith("_")} - ONLY_PYTHON
    assert set(re.findall(r"\brefusal\(\"(\w+)\"", code)) == {group for group in topic("refusals") if group[0] != "_"}
    parts = set(re.findall(r"\bpart\(\"(\w+)\"", code)) | set(re.findall(r"topicOf\(state\), \"(\w+)\"", code))
    assert all(part in topic(name) for name in ("budget", "lifetime") for part in parts)


ONLY_PYTHON: set[str] = set()


def test_the_program_is_all_files_of_its_folder() -> None:
    assert {path.stem for path in WEB.glob("*.js")} == set(MODULES)
