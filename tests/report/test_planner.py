"""The planner in a real browser: its numbers are those of `sparselaw.plan`, and its controls do what they say."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser

from sparselaw.cost import Cost, Memory, Storage, open_hardware
from sparselaw.cost.machine import SHIPPED
from sparselaw.cost.serving import SERVED_DENSE, SERVED_SPARSE
from sparselaw.cost.storage import FORMATS, PRECISIONS
from sparselaw.errors import UserError
from sparselaw.fit import Fit, bootstrap, fit, open_fit
from sparselaw.fit.result import Spread
from sparselaw.plan import Question as PlanQuestion
from sparselaw.plan import ask, plan
from sparselaw.report.page import write_page
from sparselaw.report.record import ARGUMENTS
from sparselaw.report.study import Question, study
from sparselaw.words import say

from .conftest import ASK, Visit, Visits, simulated_runs

TOLERANCE = 1e-6
TRAINING = ("dense", "sparse", "a100-2:4", "epyc-csr")
SERVING = ("dense", "sparse", *SHIPPED)
POINTS = 4  # random questions a cost
BUDGETS = (("flops", "C", "flops"), ("data", "D", "data"), ("chinchilla", "times", "times_chinchilla"))
Asked = Callable[[str], Visit]


@pytest.fixture(scope="module")
def page_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The page of a published fit, written once; without plotly, whose figures take longer than the answers."""
    folder, written = tmp_path_factory.mktemp("pages"), {}

    def made(name: str) -> Path:
        if name not in written:
            written[name] = folder / f"{name}.html"
            write_page(written[name], study(open_fit(name)), plotlyjs="cdn")
        return written[name]

    return made


@pytest.fixture(scope="module")
def kept_open(browser: Browser, page_of: Callable[[str], Path]) -> Iterator[Asked]:
    """The same page in a browser, opened once: loading it takes longer than asking."""
    visits, opened = Visits(browser), {}

    def ask(name: str) -> Visit:
        if name not in opened:
            opened[name] = visits(page_of(name))
        return opened[name]

    yield ask
    visits.close()


@pytest.fixture
def vit(kept_open: Asked) -> Iterator[Visit]:
    """The page of `vit-jft`, with the question that it opened with."""
    opened = kept_open("vit-jft")
    opened.page.click("#reset")
    opened.settle()
    yield opened
    assert not opened.complaints


def training_cost(name: str, units: float) -> Cost:
    if name in ("dense", "sparse"):
        return Cost(sparse=name == "sparse", units_per_datum=units)
    return open_hardware(name).training_cost(units_per_datum=units)


def serving_cost(name: str) -> Cost:
    return {"dense": SERVED_DENSE, "sparse": SERVED_SPARSE}.get(name) or open_hardware(name).inference_cost()


def assert_same(page: dict[str, Any], python: dict[str, Any]) -> None:
    """Every number and every sentence of the page is Python's; what Python alone knows is of a GPU, of options, or nothing."""
    known = python.keys() - {"gpu", "gpu_hours", "money", "options", "options_reason"}
    assert page.keys() - known == {"question"}
    assert [key for key in known - page.keys() if python[key] is not None] == []
    for key in known & page.keys():
        assert flat(page[key]) == [near(one) for one in flat(python[key])], key


def near(value: Any) -> Any:
    """What equals a number but for rounding, and else the value alone."""
    return pytest.approx(value, rel=TOLERANCE, abs=TOLERANCE) if isinstance(value, float) else value


def flat(value: Any) -> list[Any]:
    """What a value consists of, in an order of its own; beyond a double is None in JSON."""
    if isinstance(value, dict):
        return [one for key in sorted(value) for one in (key, *flat(value[key]))]
    if isinstance(value, list | tuple):
        is_named = bool(value) and isinstance(value[0], dict) and "name" in value[0]
        parts = sorted(value, key=lambda part: part["name"]) if is_named else value
        return [one for part in parts for one in flat(part)]
    return [value]


