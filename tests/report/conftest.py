"""A browser for the tests of the page with the studies that they open in it, and a terminal for those of tables."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from rich.console import Console, RenderableType

from sparselaw.fit import Fit, compare, fit, open_fit
from sparselaw.laws import PAPER
from sparselaw.report.page import write_page
from sparselaw.report.study import Study, study
from sparselaw.runs import Runs

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
TRUTH = (10.7, 1.34, 41.6, 0.232, 6.77e8, 0.385, 0.83)
OFFLINE = "net::ERR_INTERNET_DISCONNECTED"
"""What the browser says of a page that asks for plotly.js elsewhere, as these tests never let it."""
SETTLED = 'html[data-settled="true"]'

ASK = """async (hash) => {
  const changed = new Promise((done) => addEventListener("hashchange", () => setTimeout(done), { once: true }));
  location.hash = hash;
  await changed;
  while (document.documentElement.dataset.settled !== "true") await new Promise((done) => setTimeout(done, 2));
  return JSON.parse(document.getElementById("answer-json").textContent);
}"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed; `make browser` installs one")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=list(OPTIONS))
        yield opened
        opened.close()


@dataclass
class Visit:
    """A page that is open, and what it complained of and asked the network for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def ask(self, **question: Any) -> dict[str, Any]:
        """The answer, as the page writes it out, to the question in an address."""
        return self.page.evaluate(ASK, "&".join(f"{key}={value}" for key, value in question.items()))

    def settle(self) -> None:
        """Wait until the bootstrap draws have answered too."""
        self.page.wait_for_selector(SETTLED, state="attached")

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)


@dataclass
class Visits:
    """Opens pages, each in a context of its own."""

    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)

    def __call__(self, path: Path, *, hash: str = "", offline: bool = True, **options: Any) -> Visit:
        context = self.browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        self.contexts.append(context)
        visit = Visit(context.new_page())
        visit.page.on("console", lambda said: None if OFFLINE in said.text else visit.complaints.append(said.text))
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        visit.page.on("request", lambda asked: visit.requests.append(asked.url))
        context.set_offline(offline)
        visit.page.goto(f"{path.as_uri()}{hash}")
        visit.settle()
        return visit

    def close(self) -> None:
        for context in self.contexts:
            context.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visits]:
    visits = Visits(browser)
    yield visits
    visits.close()


def simulated_runs(name: str = "simulated", *, seeds: int = 1, **columns: Any) -> Runs:
    """Runs of a known law with a little noise: 4 sizes, 4 sparsities, 4 amounts of data."""
    grid = np.meshgrid([1e6, 4e6, 16e6, 64e6], [0.0, 0.5, 0.75, 0.875], [1e9, 4e9, 16e9, 64e9], range(seeds))
    N, S, D, seed = (values.ravel() for values in grid)
    loss = PAPER.predict(TRUTH, S, N, D) * np.exp(np.random.default_rng(0).normal(0, 0.003, len(N)))
    frame = pd.DataFrame(
        {"nonzero_params": N, "sparsity": S, "data": D, "loss": loss, "seed": seed.astype(int), **columns}
    )
    return Runs.from_frame(frame, name=name, data_unit="tokens")


def law(parameters, S, N, D):
    """The paper's formula, written out once more."""
    p = parameters
    capacity = (p["a_S"] * (1 - S) ** p["b_S"] + p["c_S"]) * N ** -p["b_N"]
    return capacity + (p["a_D"] / D) ** p["b_D"] + p["c"]


@pytest.fixture(scope="session")
def simulated() -> Study:
    """A study with everything but training curves."""
    runs = simulated_runs()
    fitted = fit(runs, bootstrap=200)
    return study(fitted, runs=runs, comparisons=compare(runs, ("paper", "dense")))


@pytest.fixture(scope="session")
def simulated_page(simulated: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "simulated.html"
    write_page(path, simulated)
    return path


@pytest.fixture
def vit() -> Fit:
    return open_fit("vit-jft")


@pytest.fixture
def printed() -> Callable[..., str]:
    """What a terminal of some width shows of a text."""

    def printed(content: RenderableType, width: int = 120) -> str:
        out = io.StringIO()
        Console(file=out, width=width).print(content)
        return out.getvalue()

    return printed


@pytest.fixture
def words() -> Callable[[str], str]:
    """A text without its line breaks."""
    return lambda content: " ".join(content.split())
