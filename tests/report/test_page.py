"""The page in a real browser: it loads clean and offline, is accessible, fits a phone, has a dark look, prints, and is safe."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from playwright.sync_api import Browser

from sparselaw.errors import UserError
from sparselaw.fit import fit, open_fit
from sparselaw.laws import from_function
from sparselaw.report.curves import Curve
from sparselaw.report.figures import colour_of
from sparselaw.report.html import json_block, table
from sparselaw.report.page import MODULES, page, write_page
from sparselaw.report.study import Study, study

from .conftest import Visit, Visits, simulated_runs

PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True}
FIGURES = ("answer", "loss", "predicted", "contours")
HOSTILE = (
    "</script><script>window.pwned = 1</script>",
    "<img src=x onerror=window.pwned=1>",
    "\"' onmouseover=window.pwned=1 x='",
    "<!--<script>",
    "]]>{{x}}${y}$title</title>",
    "\u2028\u2029\u0000\ud800",
)


@pytest.fixture(scope="module")
def kept_open(browser: Browser, simulated_page: Path) -> Iterator[Visit]:
    """A page for tests that leave it as it is; loading it takes longer than most of them."""
    visits = Visits(browser)
    opened = visits(simulated_page)
    wait_for_figures(opened)
    yield opened
    visits.close()


@pytest.fixture
def opened(kept_open: Visit) -> Iterator[Visit]:
    yield kept_open
    kept_open.page.emulate_media(media="screen", color_scheme="light")


def wait_for_figures(opened: Visit) -> None:
    for name in FIGURES:
        opened.page.wait_for_selector(f'figure[data-figure="{name}"] .main-svg', state="attached")


def test_it_loads_offline_without_complaints_or_requests(opened: Visit, simulated: Study) -> None:
    assert not opened.complaints
    assert [url for url in opened.requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert simulated.answer is not None
    assert opened.text("#headline") == f"Train it {simulated.answer.optimal_sparsity.value:.1%} sparse"
    titles = ("runs", "quality", "parameters", "contours", "multipliers", "laws", "checklist")
    assert all(opened.page.locator(f"section#{name}").count() == 1 for name in titles)


def test_sparsities_are_percents_in_every_table(opened: Visit) -> None:
    cells = "document.querySelectorAll('#runs tbody td, #contours thead th, #multipliers tbody td, #curve-rows th')"
    shown = set(opened.page.evaluate(f"[...{cells}].map((cell) => cell.textContent)"))
    assert {"0%", "50%", "75%", "87.5%", "93.75%"} <= shown
    assert not {"0", "0.5", "0.75", "0.875", "0.9375"} & shown


def test_a_model_to_serve_is_not_given_in_bytes_unless_the_address_does(visit: Visits, simulated_page: Path) -> None:
    opened = visit(simulated_page)
    opened.page.check('input[name="ask"][value="serve"]')
    opened.page.check('input[name="fixed"][value="true"]')
    assert not opened.page.is_visible('input[name="size"]')
    asked = visit(simulated_page, hash="#ask=serve&fixed=true&size=memory")
    assert asked.page.is_visible('input[name="size"][value="count"]')
    assert "Memory limits a model that is only trained" in asked.text("#certainty")


def test_sizes_are_as_promised(simulated: Study, simulated_page: Path, tmp_path: Path) -> None:
    assert simulated_page.stat().st_size < 6e6
    assert write_page(tmp_path / "cdn.html", simulated, plotlyjs="cdn") < 220e3
    assert write_page(tmp_path / "fit.html", study(open_fit("vit-jft")), plotlyjs="cdn") < 220e3


def test_the_small_page_asks_for_plotly_alone_and_stands_without_it(
    visit: Visits, simulated: Study, tmp_path: Path
) -> None:
    write_page(tmp_path / "cdn.html", simulated, plotlyjs="cdn")
    opened = visit(tmp_path / "cdn.html")
    outside = [url for url in opened.requests if not url.startswith("file:")]
    assert len(outside) == 1
    assert re.fullmatch(r"https://cdn\.plot\.ly/plotly-[\d.]+\.min\.js", outside[0])
    assert "could not be loaded" in opened.text('figure[data-figure="contours"]')
    assert opened.text("#headline").startswith("Train it")
    assert 'integrity="sha256-' in (tmp_path / "cdn.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("scheme", "device"), [("light", {}), ("dark", PHONE)], ids=["desktop, light", "phone, dark"])
def test_it_is_accessible(visit: Visits, simulated_page: Path, scheme: str, device: dict) -> None:
    opened = visit(simulated_page, color_scheme=scheme, **device)
    wait_for_figures(opened)
    opened.page.evaluate("document.querySelector('#answer details').open = true")
    # A figure is one picture with a name; what plotly draws it of is not content.
    found = Axe().run(opened.page, context={"exclude": [[".plot svg"]]}).response["violations"]
    assert [
        (one["id"], one["nodes"][0]["html"][:120]) for one in found if one["impact"] in ("serious", "critical")
    ] == []


def test_it_fits_a_phone(visit: Visits, simulated_page: Path) -> None:
    opened = visit(simulated_page, **PHONE)
    wait_for_figures(opened)
    opened.page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 390
    boxes = opened.page.eval_on_selector_all(".plot", "all => all.map((one) => one.getBoundingClientRect().right)")
    assert max(boxes) <= 390


def test_dark_and_light_are_followed_by_page_and_figures(opened: Visit) -> None:
    for scheme, colour in (("dark", "rgb(20, 23, 26)"), ("light", "rgb(255, 255, 255)")):
        opened.page.emulate_media(color_scheme=scheme)
        wait_for_background(opened, "body", colour)
        wait_for_background(opened, "figure[data-figure=loss] .main-svg", colour)


def test_a_sparsity_has_the_colour_of_the_other_figures(opened: Visit) -> None:
    traces = opened.page.evaluate("document.querySelector('figure[data-figure=loss] .plot').data")
    found = {trace["name"]: trace["marker"]["color"] for trace in traces if trace.get("showlegend")}
    expected = {f"{100 * S:g}% sparse": colour_of(S) for S in (0, 0.5, 0.75, 0.875)}
    assert found.keys() == expected.keys()
    for name, colour in found.items():
        # A ramp of 64 steps stands for the colour map.
        assert np.allclose(to_rgb(colour), to_rgb(expected[name]), atol=0.02)


def test_only_the_line_nearest_to_the_answer_has_its_band(opened: Visit) -> None:
    traces = opened.page.evaluate("document.querySelector('figure[data-figure=contours] .plot').data")
    assert [trace.get("fill") for trace in traces].count("toself") == 1


def wait_for_background(opened: Visit, selector: str, colour: str) -> None:
    """The browser tells the page of its new look a little later."""
    style = f"getComputedStyle(document.querySelector('{selector}')).backgroundColor"
    opened.page.wait_for_function(f"{style} === '{colour}'")


def test_it_is_usable_from_the_keyboard(opened: Visit) -> None:
    reached = []
    for _ in range(40):
        opened.page.keyboard.press("Tab")
        reached.append(opened.page.evaluate("document.activeElement.id || document.activeElement.name || ''"))
    assert opened.page.locator(".skip").count() == 1
    buttons = ("copy-link", "save-json", "reset")
    for control in ("ask", "size", "N", "N-slider", "budget", "C", "C-slider", "cost", *buttons):
        assert control in reached


def test_it_prints_on_paper_without_controls(opened: Visit) -> None:
    opened.page.emulate_media(media="print")
    assert not opened.page.is_visible("#controls")
    assert opened.page.is_visible("#headline")
    assert opened.page.pdf(format="A4").startswith(b"%PDF-")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page in which whatever can come from a file is hostile."""
    names = [HOSTILE[k % 5] for k in range(64)]  # a table cannot hold a lone surrogate
    runs = simulated_runs(HOSTILE[0], run_id=names, pattern=names[::-1])
    runs = replace(runs, data_unit=HOSTILE[2], warnings=HOSTILE)
    fitted = replace(fit(runs, bootstrap=50), warnings=HOSTILE)
    curve = Curve(HOSTILE[0], 1e6, 0.5, np.array([1e3, 1e6]), np.array([3.0, 2.0]))
    told = study(fitted, runs=runs, curves=[curve], left_out={HOSTILE[1]: 1}, notes=HOSTILE)
    path = tmp_path_factory.mktemp("hostile") / "hostile.html"
    write_page(path, told)
    return path


