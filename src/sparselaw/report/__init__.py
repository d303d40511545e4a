"""Answers shown: screens, figures, and one HTML page, which `report` writes."""

import sys
from typing import TYPE_CHECKING, Any

from sparselaw.rooms import Verb

if TYPE_CHECKING:
    from sparselaw.report.verb import Report, report

__all__ = ["Report", "report"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sparselaw.report import verb

    return getattr(verb, name)


sys.modules[__name__].__class__ = Verb