@pytest.mark.parametrize("cost", TRAINING)
@pytest.mark.parametrize("name", ["vit-jft", "t5-c4-refit"])
def test_a_budget_is_answered_as_python_answers_it(kept_open: Asked, name: str, cost: str) -> None:
    fitted, rng = open_fit(name), np.random.default_rng(TRAINING.index(cost))
    opened = kept_open(name)
    for k in range(POINTS):
        N = 10 ** rng.uniform(5.5, 9.5)
        units = 196.0 if name == "vit-jft" and k == 1 else 1.0
        amounts = {
            "C": N * 10 ** rng.uniform(9.5, 13.5),
            "D": 10 ** rng.uniform(8.5, 12),
            "times": 10 ** rng.uniform(-0.7, 3),
        }
        kind, key, python_name = BUDGETS[k % len(BUDGETS)]
        page = opened.ask(ask="budget", N=N, budget=kind, cost=cost, units=units, **{key: amounts[key]})
        asked = {python_name: amounts[key]}
        assert_same(page, plan(fitted, nonzeros=N, cost=training_cost(cost, units), **asked).to_json())
    assert not opened.complaints


STORED = (
    "dense", "bitmask", "csr", "csr16", "csr64", "coo", "coo16", "coo64", "delta", "delta1", "delta4", "delta16",
    "2:4", "1:4", "3:7", "1:16", "entropy", "ideal",
)  # fmt: skip