def test_names_from_files_are_text_in_the_browser(visit: Visits, hostile: Path) -> None:
    opened = visit(hostile)
    wait_for_figures(opened)
    assert opened.page.evaluate("window.pwned") is None
    assert opened.page.evaluate("document.scripts.length") == 3
    assert opened.page.locator("img, iframe, object, embed, [onerror], [onmouseover]").count() == 0
    assert HOSTILE[0] in opened.text("h1")
    assert opened.page.title() == f"How sparse? {HOSTILE[0]}"
    assert not opened.complaints


def test_a_script_that_is_not_the_pages_own_does_not_run(visit: Visits, simulated_page: Path) -> None:
    opened = visit(simulated_page)
    opened.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.pwned = 1'}))"
    )
    assert opened.page.evaluate("window.pwned") is None
    assert any("Content Security Policy" in said for said in opened.complaints)


class Reader(HTMLParser):
    """Elements and texts of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


ANY_TEXT = st.text(max_size=40) | st.sampled_from(HOSTILE)


@given(cells=st.lists(ANY_TEXT, min_size=1, max_size=4), caption=ANY_TEXT)
def test_cells_of_tables_are_text(cells: list[str], caption: str) -> None:
    reader = Reader()
    reader.feed(table(cells, [cells], caption=caption))
    assert set(reader.tags) <= {"div", "table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert len([tag for tag in reader.tags if tag in ("th", "td")]) == 2 * len(cells)


@given(
    st.recursive(
        ANY_TEXT | st.integers() | st.none(), lambda inner: st.dictionaries(ANY_TEXT, inner, max_size=3), max_leaves=5
    )
)
def test_json_blocks_hold_what_they_were_given_and_no_markup(record: object) -> None:
    text = json_block(record)
    assert json.loads(text) == record
    assert not set("<>&\u2028\u2029") & set(text)


@settings(max_examples=5, deadline=None)
@given(name=ANY_TEXT)
def test_a_name_adds_no_element_to_the_page(simulated: Study, name: str) -> None:
    def tags(told: Study) -> list[str]:
        reader = Reader()
        reader.feed(page(told, plotlyjs="cdn"))
        return reader.tags

    renamed = replace(simulated, fitted=replace(simulated.fitted, name=name))
    assert tags(renamed) == tags(simulated)


def test_modules_of_the_program_share_no_name() -> None:
    """They share one scope in the page."""
    web = resources.files("sparselaw.report") / "web"
    declared = re.compile(r"^(?:export )?(?:async )?(?:function\*?|const|let|class) (\w+)", re.MULTILINE)
    names = [
        name for module in MODULES for name in declared.findall((web / f"{module}.js").read_text(encoding="utf-8"))
    ]
    assert len(names) > 100
    assert sorted(names) == sorted(set(names))


def test_a_law_of_your_own_has_a_report_without_a_planner(visit: Visits, tmp_path: Path) -> None:
    def mine(S, N, D, a=40.0, b=0.2, e=20.0, f=0.2, c=0.8):
        return a * N**-b * (1 - 0.2 * S) + e * D**-f + c

    runs = simulated_runs()
    write_page(tmp_path / "own.html", study(fit(runs, from_function(mine), bootstrap=0), runs=runs))
    opened = visit(tmp_path / "own.html")
    assert opened.text("#headline") == "No optimal sparsity"
    assert "a law of your own" in opened.text("#answer")
    opened.page.wait_for_selector('figure[data-figure="predicted"] .main-svg', state="attached")
    assert not opened.complaints


def test_a_place_that_cannot_be_written_is_said(simulated: Study, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(UserError, match="Cannot write"):
        write_page(tmp_path / "taken" / "report.html", simulated, plotlyjs="cdn")
