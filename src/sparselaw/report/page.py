"""The report as one HTML file that opens from disk, offline, in any browser: sections, planner, program and plotly.js inlined.

Whatever comes from files is escaped (`report.html`), and a content-security policy lets only this page's own scripts run: each
by its hash. Styles are not restricted, since plotly.js sets style attributes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any, Literal

import numpy as np

from sparselaw import __version__
from sparselaw.files import save
from sparselaw.laws import PowerLaw
from sparselaw.plan import verdict
from sparselaw.plan.answer import Answer
from sparselaw.report.figures import page_palette
from sparselaw.report.html import bullets, json_block, paragraph
from sparselaw.report.record import (
    contours_record,
    controls_record,
    cost_records,
    curves_record,
    fit_record,
    law_record,
    page_record,
    runs_record,
    shared_record,
    state_record,
)
from sparselaw.report.sections import sections
from sparselaw.report.study import Study
from sparselaw.report.text import percent, span, spans
from sparselaw.runs import held_out
from sparselaw.words import say

Plotly = Literal["inline", "cdn"]
FORMULAS = (
    "record", "format", "words", "law", "cost", "search", "storage", "optimum", "lifetime", "estimate", "verdict", "answer",
)  # fmt: skip
"""The part of the page's program that needs no page but its record."""
MODULES = (*FORMULAS, "state", "page", "telling", "charts", "controls", "files", "main")
"""The page's program: files that share one scope, each after those whose constants it reads."""
FOOTER = (
    "N counts non-zero prunable weights: matrices, without embeddings, norms and biases. Losses are in {loss_unit}. FLOPs are "
    "ideal, 6 N D times the cost of zeros over training. The law is that of Frantar et al., arXiv 2309.08520, unless another is "
    "named."
)


def write_page(path: Path, study: Study, *, plotlyjs: Plotly = "inline") -> int:
    """Writes the report of a study.

    Args:
        path: of the HTML file.
        study: what to tell.
        plotlyjs: "inline" (5 MB, offline), or "cdn": loaded from plotly's own server, checked against the hash of the installed
            version; without it the page has its tables but no figures.

    Returns:
        The bytes written.

    Raises:
        UserError: the place cannot be written.
    """
    content = page(study, plotlyjs=plotlyjs).encode("utf-8", "backslashreplace")  # names of files may not be text
    save(path, content)
    return len(content)


@np.errstate(invalid="ignore", divide="ignore", over="ignore")  # as in `study`
def page(study: Study, *, plotlyjs: Plotly = "inline") -> str:
    """The HTML of a report."""
    code, (plotly, source) = program(), _plotly(plotlyjs)
    found = sections(study)
    fitted = study.fitted
    title = f"How sparse? {fitted.name}"
    lead = f"{fitted.num_runs} runs, {fitted.law.name} law, D in {fitted.data_unit}"
    return Template(_web("page.html")).substitute(
        policy=escape(_policy(source, code)),
        version=__version__,
        style=_web("page.css"),
        title=escape(title),
        lead=escape(lead),
        links=" ".join(f'<a href="#{name}">{escape(short)}</a>' for name, short, _ in found),
        notes=bullets(study.notes, look="warnings"),
        **_answer(study),
        sections="\n".join(html for _, _, html in found),
        footer=escape(FOOTER.format(loss_unit=fitted.loss_unit)),
        record=json_block(record_of(study)),
        plotly=plotly,
        program=code,
    )


def record_of(study: Study) -> dict[str, Any]:
    """What the page's program reads."""
    fitted, runs, law = study.fitted, study.runs, study.fitted.law
    return page_record(
        law=law_record(law) if isinstance(law, PowerLaw) else None,
        fit=fit_record(fitted),
        costs=cost_records(study.machines),
        state=_state(study),
        runs=None if runs is None else runs_record(fitted, runs, held_out(fitted.name)),
        contours={name: contours_record(found) for name, found in study.contours.items()} or None,
        curves=curves_record(study.curves),
        palette=page_palette(),
        controls={} if study.answer is None or not isinstance(law, PowerLaw) else controls_record(fitted, law),
        **shared_record(),
    )


def _state(study: Study) -> dict[str, Any] | None:
    asked = study.question
    if study.answer is None:
        return None
    return state_record(study.answer, study.fitted, asked.cost, asked.units_per_datum)


def _answer(study: Study) -> dict[str, str]:
    """The first answer in words, which stands without the page's program."""
    plan = study.answer
    if plan is None:
        said = paragraph(study.no_answer, look="note")
        return {"question": "", "headline": "No optimal sparsity", "certainty": "", "planner": said}
    asked = {"cost_label": cost_records(study.machines)[study.question.cost]["label"]}
    question = say("budget", "_question", verdict.facts(plan) | asked)
    said = bullets(plan.warnings, look="warnings") + bullets(plan.advice)
    return {
        "question": escape(question),
        "headline": escape(verdict.headline(plan)),
        "certainty": "".join(
            f"<div><dt>{escape(value)}</dt><dd>{escape(meaning)}</dd></div>" for value, meaning in _certainties(plan)
        ),
        "planner": f"<noscript>{said}</noscript>\n{_web('planner.html')}",
    }


def _certainties(answer: Answer) -> list[tuple[str, str]]:
    """What stands below the headline, as the page's program says it."""
    S, facts = answer.optimal_sparsity, verdict.facts(answer)
    facts |= {"has_draws": S.bounds is not None}
    sure = span(S.bounds, percent) if S.bounds else say("page", "no_interval", facts)
    near = [] if S.open_question else [(spans(answer.near_optimal_pieces, percent), verdict.part(answer, "_near"))]
    return [(sure, say("page", "certainty", facts)), *near]


def program(modules: Sequence[str] = MODULES) -> str:
    """The files as they are, one after the other: a name that two of them declare is an error of the browser."""
    return "\n".join(_web(f"{name}.js") for name in modules)


def _plotly(how: Plotly) -> tuple[str, str]:
    """The script element of plotly.js, and what the policy calls its source."""
    from plotly.offline import get_plotlyjs, get_plotlyjs_version

    code = get_plotlyjs()
    if how == "inline":
        return f"<script>{code}</script>", _hash(code)
    address = f"https://cdn.plot.ly/plotly-{get_plotlyjs_version()}.min.js"
    checked = _hash(code).strip("'")
    return f'<script src="{address}" integrity="{checked}" crossorigin="anonymous"></script>', address


def _policy(*scripts: str) -> str:
    """Nothing from anywhere but these scripts: sources, or code by its hash."""
    sources = " ".join(script if script.startswith(("'", "https:")) else _hash(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {sources}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; "
        "form-action 'none'"
    )


def _hash(code: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"


def _web(name: str) -> str:
    return (resources.files("sparselaw.report") / "web" / name).read_text(encoding="utf-8")