@pytest.mark.parametrize("format", STORED)
def test_bytes_are_answered_as_python_answers_them(kept_open: Asked, format: str) -> None:
    k = STORED.index(format)
    name, cost, rng = ("vit-jft", "t5-c4-refit")[k % 2], TRAINING[k // 2 % len(TRAINING)], np.random.default_rng(k)
    memory = Memory(10 ** rng.uniform(5.5, 10), Storage(format, tuple(PRECISIONS)[k % len(PRECISIONS)]))
    units = 196.0 if name == "vit-jft" and k % 3 == 1 else 1.0
    amounts = {
        "C": memory.dense_params * 10 ** rng.uniform(9, 13.5),
        "D": 10 ** rng.uniform(8.5, 12),
        "times": 10 ** rng.uniform(-0.7, 3),
    }
    kind, key, python_name = BUDGETS[k % len(BUDGETS)]
    asked = {"budget": kind, "cost": cost, "units": units, key: amounts[key]}
    page = kept_open(name).ask(ask="budget", **in_bytes(memory), **asked)
    budget = {python_name: amounts[key]}
    python = plan(open_fit(name), memory=memory, cost=training_cost(cost, units), **budget).to_json()
    assert_same(page, python)
    assert (page["memory"], page["format"], page["precision"]) == (memory.bytes, format, memory.storage.precision)
    assert not kept_open(name).complaints


def in_bytes(memory: Memory) -> dict[str, Any]:
    """A size as the page's address says it."""
    storage = memory.storage
    return {"size": "memory", "memory": memory.bytes, "format": storage.format, "precision": storage.precision}


@pytest.mark.parametrize("serving", SERVING)
def test_a_life_is_answered_as_python_answers_it(kept_open: Asked, serving: str) -> None:
    fitted, rng = open_fit("t5-c4-refit"), np.random.default_rng(SERVING.index(serving))
    opened = kept_open("t5-c4-refit")
    for cost in rng.permutation(TRAINING)[:2]:
        for N in (None, 10 ** rng.uniform(8.3, 9.5)):
            loss, inference = rng.uniform(1.75, 2.4), 10 ** rng.uniform(9, 13)
            size = {"fixed": "true", "N": N} if N else {"fixed": "false"}
            page = opened.ask(ask="serve", loss=loss, inference=inference, cost=cost, serving=serving, **size)
            costs = {"cost": training_cost(cost, 1.0), "inference_cost": serving_cost(serving)}
            python = ask(fitted, PlanQuestion(loss=loss, inference=inference, nonzeros=N, **costs)).to_json()
            assert_same(page, python)


LAWS = ("free-multiplier", "density-power", "no-floor", "average-params")


@pytest.mark.parametrize("law", LAWS)
def test_every_law_that_can_be_planned_with_is_evaluated_in_the_page(visit: Visits, tmp_path: Path, law: str) -> None:
    runs = simulated_runs()
    fitted = fit(runs, law, bootstrap=50)
    write_page(tmp_path / "law.html", study(fitted), plotlyjs="cdn")
    opened = visit(tmp_path / "law.html")
    for cost in ("dense", "sparse", "epyc-csr"):
        page = opened.ask(ask="budget", N=2e7, budget="flops", C=3e19, cost=cost)
        assert_same(page, plan(fitted, nonzeros=2e7, flops=3e19, cost=training_cost(cost, 1.0)).to_json())
    for memory in (Memory(4e7), Memory(4e7, Storage("2:4"))):
        page = opened.ask(ask="budget", **in_bytes(memory), budget="flops", C=3e19, cost="dense")
        assert_same(page, plan(fitted, memory=memory, flops=3e19).to_json())
    assert not opened.complaints


@pytest.mark.parametrize("times", [0.5, 1.3, 5, 400])
def test_advice_is_that_of_python(vit: Visit, times: float) -> None:
    """What is best for N, sentence for sentence, from 'do not prune' to 'sparsity pays'."""
    said = vit.ask(ask="budget", N=4e7, budget="chinchilla", times=times, cost="dense")
    python = plan(open_fit("vit-jft"), nonzeros=4e7, times_chinchilla=times)
    assert said["advice"] == list(python.advice)
    assert said["warnings"] == list(python.warnings)


ADVISED = (
    ("bitmask", 20, "dense"), ("csr", 5, "dense"), ("csr64", 5, "dense"), ("2:4", 30, "dense"), ("ideal", 1.3, "dense"),
    ("dense", 20, "dense"), ("dense", 0.02, "sparse"), ("bitmask", 5, "sparse"),
)  # fmt: skip


@pytest.mark.parametrize(("format", "times", "cost"), ADVISED)
def test_advice_on_bytes_is_that_of_python(vit: Visit, format: str, times: float, cost: str) -> None:
    memory = Memory(8.5e7, Storage(format))
    said = vit.ask(ask="budget", **in_bytes(memory), budget="chinchilla", times=times, cost=cost)["advice"]
    python = plan(open_fit("vit-jft"), memory=memory, times_chinchilla=times, cost=training_cost(cost, 1.0)).advice
    assert said == list(python)


@pytest.mark.parametrize(
    "memory", [Memory(900), Memory(3, Storage("csr", "fp32")), Memory(9e39, Storage("2:4", "int4"))]
)
def test_bytes_that_hold_no_model_are_refused_as_python_refuses_them(vit: Visit, memory: Memory) -> None:
    vit.page.evaluate(ASK, "&".join(f"{key}={value}" for key, value in in_bytes(memory).items()))
    with pytest.raises(UserError) as refused:
        plan(open_fit("vit-jft"), memory=memory, flops=1e20)
    assert_refused(vit, str(refused.value))


def test_bytes_of_a_model_to_serve_are_left_to_the_command(vit: Visit) -> None:
    vit.page.check('input[name="size"][value="memory"]')
    vit.page.check('input[name="ask"][value="serve"]')
    assert vit.text("#headline") != "No answer"  # the cheapest of any size
    vit.page.check('input[name="fixed"][value="true"]')
    assert_refused(vit, say("refusals", "memory_in_lifetime", ARGUMENTS))


def assert_refused(opened: Visit, error: str) -> None:
    """The page says the sentence of the command, with the names of controls."""
    sentence = error.replace("--nonzeros", "non-zeros").replace("--", "")
    assert opened.text("#headline") == "No answer"
    assert opened.text("#certainty").strip() == f"{sentence[0].upper()}{sentence[1:]}"
    assert not opened.page.is_visible("#result")


def test_a_law_of_single_sparsities_refuses_a_pattern_between_them(visit: Visits, tmp_path: Path) -> None:
    fitted, memory = fit(simulated_runs(), "free-multiplier", bootstrap=50), Memory(4e7, Storage("3:7"))
    write_page(tmp_path / "levels.html", study(fitted), plotlyjs="cdn")
    address = "&".join(f"{key}={value}" for key, value in in_bytes(memory).items())
    opened = visit(tmp_path / "levels.html", hash=f"#{address}")
    with pytest.raises(UserError) as refused:
        plan(fitted, memory=memory, flops=1e19)
    assert_refused(opened, str(refused.value))


def test_runs_near_the_question_are_those_of_python(visit: Visits, tmp_path: Path) -> None:
    runs = simulated_runs()
    fitted = bootstrap(fit(runs, bootstrap=0), runs, num_draws=60)
    fitted = replace(fitted, spread=Spread(0.001, 0.01, (1e15, 1e19)))
    write_page(tmp_path / "page.html", study(fitted, runs=runs), plotlyjs="cdn")
    opened = visit(tmp_path / "page.html")
    missed = []
    for N, D in ((4e6, 4e9), (16e6, 64e9), (64e6, 1e9), (5e6, 4.5e9), (9e8, 1e12)):
        page, python = opened.ask(ask="budget", N=N, budget="data", D=D, cost="dense"), plan(fitted, nonzeros=N, data=D)
        assert_same(page, python.to_json())
        missed += [run.is_missed for run in python.measured_near]
    assert {True, False} == set(missed)


def test_a_fit_without_draws_says_that_it_has_no_intervals(visit: Visits, page_of: Callable[[str], Path]) -> None:
    opened = visit(page_of("t5-c4-published"))
    assert "no interval" in opened.text("#certainty")
    assert opened.ask(ask="budget", N=1e8, budget="flops", C=1e20, cost="dense")["interval"] is None


def test_a_slider_changes_the_answer_and_the_address(vit: Visit) -> None:
    before = vit.text("#headline")
    vit.page.focus("#C-slider")
    for _ in range(60):
        vit.page.keyboard.press("ArrowRight")
    vit.page.wait_for_url("**/*#*C=*")
    vit.settle()
    assert vit.text("#headline") != before
    assert vit.page.input_value("#C") != ""
    assert vit.page.get_attribute("#C-slider", "aria-valuetext") == vit.page.input_value("#C")
    vit.page.click("#reset")
    vit.settle()
    assert vit.text("#headline") == before


def test_a_number_typed_moves_the_slider(vit: Visit) -> None:
    vit.page.fill("#N", "13.5M")
    assert "13.5M non-zero" in vit.text("#question")
    assert float(vit.page.input_value("#N-slider")) == pytest.approx(math.log10(13.5e6), abs=0.01)


def test_a_mistyped_number_is_said_and_the_answer_kept(vit: Visit) -> None:
    before = vit.text("#headline")
    vit.page.fill("#N", "many")
    assert vit.page.get_attribute("#N", "aria-invalid") == "true"
    assert "positive number" in vit.text("#mistake")
    vit.settle()
    assert vit.text("#headline") == before


def test_bytes_are_chosen_and_typed(vit: Visit) -> None:
    vit.page.check('input[name="size"][value="memory"]')
    assert not vit.page.is_visible("#N")
    vit.page.fill("#memory", "512MiB")
    assert "537 MB of bf16 weights as bitmask" in vit.text("#question")
    assert float(vit.page.input_value("#memory-slider")) == pytest.approx(math.log10(2**29), abs=0.01)
    vit.page.select_option("#format", "csr")
    vit.page.select_option("#precision", "int8")
    assert "537 MB of int8 weights as csr" in vit.text("#question")
    vit.page.fill("#memory", "8 parsecs")
    assert vit.page.get_attribute("#memory", "aria-invalid") == "true"
    assert "number of bytes" in vit.text("#mistake")
    vit.page.check('input[name="size"][value="count"]')
    assert vit.text("#mistake") == ""
    assert not vit.page.is_visible("#memory")


def test_a_link_restores_bytes_in_a_format_that_the_list_lacks(vit: Visit) -> None:
    vit.page.evaluate(ASK, "size=memory&memory=85000000&format=1:16&precision=fp32")
    assert "&memory=85000000&format=1%3A16&precision=fp32&" in vit.page.url
    assert vit.page.input_value("#format") == "1:16"
    assert vit.page.input_value("#precision") == "fp32"
    assert vit.page.input_value("#memory") == "85 MB"


def test_every_format_of_the_list_exists(vit: Visit) -> None:
    options = "all => all.map((one) => one.value)"
    listed = vit.page.eval_on_selector_all("#format option", options)
    # Links to other formats, which tests before this one followed, add to the end of the list.
    assert [Storage(format).format for format in listed[: len(FORMATS)]] == list(FORMATS)
    assert vit.page.eval_on_selector_all("#precision option", options) == list(PRECISIONS)


def test_a_link_restores_the_question(kept_open: Asked, visit: Visits, page_of: Callable[[str], Path]) -> None:
    question = {
        "ask": "serve",
        "loss": 1.8,
        "inference": 3e12,
        "cost": "epyc-csr",
        "serving": "sparse",
        "fixed": "true",
        "N": 2e8,
    }
    first = kept_open("t5-c4-refit")
    asked = first.ask(**question)
    address = first.page.url
    second = visit(page_of("t5-c4-refit"), hash=address[address.index("#") :])
    assert second.page.is_checked('input[name="ask"][value="serve"]')
    assert second.page.input_value("#inference") == "3T"
    assert second.page.input_value("#cost") == "epyc-csr"
    assert second.text("#headline") == first.text("#headline")
    assert second.ask(**question)["optimal_sparsity"] == asked["optimal_sparsity"]


HOSTILE_ADDRESSES = (
    "size=memory2&N=5e-41&format=4:4&precision=fp7&memory=0",
    "size=__proto__&format=delta17&precision=toString",
    "N=-1&C=nan&cost=__proto__&budget=x",
    "N=1e999&loss=&ask=constructor",
    "%3Cscript%3E=1&cost=%00",
)


@pytest.mark.parametrize("address", HOSTILE_ADDRESSES)
def test_an_impossible_address_is_ignored(vit: Visit, address: str) -> None:
    plain = vit.text("#headline")
    vit.page.evaluate(ASK, address)
    assert vit.text("#headline") == plain


def test_a_loss_out_of_reach_is_said(vit: Visit) -> None:
    vit.page.check('input[name="ask"][value="serve"]')
    vit.page.fill("#loss", "4.0")
    assert vit.text("#headline") == "No answer"
    assert "below the irreducible loss" in vit.text("#certainty")
    assert not vit.page.is_visible("#result")
    vit.page.fill("#loss", "5.2")
    assert vit.text("#headline") != "No answer"


def test_a_question_outside_the_runs_is_warned_of(vit: Visit) -> None:
    vit.ask(ask="budget", N=4e9, budget="flops", C=1e23, cost="dense")
    assert "lies outside the fitted runs" in vit.text("#warnings")


def test_the_page_opens_with_the_question_it_was_given(visit: Visits, tmp_path: Path) -> None:
    told = study(open_fit("vit-jft"), question=Question(1.2e8, 3e19, "epyc-csr"))
    write_page(tmp_path / "asked.html", told, plotlyjs="cdn")
    opened = visit(tmp_path / "asked.html")
    assert told.answer is not None
    assert opened.text("#headline") == f"Train it {told.answer.optimal_sparsity.value:.1%} sparse"
    assert opened.page.input_value("#N") == "120M"


def test_files_are_saved(visit: Visits, simulated_page: Path, tmp_path: Path) -> None:
    opened = visit(simulated_page)
    button = 'figure[data-figure="answer"] button >> nth='
    starts = {"#save-json": b"{", f"{button}0": b"<svg", f"{button}1": b"\x89PNG"}
    for selector, start in starts.items():
        with opened.page.expect_download() as waiting:
            opened.page.click(selector)
        waiting.value.save_as(tmp_path / "saved")
        assert (tmp_path / "saved").read_bytes().startswith(start)
    assert not opened.complaints


def drawn(opened: Visit, name: str) -> int:
    return opened.page.locator(f'figure[data-figure="{name}"] .main-svg').count()


def test_a_law_without_contours_has_a_planner_but_none(visit: Visits, tmp_path: Path) -> None:
    runs = simulated_runs()
    fitted: Fit = fit(runs, "free-multiplier", bootstrap=50)
    write_page(tmp_path / "levels.html", study(fitted))
    opened = visit(tmp_path / "levels.html")
    opened.page.wait_for_selector('figure[data-figure="answer"] .main-svg', state="attached")
    assert drawn(opened, "contours") == 0
    assert "no contours" in opened.text("#contours")
