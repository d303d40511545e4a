"""Whether a transformer should be sparse, and how sparse: train, fit, plan.

    runs = sparselaw.read_runs("t5-c4")
    fit = sparselaw.fit(runs, bootstrap=1000)
    answer = sparselaw.plan(fit, nonzeros=85e6, flops=5e19)
    print(answer.summary())

Every name below is imported when it is first asked for. `fit`, `plan`, `design` and `report` are packages too, which are called
like functions.
"""

TYPE_CHECKING = False  # the import of typing would take longer than all else here
if TYPE_CHECKING:
    from sparselaw.cost.serving import Gpu as Gpu
    from sparselaw.cost.storage import Memory as Memory
    from sparselaw.cost.training import Cost as Cost
    from sparselaw.design.result import Design as Design
    from sparselaw.design.verb import design as design
    from sparselaw.errors import UserError as UserError
    from sparselaw.fit.comparison import compare as compare
    from sparselaw.fit.inspection import inspect as inspect
    from sparselaw.fit.losses import Loss as Loss
    from sparselaw.fit.published import open_fit as open_fit
    from sparselaw.fit.resampling import bootstrap as bootstrap
    from sparselaw.fit.result import Fit as Fit
    from sparselaw.fit.verb import fit as fit
    from sparselaw.laws.forms import law_named
    from sparselaw.plan.answer import Answer as Answer
    from sparselaw.plan.contours import contours as contours
    from sparselaw.plan.question import Question as Question
    from sparselaw.plan.verb import plan as plan
    from sparselaw.report.verb import report as report
    from sparselaw.runs.readers import read_runs as read_runs
    from sparselaw.runs.table import Runs as Runs

    law = law_named

__version__ = "0.1.0"

_HOMES = {
    "Answer": "plan.answer",
    "Cost": "cost.training",
    "Design": "design.choosing",
    "Fit": "fit.result",
    "Gpu": "cost.serving",
    "Loss": "fit.losses",
    "Memory": "cost.storage",
    "Question": "plan.question",
    "Runs": "runs.table",
    "UserError": "errors",
    "bootstrap": "fit.resampling",
    "compare": "fit.comparison",
    "contours": "plan.contours",
    "inspect": "fit.inspection",
    "law": "laws.forms",
    "open_fit": "fit.published",
    "read_runs": "runs.readers",
}
"""The module of each name."""
_VERBS = ("design", "fit", "plan", "report")
"""Packages that are called."""

__all__ = ["__version__", *_HOMES, *_VERBS]


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in _VERBS:
        return import_module(f"sparselaw.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"sparselaw.{_HOMES[name]}"), "law_named" if name == "law" else name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
